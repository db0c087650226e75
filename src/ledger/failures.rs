//! Details of the newest failed records, with which people find them: ids, names of desktops, files.
//!
//! No such text is kept of other records. Only the table has status, type, pool, user, desktop,
//! bucket, size and flags, so the two cannot contradict each other. Details are kept while the
//! table holds a failed record with their key that the API lists. The commit that removes the
//! record removes them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kept_names::KeptNames;
use super::record::{StoredRecord, UpdateTime};
use super::symbols::truncate;
use records_api::record::{Record, RecordKey, Status, Text, Timestamp};

/// Maximum number of failed records of a project of which details are kept.
pub const MAX_FAILURE_DETAILS: usize = 10_000;

/// Text of the API that may be missing. Long texts are truncated like labels.
type OptionalText = Option<Box<str>>;

/// Texts of a failed record. The table does not hold them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureDetails {
    /// Key of the record.
    pub key: RecordKey,
    /// Start of the recording.
    pub(super) start: Timestamp,
    /// Update time of the read that they come from.
    pub(super) update: UpdateTime,
    /// Id of the record.
    pub id: Box<str>,
    /// Id of the recorded desktop, from a state up to format 3. Since format 4 the table has it, and
    /// the field stays only because it is part of the format.
    pub desktop_id: OptionalText,
    /// Name of the recorded desktop.
    pub desktop_name: OptionalText,
    /// Bucket of the file, likewise.
    pub bucket: OptionalText,
    /// Folder in the bucket.
    pub file_directory: OptionalText,
    /// Name of the video file.
    pub file_name: OptionalText,
}

impl FailureDetails {
    /// Copies the texts of a record that are kept.
    fn new(stored: &StoredRecord, record: &Record<'_>, names: KeptNames) -> Self {
        let name = |text: &Text<'_>| names.file_name(text).map(|text| truncate(text).into());
        Self {
            key: stored.key,
            start: stored.start,
            update: stored.update,
            id: truncate(&record.id).into(),
            desktop_id: None,
            desktop_name: name(&record.desktop_name),
            bucket: None,
            file_directory: name(&record.file_directory),
            file_name: name(&record.video_filename),
        }
    }

    fn has_file_names(&self) -> bool {
        self.desktop_name.is_some() || self.file_directory.is_some() || self.file_name.is_some()
    }

    /// Returns whether a read would give the same details. It does not copy them, because most
    /// failed records that a poll reads are unchanged.
    fn matches(&self, stored: &StoredRecord, record: &Record<'_>, names: KeptNames) -> bool {
        let same = |kept: &OptionalText, text: Option<&str>| match (kept, text) {
            (Some(kept), Some(text)) => **kept == *truncate(text),
            (kept, text) => kept.is_none() && text.is_none(),
        };
        (self.start, self.update) == (stored.start, stored.update)
            && same(&self.desktop_name, names.file_name(&record.desktop_name))
            && same(&self.file_directory, names.file_name(&record.file_directory))
            && same(&self.file_name, names.file_name(&record.video_filename))
    }
}

/// Details of the newest failed records, at most [`MAX_FAILURE_DETAILS`]. Of equal starts, those
/// with the greater key are kept, so that the result does not depend on the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failures {
    by_key: BTreeMap<RecordKey, Arc<FailureDetails>>,
    by_start: BTreeSet<(Timestamp, RecordKey)>,
}

impl Failures {
    /// Returns the details, the newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<FailureDetails>> {
        self.by_start.iter().rev().map(|(_, key)| &self.by_key[key])
    }

    /// Adds the details of a read, unless they are known or too old.
    pub(super) fn add_read(
        &mut self,
        known: &Self,
        stored: &StoredRecord,
        record: &Record<'_>,
        names: KeptNames,
    ) {
        let known = known.by_key.get(&stored.key);
        let is_known = known.is_some_and(|known| known.matches(stored, record, names));
        // Details that would be dropped at once are not copied.
        let is_too_old = self.by_key.len() >= MAX_FAILURE_DETAILS
            && self.by_start.first() > Some(&(stored.start, stored.key));
        // An earlier read of this poll may have been different. It must not replace the known
        // details.
        if is_known || is_too_old {
            self.remove(stored.key);
        } else {
            self.insert(Arc::new(FailureDetails::new(stored, record, names)));
        }
    }

    /// Adds the details of another staging of the same poll. The later update is kept, and of equal
    /// ones the other's, as [`Staging::merge`](super::Staging::merge) does with the records.
    pub(super) fn merge(&mut self, other: Self) {
        for details in other.by_key.into_values() {
            let mine = self.by_key.get(&details.key);
            if mine.is_none_or(|mine| mine.update <= details.update) {
                self.insert(details);
            }
        }
    }

    /// Drops the details of records that start at `end` or later.
    pub(super) fn retain_before(&mut self, end: Timestamp) {
        self.by_key.retain(|_, details| details.start < end);
        self.by_start.retain(|(start, _)| *start < end);
    }

    /// Returns the id of a record, if its details are kept.
    pub(super) fn id_of(&self, key: RecordKey) -> Option<&str> {
        Some(&self.by_key.get(&key)?.id)
    }

    /// Removes the names of desktops and files. Returns whether there were any.
    pub(super) fn forget_file_names(&mut self) -> bool {
        let mut had_names = false;
        for details in self.by_key.values_mut() {
            if details.has_file_names() {
                had_names = true;
                let details = Arc::make_mut(details);
                (details.desktop_name, details.file_directory, details.file_name) =
                    (None, None, None);
            }
        }
        had_names
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Returns the details of a record.
    pub(super) fn get(&self, key: RecordKey) -> Option<&Arc<FailureDetails>> {
        self.by_key.get(&key)
    }

    /// Inserts details, and removes the oldest ones above the limit, which it returns.
    pub(super) fn insert(&mut self, details: Arc<FailureDetails>) -> Option<Arc<FailureDetails>> {
        let (start, key) = (details.start, details.key);
        // The start may have changed. The old one would remain in the index, without details.
        if let Some(earlier) = self.by_key.insert(key, details) {
            self.by_start.remove(&(earlier.start, key));
        }
        self.by_start.insert((start, key));
        if self.by_key.len() <= MAX_FAILURE_DETAILS {
            return None;
        }
        let (_, oldest) = self.by_start.pop_first()?;
        self.by_key.remove(&oldest)
    }

    /// Removes the details of a record.
    fn remove(&mut self, key: RecordKey) {
        if let Some(details) = self.by_key.remove(&key) {
            self.by_start.remove(&(details.start, key));
        }
    }

    /// Removes the details of a record that the API listed, if its change makes them obsolete.
    /// `after` is `None` for a record that left. The transition brings the new details of a record
    /// that moved.
    pub(super) fn record_changed(&mut self, before: &StoredRecord, after: Option<&StoredRecord>) {
        let stays = |after: &StoredRecord| is_failed(after) && after.start == before.start;
        if is_failed(before) && !after.is_some_and(stays) {
            self.remove(before.key);
        }
    }
}

/// Returns whether a record is in a failed status.
pub(super) fn is_failed(record: &StoredRecord) -> bool {
    record.status.status().is_some_and(Status::is_failed)
}

//! What people need to know of the newest failed records to find them: their ids, desktops, files.
//!
//! Of all other records no text is kept. Status, type, pool, user, size and flags stand in the table
//! alone, so that the two cannot disagree: details are kept while the table holds a failed record of
//! their key that the API shows, and leave with it. They come and go by the same commits.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Ledger;
use super::record::{StoredRecord, UpdateTime};
use super::symbols::truncate;
use super::table::Table;
use records_api::record::{Record, RecordKey, Status, Text, Timestamp};

/// Failed records of a project of which details are kept.
pub const MAX_FAILURE_DETAILS: usize = 1000;

/// A text of the API that may be missing. Long ones are truncated like labels.
type OptionalText = Option<Box<str>>;

/// The texts of a failed record that the table does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureDetails {
    /// Of the record.
    pub key: RecordKey,
    /// When the recording began.
    pub(super) start: Timestamp,
    /// Of the reading that told them.
    pub(super) update: UpdateTime,
    /// The record's id.
    pub id: Box<str>,
    /// The desktop that was recorded.
    pub desktop_id: OptionalText,
    /// Its name.
    pub desktop_name: OptionalText,
    /// Bucket of the file.
    pub bucket: OptionalText,
    /// Folder in the bucket.
    pub file_directory: OptionalText,
    /// Name of the video file.
    pub file_name: OptionalText,
}

impl FailureDetails {
    /// What a reading tells of a record.
    fn new(stored: &StoredRecord, record: &Record<'_>) -> Self {
        let kept = |text: &Text<'_>| text.as_deref().map(|text| truncate(text).into());
        Self {
            key: stored.key,
            start: stored.start,
            update: stored.update,
            id: truncate(&record.id).into(),
            desktop_id: kept(&record.desktop_id),
            desktop_name: kept(&record.desktop_name),
            bucket: kept(&record.obs_bucket),
            file_directory: kept(&record.file_directory),
            file_name: kept(&record.video_filename),
        }
    }

    /// Whether a reading tells the same, found out without a copy.
    fn matches(&self, stored: &StoredRecord, record: &Record<'_>) -> bool {
        let same = |kept: &OptionalText, text: &Text<'_>| match (kept, text) {
            (Some(kept), Some(text)) => **kept == *truncate(text),
            (kept, text) => kept.is_none() && text.is_none(),
        };
        (self.start, self.update) == (stored.start, stored.update)
            && same(&self.desktop_id, &record.desktop_id)
            && same(&self.desktop_name, &record.desktop_name)
            && same(&self.bucket, &record.obs_bucket)
            && same(&self.file_directory, &record.file_directory)
            && same(&self.file_name, &record.video_filename)
    }
}

/// The details of the newest failed records, at most [`MAX_FAILURE_DETAILS`]. Of equal starts those with
/// the greater key stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failures {
    by_key: BTreeMap<RecordKey, Arc<FailureDetails>>,
    by_start: BTreeSet<(Timestamp, RecordKey)>,
}

impl Failures {
    /// Those that began last first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<FailureDetails>> {
        self.by_start.iter().rev().map(|(_, key)| &self.by_key[key])
    }

    /// Takes what a reading of a failed record tells, unless it is known.
    pub(super) fn add_read(&mut self, known: &Self, stored: &StoredRecord, record: &Record<'_>) {
        let is_known = known.by_key.get(&stored.key).is_some_and(|d| d.matches(stored, record));
        // Of what is too old to stay no copy is made.
        let is_too_old = self.by_key.len() >= MAX_FAILURE_DETAILS
            && self.by_start.first() > Some(&(stored.start, stored.key));
        if is_known || is_too_old {
            self.remove(stored.key);
        } else {
            self.insert(Arc::new(FailureDetails::new(stored, record)));
        }
    }

    /// Takes over what other readings of the same poll told: the later update stays, and of equal
    /// ones the other's.
    pub(super) fn merge(&mut self, other: Self) {
        for details in other.by_key.into_values() {
            let mine = self.by_key.get(&details.key);
            if mine.is_none_or(|mine| mine.update <= details.update) {
                self.insert(details);
            }
        }
    }

    /// The id of a record of which details are kept.
    pub(super) fn id_of(&self, key: RecordKey) -> Option<&str> {
        Some(&self.by_key.get(&key)?.id)
    }

    fn insert(&mut self, details: Arc<FailureDetails>) {
        let (start, key) = (details.start, details.key);
        if let Some(earlier) = self.by_key.insert(key, details) {
            self.by_start.remove(&(earlier.start, key));
        }
        self.by_start.insert((start, key));
        if self.by_key.len() > MAX_FAILURE_DETAILS
            && let Some((_, oldest)) = self.by_start.pop_first()
        {
            self.by_key.remove(&oldest);
        }
    }

    fn remove(&mut self, key: RecordKey) {
        if let Some(details) = self.by_key.remove(&key) {
            self.by_start.remove(&(details.start, key));
        }
    }

    /// Follows a change of a record that the API listed. `after` is `None` for one that left.
    pub(super) fn record_changed(&mut self, before: &StoredRecord, after: Option<&StoredRecord>) {
        let stays = |after: &StoredRecord| is_failed(after) && after.start == before.start;
        if is_failed(before) && !after.is_some_and(stays) {
            self.remove(before.key);
        }
    }
}

/// Whether a record failed.
pub(super) fn is_failed(record: &StoredRecord) -> bool {
    record.status.status().is_some_and(Status::is_failed)
}

impl Ledger {
    /// The newest failed records that the API shows and of which details are known, the newest
    /// first, with their details: at most [`MAX_FAILURE_DETAILS`].
    pub fn failed(&self) -> impl Iterator<Item = (StoredRecord, &Arc<FailureDetails>)> {
        let failed = self.failures.iter();
        failed.filter_map(|details| Some((self.table.get(details.key)?, details)))
    }

    /// Keeps details, if their record is a failed one that the API lists.
    pub(super) fn insert_failure(&mut self, details: Arc<FailureDetails>) {
        let record = self.table.get(details.key);
        if record.is_some_and(|record| record.is_shown() && is_failed(&record)) {
            self.failures.insert(details);
        }
    }

    /// Of the details that a poll read those that will be among the newest when it is taken over,
    /// with these records and hidden ones.
    pub(super) fn failures_to_commit(
        &self,
        read: &Failures,
        records: &Table,
        hidden: &[RecordKey],
        window_start: Timestamp,
    ) -> Vec<Arc<FailureDetails>> {
        if read.by_key.is_empty() {
            return Vec::new();
        }
        let stays = |details: &FailureDetails| {
            let record = records.get(details.key).or_else(|| self.table.get(details.key));
            details.start >= window_start
                && record.is_some_and(|record| is_failed(&record))
                && hidden.binary_search(&details.key).is_err()
        };
        let mut after = Failures::default();
        for details in self.failures.iter().chain(read.iter()).filter(|details| stays(details)) {
            after.insert(details.clone());
        }
        let is_new = |details: &&Arc<FailureDetails>| {
            after.by_key.get(&details.key).is_some_and(|stays| Arc::ptr_eq(stays, details))
        };
        read.iter().filter(is_new).cloned().collect()
    }
}

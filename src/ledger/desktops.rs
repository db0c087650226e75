//! Totals of the records that the API lists by desktop and pool.
//!
//! The newest start and the latest upload of a desktop are kept as single times: a set of the times of
//! all records would double the memory of a record. When the record with such a time leaves, the next
//! one is unknown, and [`Desktops::find_outdated`] searches all records for it. This is rare, because
//! records leave the window at its other end.

use std::collections::{BTreeMap, BTreeSet};

use super::failures::is_failed;
use super::record::{StoredRecord, UpdateTime};
use super::symbols::LabelId;
use records_api::record::{Status, Timestamp};

/// A desktop and the pool of some of its records. The desktop comes first, so that the pools of a
/// desktop are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DesktopKey {
    /// Desktop; [`LabelId::NONE`] stands for the records without one.
    pub desktop: LabelId,
    /// Desktop pool.
    pub pool: LabelId,
}

/// Totals of the records of a desktop in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DesktopTotals {
    /// Number of records.
    pub records: u64,
    /// Number of failed records.
    pub failed: u64,
    /// Start of the newest record.
    pub last_start: Timestamp,
    /// Greatest update time of a record in `UPLOAD_COMPLETED`; unknown if there is none.
    pub last_upload: UpdateTime,
}

/// Totals by desktop and pool.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Desktops {
    totals: BTreeMap<DesktopKey, DesktopTotals>,
    /// Desktops whose newest record has left.
    outdated_starts: BTreeSet<DesktopKey>,
    /// Desktops whose latest upload has left.
    outdated_uploads: BTreeSet<DesktopKey>,
}

impl Desktops {
    /// Returns the totals.
    pub(super) fn iter(&self) -> impl Iterator<Item = (DesktopKey, &DesktopTotals)> {
        self.totals.iter().map(|(key, totals)| (*key, totals))
    }

    /// Returns the start of the newest record of a desktop.
    pub(super) fn last_start(&self, desktop: LabelId) -> Option<Timestamp> {
        let first = DesktopKey { desktop, pool: LabelId::MIN };
        let last = DesktopKey { desktop, pool: LabelId::MAX };
        self.totals.range(first..=last).map(|(_, totals)| totals.last_start).max()
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: &StoredRecord) {
        let (key, upload) = (DesktopKey::of(record), upload(record));
        let totals = self.totals.entry(key).or_insert(DesktopTotals {
            records: 0,
            failed: 0,
            last_start: record.start,
            last_upload: upload,
        });
        totals.records += 1;
        totals.failed += u64::from(is_failed(record));
        // Most changes remove the newest record and add it again in another status. It is the newest
        // one again then, and nothing has to be searched.
        if record.start >= totals.last_start {
            totals.last_start = record.start;
            self.outdated_starts.remove(&key);
        }
        if upload >= totals.last_upload {
            totals.last_upload = upload;
            self.outdated_uploads.remove(&key);
        }
    }

    /// Removes a record, in the state in which it was added. Call [`Self::find_outdated`] after all
    /// changes of a commit.
    pub(super) fn remove(&mut self, record: &StoredRecord) {
        let (key, upload) = (DesktopKey::of(record), upload(record));
        let totals = self.totals.get_mut(&key).expect("the record was added");
        totals.records -= 1;
        totals.failed -= u64::from(is_failed(record));
        if totals.records == 0 {
            self.totals.remove(&key);
            self.outdated_starts.remove(&key);
            self.outdated_uploads.remove(&key);
            return;
        }
        if record.start >= totals.last_start {
            self.outdated_starts.insert(key);
        }
        if upload.known().is_some() && upload >= totals.last_upload {
            self.outdated_uploads.insert(key);
        }
    }

    /// Finds the newest start and the latest upload of the desktops whose record with this time has
    /// left. `records` are all records that were added.
    pub(super) fn find_outdated(&mut self, records: impl Iterator<Item = StoredRecord>) {
        if self.outdated_starts.is_empty() && self.outdated_uploads.is_empty() {
            return;
        }
        let starts = std::mem::take(&mut self.outdated_starts);
        let uploads = std::mem::take(&mut self.outdated_uploads);
        let mut found: BTreeMap<DesktopKey, (Option<Timestamp>, UpdateTime)> =
            starts.union(&uploads).map(|key| (*key, (None, None.into()))).collect();
        for record in records {
            if let Some((start, last_upload)) = found.get_mut(&DesktopKey::of(&record)) {
                *start = (*start).max(Some(record.start));
                *last_upload = (*last_upload).max(upload(&record));
            }
        }
        for (key, (start, last_upload)) in found {
            if let Some(totals) = self.totals.get_mut(&key) {
                totals.last_start = start.unwrap_or(totals.last_start);
                totals.last_upload = last_upload;
            }
        }
    }
}

impl DesktopKey {
    pub(super) fn of(record: &StoredRecord) -> Self {
        Self { desktop: record.desktop, pool: record.pool }
    }
}

/// Returns the time of a record's upload. Records without an upload have an unknown time, which is
/// less than every other one.
fn upload(record: &StoredRecord) -> UpdateTime {
    let is_uploaded = record.status.status() == Some(Status::UploadCompleted);
    if is_uploaded { record.update } else { None.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::terms::TermId;
    use records_api::record::RecordKey;

    fn record(id: u32, start: i64, desktop: u32, status: Status) -> StoredRecord {
        let start = Timestamp::from_millis(start);
        let mut record = StoredRecord::new(RecordKey::of(&id.to_string()), start);
        record.desktop = LabelId::from_number(2 + desktop);
        record.pool = LabelId::from_number(desktop % 2);
        record.status = TermId::from(status);
        record.update = Some(start.plus_millis(i64::from(id % 7))).into();
        record
    }

    proptest! {
        #[test]
        fn totals_equal_those_of_the_records_that_are_left(
            steps in prop::collection::vec((0..20_u32, 0..6_i64, 0..3_u32, 0..7_usize), 1..120)
        ) {
            let mut desktops = Desktops::default();
            let mut model: BTreeMap<u32, StoredRecord> = BTreeMap::new();
            for (number, (id, start, desktop, status)) in steps.into_iter().enumerate() {
                if let Some(earlier) = model.remove(&id) {
                    desktops.remove(&earlier);
                }
                if let Some(status) = Status::ALL.get(status) {
                    let record = record(id, start, desktop, *status);
                    desktops.add(&record);
                    model.insert(id, record);
                }
                // A commit has several changes.
                if number % 3 == 0 {
                    desktops.find_outdated(model.values().copied());
                    let mut expected = Desktops::default();
                    for record in model.values() {
                        expected.add(record);
                    }
                    prop_assert_eq!(&desktops, &expected);
                }
            }
        }
    }
}

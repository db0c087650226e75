//! Flows: how often records entered and left each status.
//!
//! These are the counts of a perfect observer from the start of the world on. The records that the
//! world begins with are not entries. In every cell, `present = initial + entered - left` while
//! only statuses change. An edit that moves a record to another type, pool or user changes
//! `initial` of both cells.

use std::collections::BTreeMap;

use super::record::{Kind, Record, Status};

/// Status, type and pool.
pub type PoolCell = (Status, Kind, Option<u32>);
/// User and status.
pub type UserCell = (Option<u32>, Status);

/// The counts of one cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// Records in the cell when the world began, plus or minus those that edits of type, pool or
    /// user moved.
    pub initial: i64,
    /// Entries into the status: new records, reappearances, transitions.
    pub entered: u64,
    /// Departures from the status: transitions, deletions, disappearances.
    pub left: u64,
}

impl Flow {
    /// Number of records that are in the cell now.
    pub fn present(&self) -> i64 {
        let entered = i64::try_from(self.entered).unwrap_or(i64::MAX);
        let left = i64::try_from(self.left).unwrap_or(i64::MAX);
        self.initial + entered - left
    }
}

/// Size in bytes and duration in seconds of the records at each entry into `UPLOAD_COMPLETED`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Their `size`. A missing one counts as 0.
    pub size: i64,
    /// Their `duration`. A missing one counts as 0.
    pub duration: i64,
}

/// Entries and departures by status, type and pool, and by user and status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    /// By status, type and pool.
    pub pools: BTreeMap<PoolCell, Flow>,
    /// By user and status.
    pub users: BTreeMap<UserCell, Flow>,
    /// Records that became visible after the world began, by type and pool.
    pub appeared: BTreeMap<(Kind, Option<u32>), u64>,
    /// Uploads by type and pool.
    pub uploaded: BTreeMap<(Kind, Option<u32>), Uploaded>,
}

impl Flows {
    pub(crate) fn count_initial(&mut self, record: &Record) {
        self.update(record, |flow| flow.initial += 1);
    }

    pub(crate) fn count_appearance(&mut self, record: &Record) {
        self.count_entry(record);
        *self.appeared.entry((record.kind, record.pool)).or_default() += 1;
    }

    pub(crate) fn count_disappearance(&mut self, record: &Record) {
        self.update(record, |flow| flow.left += 1);
    }

    pub(crate) fn count_change(&mut self, before: &Record, after: &Record) {
        if before.status != after.status {
            self.update(before, |flow| flow.left += 1);
            self.count_entry(after);
        } else if (before.kind, before.pool, before.user) != (after.kind, after.pool, after.user) {
            self.update(before, |flow| flow.initial -= 1);
            self.update(after, |flow| flow.initial += 1);
        }
    }

    fn count_entry(&mut self, record: &Record) {
        self.update(record, |flow| flow.entered += 1);
        if record.status == Status::UploadCompleted {
            let uploaded = self.uploaded.entry((record.kind, record.pool)).or_default();
            uploaded.size += record.size.unwrap_or(0);
            uploaded.duration += record.duration.map_or(0, i64::from);
        }
    }

    fn update(&mut self, record: &Record, mut count: impl FnMut(&mut Flow)) {
        count(self.pools.entry((record.status, record.kind, record.pool)).or_default());
        count(self.users.entry((record.user, record.status)).or_default());
    }
}

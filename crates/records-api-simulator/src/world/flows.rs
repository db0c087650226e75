//! The books of a world: how often records entered and left each status.
//!
//! This is what an observer who misses nothing would count from the world's first moment on. The
//! history that a world begins with is no entry. For every cell,
//! `present = initial + entered - left`, as long as only statuses change; an edit that moves a
//! record to another type, pool or user moves it from `initial` to `initial`.

use std::collections::BTreeMap;

use super::record::{Kind, Record, Status};

/// Status, type and pool.
pub type PoolCell = (Status, Kind, Option<u32>);
/// User and status.
pub type UserCell = (Option<u32>, Status);

/// The counts of one cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// What was there when the world began, or moved here by an edit of its labels.
    pub initial: i64,
    /// Entries into the status: births, appearances, changes.
    pub entered: u64,
    /// Departures from the status: changes, deletions, disappearances.
    pub left: u64,
}

impl Flow {
    /// How many records are in the cell now.
    pub fn present(&self) -> i64 {
        let entered = i64::try_from(self.entered).unwrap_or(i64::MAX);
        let left = i64::try_from(self.left).unwrap_or(i64::MAX);
        self.initial + entered - left
    }
}

/// Counts of entries and departures by (status, type, pool) and by (user, status).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    /// By status, type and pool.
    pub pools: BTreeMap<PoolCell, Flow>,
    /// By user and status.
    pub users: BTreeMap<UserCell, Flow>,
    /// Records that became visible after the beginning, by type and pool.
    pub appeared: BTreeMap<(Kind, Option<u32>), u64>,
}

impl Flows {
    pub(crate) fn count_initial(&mut self, record: &Record) {
        self.update(record, |flow| flow.initial += 1);
    }

    pub(crate) fn count_appearance(&mut self, record: &Record) {
        self.update(record, |flow| flow.entered += 1);
        *self.appeared.entry((record.kind, record.pool)).or_default() += 1;
    }

    pub(crate) fn count_disappearance(&mut self, record: &Record) {
        self.update(record, |flow| flow.left += 1);
    }

    pub(crate) fn count_change(&mut self, before: &Record, after: &Record) {
        if before.status != after.status {
            self.update(before, |flow| flow.left += 1);
            self.update(after, |flow| flow.entered += 1);
        } else if (before.kind, before.pool, before.user) != (after.kind, after.pool, after.user) {
            self.update(before, |flow| flow.initial -= 1);
            self.update(after, |flow| flow.initial += 1);
        }
    }

    fn update(&mut self, record: &Record, mut count: impl FnMut(&mut Flow)) {
        count(self.pools.entry((record.status, record.kind, record.pool)).or_default());
        count(self.users.entry((record.user, record.status)).or_default());
    }
}

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

/// Entries and departures by status, type and pool, and by user and status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    /// By status, type and pool.
    pub pools: BTreeMap<PoolCell, Flow>,
    /// By user and status.
    pub users: BTreeMap<UserCell, Flow>,
    /// Records that became visible after the world began, by type and pool.
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

//! What a reading is about, and what it says in the end.

use std::collections::BTreeMap;

use super::anomalies::Anomalies;
use super::error::SyncError;
use records_api::record::{RejectionReason, Status, TimeRange, Timestamp};

/// What is to be read: the records that start in a stretch of time, all or those of one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Start times of the records that belong to it.
    pub range: TimeRange,
    /// Only records in this status. What is not shown then may be there all the same.
    pub status: Option<Status>,
}

impl Extent {
    /// Returns the extent of all records that start in a range.
    pub const fn all(range: TimeRange) -> Self {
        Self { range, status: None }
    }

    /// Returns the extent of all records that start at `start` or later.
    pub const fn since(start: Timestamp) -> Self {
        Self::all(TimeRange::since(start))
    }
}

/// What a complete reading says beside the records themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadSummary {
    /// Lower edge of the window, inclusive.
    pub window_start: Timestamp,
    /// Rows read, each counted once.
    pub rows: u64,
    /// Rows that could not be understood.
    pub rejected: BTreeMap<RejectionReason, u64>,
    /// Records with a value that could not be understood, by field.
    pub unknown_values: BTreeMap<&'static str, u64>,
    /// Both, by where they lie.
    pub anomalies: Anomalies,
    /// The API's own count of the window, if it gave a usable one.
    pub reported: Option<u64>,
    /// Rows that did not match the filter that was asked for.
    pub unfiltered: u64,
    /// The API counts right: what it said first is what came.
    pub count_matches: bool,
    /// It showed records that began before the bound: its counts do not go by the start.
    pub lists_earlier: bool,
    /// It pays no heed to the bound.
    pub ignores_bound: bool,
    /// The first start that was shown at the beginning or later.
    pub first_start: Option<Timestamp>,
    /// The first start that was shown where an extent ends, or later.
    pub first_start_beyond: Option<Timestamp>,
}

/// More rejected rows than this, and more than 1% of those that were read, fail a poll.
const TOLERATED_REJECTIONS: u64 = 10;

impl ReadSummary {
    /// Whether enough of the rows could be understood. Of a poll that reads only a part of the
    /// `known` records a few broken rows would be many.
    ///
    /// # Errors
    ///
    /// [`SyncError::Rejected`].
    pub fn check_rejections(&self, known: u64) -> Result<(), SyncError> {
        let rejected: u64 = self.rejected.values().sum();
        let too_many = rejected > TOLERATED_REJECTIONS && rejected * 100 > self.rows.max(known);
        if too_many { Err(self.rejection()) } else { Ok(()) }
    }

    pub(super) fn rejection(&self) -> SyncError {
        let reasons = self.rejected.iter();
        let reasons = reasons.map(|(reason, count)| format!("{}: {count}", reason.as_str()));
        SyncError::Rejected {
            rejected: self.rejected.values().sum(),
            rows: self.rows,
            reasons: reasons.collect::<Vec<_>>().join(", "),
        }
    }

    /// Adds what another reading of the same poll says.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        for (reason, count) in other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
        self.anomalies.merge(other.anomalies);
        self.unfiltered += other.unfiltered;
        self.lists_earlier |= other.lists_earlier;
        self.ignores_bound |= other.ignores_bound;
    }
}

//! The input of a read, and its summary.

use std::collections::BTreeMap;

use super::anomalies::Anomalies;
use super::error::SyncError;
use records_api::record::{RejectionReason, Status, TimeRange, Timestamp};

/// The records to read: those that start in a range of time, either all or those of one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Start times of the records that belong to the extent.
    pub range: TimeRange,
    /// The only status to list; `None` for all. A record that such a list omits may still exist, in
    /// another status.
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

/// Result of a complete read, except for the records themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadSummary {
    /// Lower edge of the window, inclusive.
    pub window_start: Timestamp,
    /// Number of rows read. A row that was read several times counts once.
    pub rows: u64,
    /// Number of rejected rows, by reason.
    pub rejected: BTreeMap<RejectionReason, u64>,
    /// Number of records with a value that could not be interpreted, by field.
    pub unknown_values: BTreeMap<&'static str, u64>,
    /// Rejected rows and unknown values with their places in the window.
    pub anomalies: Anomalies,
    /// The API's count of the window; `None` if it gave no usable one.
    pub reported: Option<u64>,
    /// Number of rows that did not match the requested filter.
    pub unfiltered: u64,
    /// Meaning of the count in the first answer.
    pub count: CountMeaning,
    /// True if the API listed records that start before the lower bound. Its counts then include
    /// records of which the ledger knows nothing.
    pub lists_earlier: bool,
    /// True if the API ignores the lower bound.
    pub ignores_bound: bool,
    /// Start up to which everything was read, if the list went on and its rest was left to the next
    /// poll.
    pub open_end: Option<Timestamp>,
    /// First listed start at the beginning of the extent or later.
    pub first_start: Option<Timestamp>,
    /// First listed start at the end of the extent or later.
    pub first_start_beyond: Option<Timestamp>,
}

/// Meaning of a count, as far as the rows show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CountMeaning {
    /// The count is missing or differs from the number of rows.
    #[default]
    Unknown,
    /// It equals the number of rows that were read, apart from those that began later.
    AllRows,
    /// It equals the number of rows in its own answer, and more rows followed.
    RowsOfPage,
}

/// A poll fails if more rows than this, and more than 1% of all rows, are rejected.
const TOLERATED_REJECTIONS: u64 = 10;

impl ReadSummary {
    /// Checks that enough of the rows could be interpreted. `known` is the number of known records:
    /// in a poll that reads few of them, a few rejected rows would exceed 1%.
    ///
    /// # Errors
    ///
    /// Returns [`SyncError::Rejected`] if more than 10 rows, and more than 1%, were rejected.
    pub fn check_rejections(&self, known: u64) -> Result<(), SyncError> {
        let rejected: u64 = self.rejected.values().sum();
        let too_many = rejected > TOLERATED_REJECTIONS && rejected * 100 > self.rows.max(known);
        if too_many { Err(self.rejection()) } else { Ok(()) }
    }

    /// Returns the error that lists the rejected rows by reason.
    pub(super) fn rejection(&self) -> SyncError {
        let reasons = self.rejected.iter();
        let reasons = reasons.map(|(reason, count)| format!("{}: {count}", reason.as_str()));
        SyncError::Rejected {
            rejected: self.rejected.values().sum(),
            rows: self.rows,
            reasons: reasons.collect::<Vec<_>>().join(", "),
        }
    }

    /// Adds the summary of another read of the same poll.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        for (reason, count) in other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
        self.anomalies.merge(other.anomalies);
        self.unfiltered += other.unfiltered;
        self.lists_earlier |= other.lists_earlier;
        self.ignores_bound |= other.ignores_bound;
        self.open_end = self.open_end.into_iter().chain(other.open_end).min();
    }
}

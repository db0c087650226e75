//! The counts that the API should report, computed from the ledger.

use crate::ledger::{Counted, Ledger, PendingCounts};
use records_api::record::{TimeRange, Timestamp};

/// A range of counts, both ends inclusive: the possible values of a count that is not known
/// exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) struct CountRange {
    pub(in crate::sync) low: i64,
    pub(in crate::sync) high: i64,
}

impl CountRange {
    /// Returns the range of the difference between this count and another.
    pub(in crate::sync) fn minus(self, other: Self) -> Self {
        Self { low: self.low - other.high, high: self.high - other.low }
    }

    /// Returns by how much this count at least exceeds the other one; negative if it is smaller, 0
    /// if the ranges overlap.
    pub(in crate::sync) fn least_difference(self, other: Self) -> i64 {
        (self.low - other.high).max(0) + (self.high - other.low).min(0)
    }

    /// True if only one value is possible.
    pub(in crate::sync) fn is_exact(self) -> bool {
        self.low == self.high
    }
}

/// A count that no window reaches. Sums of counts up to it do not overflow.
pub(in crate::sync) const MAX_COUNT: u64 = 1 << 40;

/// Converts a count of the API, which may be any number. Greater ones become [`MAX_COUNT`].
pub(in crate::sync) fn clamped(count: u64) -> i64 {
    i64::try_from(count.min(MAX_COUNT)).expect("MAX_COUNT fits into an i64")
}

/// Records that are counted but not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) struct Surplus {
    /// Start of the range in which they were counted.
    pub(in crate::sync) start: Timestamp,
    /// Number of records; negative if the API lists more than it counts.
    pub(in crate::sync) records: i64,
}

/// Everything that determines the expected value of a count.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct ExpectedCounts<'a> {
    pub(in crate::sync) counted: Counted,
    pub(in crate::sync) ledger: &'a Ledger,
    /// Changes that the poll under way has read.
    pub(in crate::sync) pending: &'a PendingCounts,
    /// Records that are counted but not listed.
    pub(in crate::sync) surplus: &'a [Surplus],
}

impl ExpectedCounts<'_> {
    /// Returns the expected count of the records that start at `from` or later. An API that
    /// compares strictly (`>`), in whole seconds, leaves out the records in the second of `from`.
    pub(in crate::sync) fn since(&self, from: Timestamp) -> CountRange {
        let number = |from: Timestamp| {
            let known = self.ledger.number_since(self.counted, from);
            let surplus = self.surplus.iter().filter(|surplus| surplus.start >= from);
            let surplus = surplus.map(|surplus| surplus.records);
            clamped(known) + self.pending.since(self.counted, from) + surplus.sum::<i64>()
        };
        let (all, later) = (number(from), number(from.plus_millis(1000)));
        CountRange { low: all.min(later), high: all.max(later) }
    }

    /// Returns the expected difference between the counts from the start of a range and from its
    /// end.
    pub(in crate::sync) fn within(&self, range: TimeRange) -> CountRange {
        let since_start = self.since(range.start);
        let mut bounds = range.end.map_or(since_start, |end| since_start.minus(self.since(end)));
        // Records in flight may have been uploaded since they were read. Without this margin, each
        // upload would look like a difference and its range would be read again.
        if self.counted == Counted::Uploaded {
            let end = range.end.map(|end| end.plus_millis(1000));
            let flights = self.ledger.in_flight_in(TimeRange { start: range.start, end });
            bounds.high += clamped(flights);
        }
        bounds
    }
}

//! What the API should count, by what is known.

use crate::ledger::{Counted, Ledger, PendingCounts};
use records_api::record::{TimeRange, Timestamp};

/// A number that is known to lie between two others, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) struct CountRange {
    pub(in crate::sync) low: i64,
    pub(in crate::sync) high: i64,
}

impl CountRange {
    /// The least and the most of the difference to another number.
    pub(in crate::sync) fn minus(self, other: Self) -> Self {
        Self { low: self.low - other.high, high: self.high - other.low }
    }

    /// How far this number is from another one at least: above it, or below it.
    pub(in crate::sync) fn least_difference(self, other: Self) -> i64 {
        (self.low - other.high).max(0) + (self.high - other.low).min(0)
    }

    pub(in crate::sync) fn is_exact(self) -> bool {
        self.low == self.high
    }
}

/// No window holds so many records: a number that a sum cannot overflow with.
pub(in crate::sync) const MAX_COUNT: u64 = 1 << 40;

/// A count that is as hostile as it likes.
pub(in crate::sync) fn clamped(count: u64) -> i64 {
    i64::try_from(count.min(MAX_COUNT)).expect("it is small")
}

/// Records that are counted but not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) struct Surplus {
    /// Where they seem to start.
    pub(in crate::sync) start: Timestamp,
    /// How many there are; negative for records that are listed but not counted.
    pub(in crate::sync) records: i64,
}

/// What is known.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct ExpectedCounts<'a> {
    pub(in crate::sync) counted: Counted,
    pub(in crate::sync) ledger: &'a Ledger,
    /// What the poll under way has found.
    pub(in crate::sync) pending: &'a PendingCounts,
    /// Records that are counted but not listed, by where they seem to start.
    pub(in crate::sync) surplus: &'a [Surplus],
}

impl ExpectedCounts<'_> {
    /// The count of what starts at `from` or later. A bound may mean later (`>`) and count in whole
    /// seconds, so what starts in the second of it may be left out.
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

    /// The difference of the counts from the start of a range on and from its end on. What is in
    /// flight may have been uploaded since it was read.
    pub(in crate::sync) fn within(&self, range: TimeRange) -> CountRange {
        let since_start = self.since(range.start);
        let mut bounds = range.end.map_or(since_start, |end| since_start.minus(self.since(end)));
        if self.counted == Counted::Uploaded {
            let end = range.end.map(|end| end.plus_millis(1000));
            let flights = self.ledger.in_flight_in(TimeRange { start: range.start, end });
            bounds.high += clamped(flights);
        }
        bounds
    }
}

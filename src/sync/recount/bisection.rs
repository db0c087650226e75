//! Locates the difference between the API's counts and the ledger by bisection.
//!
//! The API counts the records from a start on, so two requests give the count of the range between
//! them. A range that differs is divided until it is small enough to be read.
//!
//! The counts are taken one after the other, and the window changes in between. Therefore the
//! window is counted again, at the end at the latest, and the change is a tolerance of all other
//! counts: a range is read again only if its difference cannot be explained by it.

use crate::ledger::{Counted, Ledger, PendingCounts, Staging};
use crate::sync::extent::Extent;
use crate::sync::recount::expected::{CountRange, ExpectedCounts, Surplus, clamped};
use records_api::record::{TimeRange, Timestamp};

/// Maximum number of counts that a search requests.
const MAX_COUNT_REQUESTS: usize = 64;
/// A range of at most this many pages is read rather than divided.
const WHOLE_READ_PAGES: u64 = 2;
/// Number of seconds among which a bound is chosen. In a second in which no record starts, it makes
/// no difference whether the API compares with `>` or `>=`.
const QUIET_SECONDS: u32 = 60;
/// Reading more than this fraction (1/n) of the window again without a result is costly.
const COSTLY_SHARE: u64 = 4;
/// This many pages are not costly, whatever their share of the window.
const CHEAP_PAGES: u64 = 16;

/// State of a poll that starts a search.
#[derive(Debug, Clone, Copy)]
pub struct BisectionContext<'a> {
    /// Records known before the poll.
    pub ledger: &'a Ledger,
    /// Rows that the poll has read so far.
    pub staging: &'a Staging,
    /// Range to search, from the lower edge of the window on. Every poll reads the records that
    /// start after it.
    pub range: TimeRange,
    /// Rows per page.
    pub page_size: u32,
}

/// A search in progress: request the counts from [`Self::next_bounds`], pass them to
/// [`Self::take`], repeat while it returns bounds, then read [`Self::extents`].
#[derive(Debug)]
pub struct CountBisection {
    counted: Counted,
    /// Rows per page.
    page_size: u64,
    /// Changes that the poll has read so far.
    pending: PendingCounts,
    /// Records that are counted but not listed.
    surplus: Vec<Surplus>,
    /// End of the range to search.
    end: Option<Timestamp>,
    /// Counts so far, in the order of their bounds. The first is that of the window.
    points: Vec<Point>,
    /// Changes of the window's count since the first one, from the least to the greatest.
    drift: CountRange,
    /// True if the last counts include one of the window.
    is_window_recounted: bool,
    /// Number of counts requested, without those of the window.
    requested: usize,
    /// Differences whose ranges are read.
    found: Vec<Difference>,
}

/// A bound and its count.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Timestamp,
    /// The API's count of the records that start at `at` or later.
    count: i64,
}

/// A range in which the count differs.
#[derive(Debug, Clone, Copy)]
struct Difference {
    /// Range from one point to the next.
    range: TimeRange,
    /// The API's count of the range.
    counted: CountRange,
    /// Number of records by which the count at least exceeds the expected one, or falls below it if
    /// negative.
    by: i64,
}

/// Result of a search whose ranges have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sync) struct BisectionResult {
    /// Records that the API counts but did not list in the ranges.
    pub(in crate::sync) surplus: Vec<Surplus>,
    /// Difference in the range after the last point, which every poll reads.
    pub(in crate::sync) beyond: Option<i64>,
    /// True if a range was read again.
    pub(in crate::sync) has_read: bool,
    /// True if ranges were read again and no difference changed.
    pub(in crate::sync) is_fruitless: bool,
    /// True if a large part of the window was read again.
    pub(in crate::sync) is_costly: bool,
}

impl CountBisection {
    pub(in crate::sync) fn new(
        expected: ExpectedCounts<'_>,
        total: u64,
        range: TimeRange,
        page_size: u32,
    ) -> Self {
        let window = Point { at: range.start, count: clamped(total) };
        Self {
            counted: expected.counted,
            page_size: page_size.into(),
            pending: expected.pending.clone(),
            surplus: expected.surplus.to_vec(),
            end: range.end,
            points: vec![window],
            drift: CountRange { low: 0, high: 0 },
            is_window_recounted: true,
            requested: 0,
            found: Vec::new(),
        }
    }

    /// Returns the bounds of the counts to request next. Empty if the search is complete.
    pub fn next_bounds(&self, ledger: &Ledger) -> Vec<Timestamp> {
        let begin = self.points[0].at;
        if self.points.len() == 1 {
            let end = self.end.map(|end| ledger.quietest_second(end, QUIET_SECONDS));
            let end = end.filter(|end| *end > begin);
            return end.map_or_else(Vec::new, |end| vec![end, begin]);
        }
        let differences = self.differences(ledger);
        let mut bounds: Vec<_> =
            differences.iter().filter_map(|found| self.middle(ledger, found.range)).collect();
        // Counts that differ everywhere would be requested without end. What was found so far is
        // read.
        if self.requested + bounds.len() > MAX_COUNT_REQUESTS {
            bounds.clear();
        }
        // As long as the window's count does not change, one more at the end proves that it did
        // not. Once it has changed, its range must be known for each round of counts.
        let is_over = bounds.is_empty();
        if is_over && !self.is_window_recounted || !is_over && !self.drift.is_exact() {
            bounds.push(begin);
        }
        bounds
    }

    /// Takes the counts for the bounds.
    pub fn take(&mut self, answers: impl IntoIterator<Item = (Timestamp, u64)>) {
        self.is_window_recounted = false;
        for (at, count) in answers {
            let (first, count) = (self.points[0], clamped(count));
            if at == first.at {
                let drift = count - first.count;
                self.drift.low = self.drift.low.min(drift);
                self.drift.high = self.drift.high.max(drift);
                self.is_window_recounted = true;
            } else {
                self.points.push(Point { at, count });
                self.requested += 1;
            }
        }
        self.points.sort_by_key(|point| point.at);
    }

    /// Ends the search. Returns the extents to read again.
    pub fn extents(&mut self, ledger: &Ledger) -> Vec<Extent> {
        self.found = self.differences(ledger);
        let mut extents: Vec<Extent> = Vec::new();
        for Difference { range, .. } in &self.found {
            // An API that compares strictly counts the records in the second of the bound on this
            // side.
            let end = range.end.map(|end| end.plus_millis(1000));
            match extents.last_mut() {
                Some(last) if last.range.end >= Some(range.start) => last.range.end = end,
                _ => extents.push(Extent::all(TimeRange { start: range.start, end })),
            }
        }
        extents
    }

    /// True if both searches found the same ranges. Reading them again changes nothing then.
    pub fn found_the_same(&self, other: &Self) -> bool {
        let ranges =
            |search: &Self| search.found.iter().map(|found| found.range).collect::<Vec<_>>();
        ranges(self) == ranges(other)
    }

    /// Returns the result, once the rows of the extents have been committed.
    pub(in crate::sync) fn outcome(&self, ledger: &Ledger) -> BisectionResult {
        let none = PendingCounts::default();
        let expected = ExpectedCounts { pending: &none, ..self.expected(ledger) };
        let remaining =
            |found: &Difference| found.counted.least_difference(expected.within(found.range));
        // In a window that changed meanwhile, a difference may be the change. Noted as a surplus it
        // would hide a real difference later.
        let surplus = self.found.iter().filter(|_| self.drift.is_exact());
        let surplus =
            surplus.map(|found| Surplus { start: found.range.start, records: remaining(found) });
        let last = self.points[1..].last().filter(|_| self.drift.is_exact());
        let beyond =
            last.map(|last| self.counted_since(*last).least_difference(expected.since(last.at)));
        let read: u64 = self.found.iter().map(|found| ledger.count_in(found.range)).sum();
        BisectionResult {
            surplus: surplus.filter(|surplus| surplus.records != 0).collect(),
            beyond: beyond.filter(|by| *by != 0),
            has_read: !self.found.is_empty(),
            is_fruitless: !self.found.is_empty()
                && self.found.iter().all(|found| remaining(found) == found.by),
            is_costly: read * COSTLY_SHARE > ledger.shown_since(self.points[0].at)
                && read > CHEAP_PAGES * self.page_size,
        }
    }

    /// Returns the ranges between neighbouring points in which the count is not as expected.
    fn differences(&self, ledger: &Ledger) -> Vec<Difference> {
        let expected = self.expected(ledger);
        let pairs = self.points.windows(2).map(|pair| {
            let range = TimeRange::new(pair[0].at, pair[1].at);
            let counted = self.counted_since(pair[0]).minus(self.counted_since(pair[1]));
            Difference { range, counted, by: counted.least_difference(expected.within(range)) }
        });
        pairs.filter(|found| found.by != 0).collect()
    }

    /// Returns a bound that halves the records of a range; `None` if the range is small enough to
    /// read or cannot be divided.
    fn middle(&self, ledger: &Ledger, range: TimeRange) -> Option<Timestamp> {
        let rows = ledger.count_in(range);
        if rows <= self.page_size * WHOLE_READ_PAGES {
            return None;
        }
        let middle = ledger.start_at(rows / 2, range.start)?;
        let middle = ledger.quietest_second(middle, QUIET_SECONDS);
        (range.starts_before(middle) && range.contains(middle)).then_some(middle)
    }

    /// Returns the API's count from a point on, as it was when the window was first counted.
    fn counted_since(&self, point: Point) -> CountRange {
        if point.at == self.points[0].at {
            return CountRange { low: point.count, high: point.count };
        }
        CountRange { low: point.count - self.drift.high, high: point.count - self.drift.low }
    }

    fn expected<'a>(&'a self, ledger: &'a Ledger) -> ExpectedCounts<'a> {
        ExpectedCounts {
            counted: self.counted,
            ledger,
            pending: &self.pending,
            surplus: &self.surplus,
        }
    }
}

#[cfg(test)]
mod tests;

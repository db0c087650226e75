//! Where in the window a count differs from what is known: narrowed down by counting what starts
//! at this moment or later, and at that one.
//!
//! Counts are not of one moment: while the search asks, the window changes. The window itself is
//! counted again, at the end at the latest, and what it changed by is allowed for, so that a
//! stretch is only read again where its count cannot be explained otherwise.

use crate::ledger::{Counted, Ledger, PendingCounts, Staging};
use crate::sync::extent::Extent;
use crate::sync::recount::expected::{CountRange, ExpectedCounts, Surplus, clamped};
use records_api::record::{TimeRange, Timestamp};

/// Counts that a search asks for at most.
const MAX_COUNT_REQUESTS: usize = 64;
/// A stretch of so many pages is read rather than divided.
const WHOLE_READ_PAGES: u64 = 2;
/// Seconds that are looked at for one in which nothing starts, so that it does not matter whether
/// a bound means this moment too.
const QUIET_SECONDS: u32 = 60;
/// Reading this part of the window again for nothing is dear, if it is more than some pages.
const COSTLY_SHARE: u64 = 4;
/// So many pages are not dear.
const CHEAP_PAGES: u64 = 16;

/// A poll that begins a search.
#[derive(Debug, Clone, Copy)]
pub struct BisectionContext<'a> {
    /// Records that are known.
    pub ledger: &'a Ledger,
    /// What the poll has read so far.
    pub staging: &'a Staging,
    /// Start times to search, from the lower edge of the window on. What starts later was read by
    /// this poll, as by every other one.
    pub range: TimeRange,
    /// Rows of a page.
    pub page_size: u32,
}

/// A search under way.
#[derive(Debug)]
pub struct CountBisection {
    counted: Counted,
    /// Rows of a page.
    page_size: u64,
    /// What the poll has found so far.
    pending: PendingCounts,
    /// Records that are counted but not listed, by where they seem to start.
    surplus: Vec<Surplus>,
    /// The end of what is searched: what starts later is read by every poll.
    end: Option<Timestamp>,
    /// Where was counted, in order: first the window.
    points: Vec<Point>,
    /// What the window's count has changed by since it was first counted, at times.
    drift: CountRange,
    /// Whether the window was counted after everything else.
    is_window_recounted: bool,
    requested: usize,
    found: Vec<Difference>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Timestamp,
    /// The API's count of what starts here or later.
    count: i64,
}

/// Where the count differs, and by how much.
#[derive(Debug, Clone, Copy)]
struct Difference {
    /// From one point until the next one.
    range: TimeRange,
    /// The API's count of what starts in the range.
    counted: CountRange,
    by: i64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sync) struct BisectionResult {
    /// What is counted though a reading did not list it, by where it seems to start.
    pub(in crate::sync) surplus: Vec<Surplus>,
    /// By how much the count of what every poll reads differs.
    pub(in crate::sync) beyond: Option<i64>,
    /// Whether something was read again.
    pub(in crate::sync) has_read: bool,
    /// Whether none of it explains the difference.
    pub(in crate::sync) is_fruitless: bool,
    /// Whether it was much.
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

    /// Moments to count from next. None: the search is over.
    pub fn next_bounds(&self, ledger: &Ledger) -> Vec<Timestamp> {
        let begin = self.points[0].at;
        if self.points.len() == 1 {
            let end = self.end.map(|end| ledger.quietest_second(end, QUIET_SECONDS));
            let end = end.filter(|end| *end > begin);
            return end.map_or_else(Vec::new, |end| vec![end, begin]);
        }
        let asks = self.differences(ledger);
        let mut asks: Vec<_> =
            asks.iter().filter_map(|found| self.middle(ledger, found.range)).collect();
        if self.requested + asks.len() > MAX_COUNT_REQUESTS {
            asks.clear();
        }
        // Where nothing has changed it is enough to see at the end that nothing has.
        let is_over = asks.is_empty();
        if is_over && !self.is_window_recounted || !is_over && !self.drift.is_exact() {
            asks.push(begin);
        }
        asks
    }

    /// Takes the counts from these bounds.
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

    /// Ends the search: what is to be read again.
    pub fn extents(&mut self, ledger: &Ledger) -> Vec<Extent> {
        self.found = self.differences(ledger);
        let mut extents: Vec<Extent> = Vec::new();
        for Difference { range, .. } in &self.found {
            let end = range.end.map(|end| end.plus_millis(1000));
            match extents.last_mut() {
                Some(last) if last.range.end >= Some(range.start) => last.range.end = end,
                _ => extents.push(Extent::all(TimeRange { start: range.start, end })),
            }
        }
        extents
    }

    /// What came of it, once what was read has been committed.
    pub(in crate::sync) fn outcome(&self, ledger: &Ledger) -> BisectionResult {
        let none = PendingCounts::default();
        let expected = ExpectedCounts { pending: &none, ..self.expected(ledger) };
        let now_apart =
            |found: &Difference| found.counted.least_difference(expected.within(found.range));
        let surplus = self.found.iter().filter(|_| self.drift.is_exact());
        let surplus =
            surplus.map(|found| Surplus { start: found.range.start, records: now_apart(found) });
        let last = self.points[1..].last().filter(|_| self.drift.is_exact());
        let beyond =
            last.map(|last| self.counted_since(*last).least_difference(expected.since(last.at)));
        let read: u64 = self.found.iter().map(|found| ledger.count_in(found.range)).sum();
        BisectionResult {
            surplus: surplus.filter(|surplus| surplus.records != 0).collect(),
            beyond: beyond.filter(|by| *by != 0),
            has_read: !self.found.is_empty(),
            is_fruitless: !self.found.is_empty()
                && self.found.iter().all(|found| now_apart(found) == found.by),
            is_costly: read * COSTLY_SHARE > ledger.shown_since(self.points[0].at)
                && read > CHEAP_PAGES * self.page_size,
        }
    }

    /// Neighbouring points between which the count is not as expected.
    fn differences(&self, ledger: &Ledger) -> Vec<Difference> {
        let expected = self.expected(ledger);
        let pairs = self.points.windows(2).map(|pair| {
            let range = TimeRange::new(pair[0].at, pair[1].at);
            let counted = self.counted_since(pair[0]).minus(self.counted_since(pair[1]));
            Difference { range, counted, by: counted.least_difference(expected.within(range)) }
        });
        pairs.filter(|found| found.by != 0).collect()
    }

    /// The middle of a range, unless some pages hold all of it.
    fn middle(&self, ledger: &Ledger, range: TimeRange) -> Option<Timestamp> {
        let rows = ledger.count_in(range);
        if rows <= self.page_size * WHOLE_READ_PAGES {
            return None;
        }
        let middle = ledger.start_at(rows / 2, range.start)?;
        let middle = ledger.quietest_second(middle, QUIET_SECONDS);
        (range.starts_before(middle) && range.contains(middle)).then_some(middle)
    }

    /// The API's count of what starts at a point or later, when the window was first counted.
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

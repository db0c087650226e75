//! Where in the window a count differs from what is known: narrowed down by counting what starts
//! at this moment or later, and at that one.
//!
//! Counts are not of one moment: while the search asks, the window changes. The window itself is
//! counted again, at the end at the latest, and what it changed by is allowed for, so that a
//! stretch is only read again where its count cannot be explained otherwise.

use crate::ledger::{Counted, Ledger, PendingCounts, Staging};
use crate::sync::extent::Extent;
use crate::sync::recount::expected::{CountRange, ExpectedCounts, Surplus, signed};
use records_api::record::{TimeRange, Timestamp};

/// Counts that a search asks for at most.
const MAX_QUESTIONS: usize = 64;
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
    pub page: u32,
}

/// A search under way.
#[derive(Debug)]
pub struct CountBisection {
    counted: Counted,
    /// Rows of a page.
    page: u64,
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
    is_checked: bool,
    asked: usize,
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
    pub(in crate::sync) left: Vec<Surplus>,
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
        page: u32,
    ) -> Self {
        let window = Point { at: range.start, count: signed(total) };
        Self {
            counted: expected.counted,
            page: page.into(),
            pending: expected.pending.clone(),
            surplus: expected.surplus.to_vec(),
            end: range.end,
            points: vec![window],
            drift: CountRange { low: 0, high: 0 },
            is_checked: true,
            asked: 0,
            found: Vec::new(),
        }
    }

    /// Moments to count from next. None: the search is over.
    pub fn questions(&self, ledger: &Ledger) -> Vec<Timestamp> {
        let begin = self.points[0].at;
        if self.points.len() == 1 {
            let end = self.end.map(|end| ledger.quietest_second(end, QUIET_SECONDS));
            let end = end.filter(|end| *end > begin);
            return end.map_or_else(Vec::new, |end| vec![end, begin]);
        }
        let asks = self.differing(ledger);
        let mut asks: Vec<_> =
            asks.iter().filter_map(|found| self.divide(ledger, found.range)).collect();
        if self.asked + asks.len() > MAX_QUESTIONS {
            asks.clear();
        }
        // Where nothing has changed it is enough to see at the end that nothing has.
        let is_over = asks.is_empty();
        if is_over && !self.is_checked || !is_over && !self.drift.is_exact() {
            asks.push(begin);
        }
        asks
    }

    /// Takes the answers to the questions.
    pub fn take(&mut self, answers: impl IntoIterator<Item = (Timestamp, u64)>) {
        self.is_checked = false;
        for (at, count) in answers {
            let (first, count) = (self.points[0], signed(count));
            if at == first.at {
                let drift = count - first.count;
                self.drift.low = self.drift.low.min(drift);
                self.drift.high = self.drift.high.max(drift);
                self.is_checked = true;
            } else {
                self.points.push(Point { at, count });
                self.asked += 1;
            }
        }
        self.points.sort_by_key(|point| point.at);
    }

    /// Ends the search: what is to be read again.
    pub fn extents(&mut self, ledger: &Ledger) -> Vec<Extent> {
        self.found = self.differing(ledger);
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
        let now_apart = |found: &Difference| found.counted.apart(expected.within(found.range));
        let left = self.found.iter().filter(|_| self.drift.is_exact());
        let left =
            left.map(|found| Surplus { start: found.range.start, records: now_apart(found) });
        let last = self.points[1..].last().filter(|_| self.drift.is_exact());
        let beyond = last.map(|last| self.counted_since(*last).apart(expected.since(last.at)));
        let read: u64 = self.found.iter().map(|found| ledger.count_in(found.range)).sum();
        BisectionResult {
            left: left.filter(|surplus| surplus.records != 0).collect(),
            beyond: beyond.filter(|by| *by != 0),
            has_read: !self.found.is_empty(),
            is_fruitless: !self.found.is_empty()
                && self.found.iter().all(|found| now_apart(found) == found.by),
            is_costly: read * COSTLY_SHARE > ledger.shown_since(self.points[0].at)
                && read > CHEAP_PAGES * self.page,
        }
    }

    /// Neighbouring points between which the count is not as expected.
    fn differing(&self, ledger: &Ledger) -> Vec<Difference> {
        let expected = self.expected(ledger);
        let pairs = self.points.windows(2).map(|pair| {
            let range = TimeRange::new(pair[0].at, pair[1].at);
            let counted = self.counted_since(pair[0]).less(self.counted_since(pair[1]));
            Difference { range, counted, by: counted.apart(expected.within(range)) }
        });
        pairs.filter(|found| found.by != 0).collect()
    }

    /// The middle of a range, unless some pages hold all of it.
    fn divide(&self, ledger: &Ledger, range: TimeRange) -> Option<Timestamp> {
        let rows = ledger.count_in(range);
        if rows <= self.page * WHOLE_READ_PAGES {
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
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{DurableLedger, LabelLimits, PollFacts};
    use records_api::record::{Record, RecordKey};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    /// A ledger that knows records that start at these seconds.
    fn knowing(starts: impl Iterator<Item = i64>) -> DurableLedger {
        let mut ledger = DurableLedger::default();
        let mut staging = crate::ledger::Staging::default();
        for (id, start) in starts.enumerate() {
            let record = Record::new(id.to_string(), at(start));
            staging.read(&ledger, RecordKey::of(&record.id), &record);
        }
        staging.cover(TimeRange::since(at(0)));
        let facts = PollFacts { window_start: at(0), ..PollFacts::default() };
        let changes = ledger.diff(staging, facts, LabelLimits { users: 9, pools: 9 });
        ledger.commit(changes).unwrap();
        ledger
    }

    /// Searches where the API has records at `starts`, of which one begins with each question if
    /// it moves. Returns what is to be read again, and the number of counts.
    fn search(
        ledger: &Ledger,
        starts: &mut Vec<i64>,
        includes_bound: bool,
        moves: bool,
    ) -> (Vec<Extent>, usize) {
        let pending = PendingCounts::default();
        let expected =
            ExpectedCounts { counted: Counted::All, ledger, pending: &pending, surplus: &[] };
        let total = starts.len() as u64;
        let mut search =
            CountBisection::new(expected, total, TimeRange::new(at(0), at(100_000)), 10);
        let mut asked = 0;
        loop {
            let questions = search.questions(ledger);
            if questions.is_empty() {
                return (search.extents(ledger), asked);
            }
            asked += questions.len();
            let mut answers = Vec::new();
            for question in questions {
                let is_behind = |start: &&i64| {
                    at(**start) > question || includes_bound && at(**start) == question
                };
                let count = starts.iter().filter(is_behind).count() as u64;
                let is_window = question == at(0);
                answers.push((question, if is_window { starts.len() as u64 } else { count }));
                if moves {
                    starts.push(100_500);
                }
            }
            search.take(answers);
        }
    }

    proptest! {
        #[test]
        fn what_is_gone_or_came_late_lies_in_what_is_read_again(
            starts in prop::collection::vec(1..100_000_i64, 0..2000),
            gone in prop::collection::btree_set(0..2000_usize, 0..8),
            late in prop::collection::vec(1..100_000_i64, 0..8),
            loses in any::<bool>(),
            includes_bound in any::<bool>(),
        ) {
            let ledger = knowing(starts.iter().copied());
            // Both at once may make up for each other.
            let gone = if loses { gone } else { BTreeSet::new() };
            let late = if loses { Vec::new() } else { late };
            let kept = starts.iter().enumerate().filter(|(index, _)| !gone.contains(index));
            let mut there: Vec<_> = kept.map(|(_, start)| *start).chain(late.clone()).collect();
            let (extents, asked) = search(&ledger, &mut there, includes_bound, false);
            let changed = gone.iter().filter_map(|index| starts.get(*index)).chain(&late);
            for start in changed {
                let is_read = extents.iter().any(|extent| extent.range.contains(at(*start)));
                prop_assert!(is_read, "{start} in {extents:?}");
            }
            prop_assert!(asked <= MAX_QUESTIONS * 2 + 3, "{asked}");
            if gone.is_empty() && late.is_empty() {
                prop_assert!(extents.is_empty(), "{extents:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn counts_may_say_anything(
            totals in prop::collection::vec(prop_oneof![any::<u64>(), 0..3000_u64], 200),
            surplus in prop::collection::vec((0..100_000_i64, any::<i64>()), 0..4),
        ) {
            let ledger = knowing((1..100_000).step_by(40));
            let mut totals = totals.into_iter();
            let mut count = || totals.next().unwrap();
            let most = signed(u64::MAX);
            let bounded = |by: i64| by.clamp(-most, most);
            let surplus = surplus.iter();
            let surplus = surplus.map(|(start, by)| Surplus { start: at(*start), records: bounded(*by) });
            let surplus: Vec<_> = surplus.collect();
            let pending = PendingCounts::default();
            let counted = Counted::Uploaded;
            let expected = ExpectedCounts { counted, ledger: &ledger, pending: &pending, surplus: &surplus };
            let mut search = CountBisection::new(expected, count(), TimeRange::new(at(0), at(100_000)), 10);
            loop {
                let questions = search.questions(&ledger);
                if questions.is_empty() {
                    break;
                }
                search.take(questions.into_iter().map(|question| (question, count())));
            }
            search.extents(&ledger);
            search.outcome(&ledger);
            prop_assert!(search.asked <= MAX_QUESTIONS + 1, "{}", search.asked);
        }
    }

    #[test]
    fn one_difference_among_many_records_costs_the_logarithm() {
        let ledger = knowing(1..100_000);
        let mut there: Vec<_> = (1..100_000).filter(|start| *start != 31_415).collect();
        let (extents, asked) = search(&ledger, &mut there, true, false);
        let rows: u64 = extents.iter().map(|extent| ledger.count_in(extent.range)).sum();
        assert!(asked <= 17 && rows <= 22, "{asked} {extents:?}");
    }

    #[test]
    fn what_begins_meanwhile_is_not_searched_for() {
        let ledger = knowing((1..100_000).step_by(10));
        let mut there: Vec<_> = (1..100_000).step_by(10).collect();
        let (extents, asked) = search(&ledger, &mut there, true, true);
        assert!(extents.is_empty() && asked <= 3, "{asked} {extents:?}");
    }
}

//! Searches in ledgers and counts that are chosen at random.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ledger::{DurableLedger, LabelLimits, PollFacts};
use records_api::record::{Record, RecordKey};

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + second * 1000)
}

/// Returns a ledger with records that start at these seconds.
fn knowing(starts: impl Iterator<Item = i64>) -> DurableLedger {
    let mut ledger = DurableLedger::default();
    let mut staging = crate::ledger::Staging::default();
    for (id, start) in starts.enumerate() {
        let record = Record::new(id.to_string(), at(start));
        staging.read(&ledger, RecordKey::of(&record.id), &record);
    }
    staging.cover(TimeRange::since(at(0)));
    let facts = PollFacts { window_start: at(0), ..PollFacts::default() };
    let changes = ledger.diff(staging, facts, LabelLimits::uniform(9));
    ledger.commit(changes).unwrap();
    ledger
}

/// Searches an API that has records at `starts`. If it `moves`, a record starts with each count.
/// Returns the extents to read again, and the number of counts.
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
    let mut search = CountBisection::new(expected, total, TimeRange::new(at(0), at(100_000)), 10);
    let mut requests = 0;
    loop {
        let bounds = search.next_bounds(ledger);
        if bounds.is_empty() {
            return (search.extents(ledger), requests);
        }
        requests += bounds.len();
        let mut answers = Vec::new();
        for bound in bounds {
            let is_counted =
                |start: &&i64| at(**start) > bound || includes_bound && at(**start) == bound;
            let count = starts.iter().filter(is_counted).count() as u64;
            let is_window = bound == at(0);
            answers.push((bound, if is_window { starts.len() as u64 } else { count }));
            if moves {
                starts.push(100_500);
            }
        }
        search.take(answers);
    }
}

proptest! {
    #[test]
    fn the_extents_contain_records_that_vanished_or_came_late(
        starts in prop::collection::vec(1..100_000_i64, 0..2000),
        gone in prop::collection::btree_set(0..2000_usize, 0..8),
        late in prop::collection::vec(1..100_000_i64, 0..8),
        loses in any::<bool>(),
        includes_bound in any::<bool>(),
    ) {
        let ledger = knowing(starts.iter().copied());
        // If both happen, the differences may cancel each other out.
        let gone = if loses { gone } else { BTreeSet::new() };
        let late = if loses { Vec::new() } else { late };
        let kept = starts.iter().enumerate().filter(|(index, _)| !gone.contains(index));
        let mut there: Vec<_> = kept.map(|(_, start)| *start).chain(late.clone()).collect();
        let (extents, requests) = search(&ledger, &mut there, includes_bound, false);
        let changed = gone.iter().filter_map(|index| starts.get(*index)).chain(&late);
        for start in changed {
            let is_read = extents.iter().any(|extent| extent.range.contains(at(*start)));
            prop_assert!(is_read, "{start} in {extents:?}");
        }
        prop_assert!(requests <= MAX_COUNT_REQUESTS * 2 + 3, "{requests}");
        if gone.is_empty() && late.is_empty() {
            prop_assert!(extents.is_empty(), "{extents:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_counts_end_the_search_without_overflow(
        totals in prop::collection::vec(prop_oneof![any::<u64>(), 0..3000_u64], 200),
        surplus in prop::collection::vec((0..100_000_i64, any::<i64>()), 0..4),
    ) {
        let ledger = knowing((1..100_000).step_by(40));
        let mut totals = totals.into_iter();
        let mut count = || totals.next().unwrap();
        let most = clamped(u64::MAX);
        let bounded = |by: i64| by.clamp(-most, most);
        let surplus = surplus.iter();
        let surplus = surplus.map(|(start, by)| (at(*start), bounded(*by)));
        let surplus = surplus.map(|(start, records)| Surplus { start, records });
        let surplus: Vec<_> = surplus.collect();
        let pending = PendingCounts::default();
        let counted = Counted::Uploaded;
        let (ledger, pending) = (&ledger, &pending);
        let expected = ExpectedCounts { counted, ledger, pending, surplus: &surplus };
        let range = TimeRange::new(at(0), at(100_000));
        let mut search = CountBisection::new(expected, count(), range, 10);
        loop {
            let bounds = search.next_bounds(ledger);
            if bounds.is_empty() {
                break;
            }
            search.take(bounds.into_iter().map(|bound| (bound, count())));
        }
        search.extents(ledger);
        search.outcome(ledger);
        prop_assert!(search.requested <= MAX_COUNT_REQUESTS + 1, "{}", search.requested);
    }
}

#[test]
fn one_difference_is_found_with_a_logarithmic_number_of_counts() {
    let ledger = knowing(1..100_000);
    let mut there: Vec<_> = (1..100_000).filter(|start| *start != 31_415).collect();
    let (extents, requests) = search(&ledger, &mut there, true, false);
    let rows: u64 = extents.iter().map(|extent| ledger.count_in(extent.range)).sum();
    assert!(requests <= 17 && rows <= 22, "{requests} {extents:?}");
}

#[test]
fn records_that_start_during_the_search_are_not_searched_for() {
    let ledger = knowing((1..100_000).step_by(10));
    let mut there: Vec<_> = (1..100_000).step_by(10).collect();
    let (extents, requests) = search(&ledger, &mut there, true, true);
    assert!(extents.is_empty() && requests <= 3, "{requests} {extents:?}");
}

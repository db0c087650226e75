//! What the API's counts are good for, and by how much they may differ from what is listed.

use crate::ledger::{Counted, Ledger, PendingCounts};
use crate::sync::recount::bisection::{BisectionContext, CountBisection};
use crate::sync::recount::expected::{CountRange, ExpectedCounts, MAX_COUNT, Surplus, clamped};
use records_api::record::Timestamp;

/// What was refused or misled is tried again after an hour.
pub(in crate::sync) const RETRY_MILLIS: i64 = 3_600_000;
/// Searches in a row that found nothing: then the counts are no help.
const MAX_FRUITLESS: u32 = 3;
/// Places of records that are counted but not listed. Where there are more, counts are no help.
const MAX_SURPLUS: usize = 1000;
/// A moment behind everything.
const END: Timestamp = Timestamp::from_millis(i64::MAX);

/// The count of the window, or of certain records in it.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Count {
    pub(in crate::sync) counted: Counted,
    /// Whether anybody can tell what it should be.
    is_usable: bool,
    off_until: Option<Timestamp>,
    /// Records that are counted but not listed, by where they seem to start.
    surplus: Vec<Surplus>,
    /// Whether it differed in the last poll that asked for it.
    differs: bool,
    /// By how much it differed from what every poll reads again, when that was searched last.
    last_beyond: Option<i64>,
    fruitless_bisections: u32,
}

/// A count that a poll asked for, and where it searched for a difference.
#[derive(Debug)]
pub struct CountTaken {
    /// Of what.
    pub counted: Counted,
    /// What the API said, if it said something.
    pub total: Option<u64>,
    /// The search, if there was one.
    pub bisection: Option<CountBisection>,
}

impl Count {
    pub(in crate::sync) fn new(counted: Counted) -> Self {
        Self {
            counted,
            is_usable: false,
            off_until: None,
            surplus: Vec::new(),
            differs: false,
            last_beyond: None,
            fruitless_bisections: 0,
        }
    }

    /// Whether it is worth asking for.
    pub(in crate::sync) fn is_on(&self, now: Timestamp) -> bool {
        self.is_usable && self.off_until.is_none_or(|until| now >= until)
    }

    /// Everything was read.
    pub(in crate::sync) fn reset(&mut self, is_usable: bool) {
        *self = Self { is_usable, off_until: self.off_until, ..Self::new(self.counted) };
    }

    /// The search that a poll begins that counts `total`, if it should: a difference that two polls
    /// in a row show is no chance.
    pub(in crate::sync) fn start_bisection(
        &self,
        context: &BisectionContext<'_>,
        total: u64,
    ) -> Option<CountBisection> {
        if !self.differs {
            return None;
        }
        let BisectionContext { ledger, staging, range, page_size } = *context;
        let pending = ledger.pending(staging);
        let expected = self.expected(ledger, &pending);
        let is_different = differs(expected, range.start, total);
        is_different.then(|| CountBisection::new(expected, total, range, page_size))
    }

    /// Takes over what a poll found that has been committed.
    pub(in crate::sync) fn note(
        &mut self,
        ledger: &Ledger,
        taken: &CountTaken,
        window_start: Timestamp,
        now: Timestamp,
    ) {
        let Some(total) = taken.total else {
            self.off_until = Some(now.plus_millis(RETRY_MILLIS));
            return;
        };
        self.surplus.retain(|surplus| surplus.start >= window_start);
        if let Some(bisection) = &taken.bisection {
            self.learn_from(ledger, bisection, now);
        }
        self.differs =
            differs(self.expected(ledger, &PendingCounts::default()), window_start, total);
        if !self.differs {
            self.fruitless_bisections = 0;
        }
    }

    fn expected<'a>(
        &'a self,
        ledger: &'a Ledger,
        pending: &'a PendingCounts,
    ) -> ExpectedCounts<'a> {
        ExpectedCounts { counted: self.counted, ledger, pending, surplus: &self.surplus }
    }

    /// What lies where the count differed has been read: what is left of the difference is what it
    /// counts beside what is listed.
    fn learn_from(&mut self, ledger: &Ledger, bisection: &CountBisection, now: Timestamp) {
        let outcome = bisection.outcome(ledger);
        self.surplus.extend(outcome.surplus);
        if outcome.has_read {
            self.fruitless_bisections =
                if outcome.is_fruitless { self.fruitless_bisections + 1 } else { 0 };
        }
        if outcome.beyond.is_some() && outcome.beyond == self.last_beyond {
            self.surplus.extend(outcome.beyond.map(|records| Surplus { start: END, records }));
        }
        self.last_beyond = outcome.beyond;
        let is_costly = outcome.is_fruitless && outcome.is_costly;
        let is_absurd = self.surplus.len() > MAX_SURPLUS
            || self.surplus.iter().any(|surplus| surplus.records.unsigned_abs() > MAX_COUNT);
        if self.fruitless_bisections >= MAX_FRUITLESS || is_costly || is_absurd {
            self.fruitless_bisections = 0;
            self.surplus.clear();
            self.off_until = Some(now.plus_millis(RETRY_MILLIS));
        }
    }
}

fn differs(expected: ExpectedCounts<'_>, window_start: Timestamp, total: u64) -> bool {
    let total = clamped(total);
    CountRange { low: total, high: total }.least_difference(expected.since(window_start)) != 0
}

//! The counts that polls request: whether they are usable, and how they differ from the lists.

use crate::ledger::{Counted, Ledger, PendingCounts};
use crate::sync::recount::bisection::{BisectionContext, CountBisection};
use crate::sync::recount::expected::{CountRange, ExpectedCounts, MAX_COUNT, Surplus, clamped};
use crate::sync::retry::Retry;
use records_api::record::Timestamp;

/// A count that misleads is tried again after an hour.
const RETRY_MILLIS: i64 = 3_600_000;
/// Number of consecutive bisections without a result after which a count is switched off.
const MAX_FRUITLESS: u32 = 3;
/// Maximum number of places with unlisted records. Beyond it, a count is switched off.
const MAX_SURPLUS: usize = 1000;
/// A start after all others.
const END: Timestamp = Timestamp::from_millis(i64::MAX);

/// State of a count: of all records in the window, or of the uploaded ones.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Count {
    pub(in crate::sync) counted: Counted,
    /// True if the expected value of the count is known.
    is_usable: bool,
    /// The count is not requested before this time, because it misled.
    off_until: Option<Timestamp>,
    /// Requests that the API answered without a count.
    requests: Retry,
    /// Records that are counted but not listed.
    surplus: Vec<Surplus>,
    /// True if the count differed from the expected one in the last poll that requested it.
    differs: bool,
    /// Difference in the range that every poll reads, in the last bisection.
    last_beyond: Option<i64>,
    /// Number of consecutive bisections whose reads did not change the difference.
    fruitless_bisections: u32,
}

/// A count that a poll requested, and its search for a difference.
#[derive(Debug)]
pub struct CountTaken {
    /// Records that the count includes.
    pub counted: Counted,
    /// The API's count; `None` if it gave none, or refused or ignored the status filter.
    pub total: Option<u64>,
    /// The completed search; `None` if none was due.
    pub bisection: Option<CountBisection>,
}

impl Count {
    pub(in crate::sync) fn new(counted: Counted) -> Self {
        Self {
            counted,
            is_usable: false,
            off_until: None,
            requests: Retry::default(),
            surplus: Vec::new(),
            differs: false,
            last_beyond: None,
            fruitless_bisections: 0,
        }
    }

    /// True if polls request the count.
    pub(in crate::sync) fn is_on(&self, now: Timestamp) -> bool {
        self.is_usable
            && self.off_until.is_none_or(|until| now >= until)
            && self.requests.is_due(now)
    }

    /// True if polls request the count, and the API gave it to the last one that did.
    pub(in crate::sync) fn is_reliable(&self, now: Timestamp) -> bool {
        self.is_on(now) && !self.requests.has_failed()
    }

    /// Starts again after a full read, which leaves no difference to search for. A count that is
    /// switched off stays off.
    pub(in crate::sync) fn reset(&mut self, is_usable: bool) {
        let Self { off_until, requests, .. } = *self;
        *self = Self { is_usable, off_until, requests, ..Self::new(self.counted) };
    }

    /// Starts a search if the API's count `total` differs. It must have differed in the poll before
    /// too: records that change between the read and the count cause differences all the time.
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

    /// Notes the count of a poll that has been committed.
    pub(in crate::sync) fn note(
        &mut self,
        ledger: &Ledger,
        taken: &CountTaken,
        window_start: Timestamp,
        now: Timestamp,
    ) {
        self.requests.note(taken.total.is_some(), now);
        let Some(total) = taken.total else { return };
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

    /// Takes the results of a bisection whose ranges have been read. The difference that remains in
    /// them consists of records that the API counts but does not list.
    fn learn_from(&mut self, ledger: &Ledger, bisection: &CountBisection, now: Timestamp) {
        let outcome = bisection.outcome(ledger);
        self.surplus.extend(outcome.surplus);
        if outcome.has_read {
            self.fruitless_bisections =
                if outcome.is_fruitless { self.fruitless_bisections + 1 } else { 0 };
        }
        // This range was read by this poll and the one before, so what still differs is a surplus
        // too. Otherwise each poll would search for it again.
        if outcome.beyond.is_some() && outcome.beyond == self.last_beyond {
            self.surplus.extend(outcome.beyond.map(|records| Surplus { start: END, records }));
        }
        self.last_beyond = outcome.beyond;
        // Such a count costs more requests than it saves. While it is off, the scrub finds the
        // differences.
        let is_costly = outcome.is_fruitless && outcome.is_costly;
        let has_too_much_surplus = self.surplus.len() > MAX_SURPLUS
            || self.surplus.iter().any(|surplus| surplus.records.unsigned_abs() > MAX_COUNT);
        if self.fruitless_bisections >= MAX_FRUITLESS || is_costly || has_too_much_surplus {
            self.fruitless_bisections = 0;
            self.surplus.clear();
            self.off_until = Some(now.plus_millis(RETRY_MILLIS));
        }
    }
}

/// True if a count of the window cannot be explained by what is known.
fn differs(expected: ExpectedCounts<'_>, window_start: Timestamp, total: u64) -> bool {
    let total = clamped(total);
    CountRange { low: total, high: total }.least_difference(expected.since(window_start)) != 0
}

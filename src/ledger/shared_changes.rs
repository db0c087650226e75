//! The part of a commit that only a shared log holds.

use std::time::Duration;

use super::Ledger;
use super::counters::{Counter, Counters, Series};
use super::holds::Hold;
use super::journal::Entry;
use super::shared_facts::{FailedPoll, ServedPoll, SharedFacts};
use records_api::DesktopPool;
use records_api::record::Timestamp;

/// The part of a commit that only a shared log holds.
#[derive(Debug, Clone, Default)]
pub struct SharedChanges {
    /// Values that series show until their hold ends.
    pub held: Counters,
    /// The desktop pools, if they have changed.
    pub pools: Option<Vec<DesktopPool>>,
    /// Result of the poll; `None` for a part of a first sync.
    pub outcome: Option<Outcome>,
    /// Time until the next poll is due.
    pub due_in: Duration,
}

/// Result of a poll.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is complete.
    Served(ServedPoll),
    /// It failed.
    Failed(FailedPoll),
}

impl Outcome {
    /// Returns the time of the commit.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Served(poll) => poll.completed,
            Self::Failed(poll) => poll.at,
        }
    }
}

impl SharedChanges {
    /// Returns the entries, which come after those of the transition: a hold is of a series that exists, and
    /// the outcome ends holds.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let since = self.outcome.as_ref().map(Outcome::at);
        let held = self.held.iter();
        let held = held
            .filter_map(move |(series, shown)| Some(Entry::Held(*series, Hold::at(shown, since?))));
        let pools = self.pools.iter().map(|pools| Entry::pools(pools));
        let outcome = self.outcome.iter().map(|outcome| match outcome {
            Outcome::Served(poll) => Entry::Served(poll.clone()),
            Outcome::Failed(poll) => Entry::Failed(poll.clone()),
        });
        held.chain(pools).chain(outcome)
    }
}

impl Ledger {
    /// Returns the facts that replicas serve.
    pub fn shared(&self) -> &SharedFacts {
        &self.shared
    }

    /// Returns the value that replicas show of a series instead of the current one.
    pub fn held(&self, series: Series) -> Option<&Counter> {
        self.holds.shown(series)
    }

    /// Returns the shared facts as entries. The holds come last, because an earlier time of a poll would end
    /// them.
    pub(super) fn shared_entries(&self) -> impl Iterator<Item = Entry> {
        let holds = self.holds.iter().map(|(series, hold)| Entry::Held(series, hold.clone()));
        let pools = std::iter::once_with(|| Entry::pools(&self.shared.pools));
        let served = self.shared.served.iter().map(|poll| Entry::Served(poll.clone()));
        let failed = self.shared.failed.iter().map(|poll| Entry::Failed(poll.clone()));
        pools.chain(served).chain(failed).chain(holds)
    }

    pub(super) fn apply_served(&mut self, poll: ServedPoll) {
        self.end_holds(poll.completed, poll.hold_millis);
        self.shared.failed = None;
        self.shared.served = Some(poll);
    }

    pub(super) fn apply_failed(&mut self, poll: FailedPoll) {
        self.end_holds(poll.at, poll.hold_millis);
        self.shared.failed = Some(poll);
    }

    fn end_holds(&mut self, now: Timestamp, hold_millis: u64) {
        self.holds.end(now, hold_millis);
        self.shared.committed = Some(now);
    }
}

//! What a project knows: its ledger, the sums that follow it, and the counters as they are shown.

use std::sync::Arc;

use tokio::time::Instant;

use super::options::PollOptions;
use crate::ledger::{
    CommitError, Counters, DurableLedger, FirstSync, LabelLimits, Ledger, Limited, PollFacts,
    Staging, Transition,
};
use crate::snapshot::{
    Aggregate, CounterView, FailedRecord, LedgerFigures, ServedCounters, Snapshot, SyncMode,
    UserNames, failed_records,
};
use crate::sync::{Anomalies, CountTaken, Plan, Planner, PollContext, ReadSummary};
use records_api::record::Timestamp;

/// The books of a project.
#[derive(Debug)]
pub(super) struct Books {
    /// The records and what was counted.
    ledger: DurableLedger,
    counters: ServedCounters,
    /// What a poll asks for.
    pub(super) planner: Planner,
    /// What could not be understood of the window.
    odd: Anomalies,
    limits: LabelLimits,
    /// How users are named.
    names: UserNames,
}

/// What a complete poll read.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) staging: Staging,
    pub(super) summary: ReadSummary,
    /// What it had asked for.
    pub(super) plan: Plan,
    /// When the reading began.
    pub(super) since: Timestamp,
    /// What it counted.
    pub(super) counts: Vec<CountTaken>,
    /// The status filter turned out not to work.
    pub(super) filter_fails: bool,
}

impl Polled {
    /// A poll that has read the whole window since `since`.
    pub(super) fn everything(staging: Staging, summary: ReadSummary, since: Timestamp) -> Self {
        let (plan, counts) = (Plan::Everything, Vec::new());
        Self { staging, summary, plan, since, counts, filter_fails: false }
    }
}

/// The part of a snapshot that the ledger decides.
#[derive(Debug)]
pub(super) struct Known {
    counters: Arc<[CounterView]>,
    /// How the next poll reads.
    pub(super) mode: SyncMode,
    ledger: LedgerFigures,
    failed: Arc<[FailedRecord]>,
    last_poll: Option<Timestamp>,
    counting_since: Option<Timestamp>,
    users: UserNames,
}

impl Known {
    /// Puts it into a snapshot.
    pub(super) fn put_into(self, snapshot: &mut Snapshot) {
        snapshot.counters = self.counters;
        snapshot.mode = self.mode;
        snapshot.ledger = self.ledger;
        snapshot.failed = self.failed;
        snapshot.last_poll = self.last_poll;
        snapshot.counting_since = self.counting_since;
        snapshot.users = self.users;
    }

    /// Puts only what tells users by name into a snapshot.
    pub(super) fn put_users_into(self, snapshot: &mut Snapshot) {
        snapshot.counters = self.counters;
        snapshot.users = self.users;
    }
}

impl Books {
    pub(super) fn new(ledger: DurableLedger, options: &PollOptions) -> Self {
        let (names, limits) = (options.users.first(), options.label_limits());
        let counters = ServedCounters::new(&ledger, &names, options.counter_hold, Instant::now());
        let planner = Planner::new(options.reconcile_millis(), ledger.last_poll());
        Self { ledger, counters, planner, odd: Anomalies::default(), limits, names }
    }

    /// The ledger. Only a commit changes it.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Starts the first sync again: its parts cannot be relied on.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the parts stay.
    pub(super) fn discard_parts(&mut self) -> Result<(), CommitError> {
        match self.ledger().first_sync() {
            Some(_) => self.ledger.commit(Transition::discarding_parts()),
            None => Ok(()),
        }
    }

    /// Closes the file of the state: what comes after stays in memory.
    pub(super) fn close(&mut self) {
        self.ledger.close();
    }

    /// Goes by these options from now on.
    pub(super) fn go_by(&mut self, options: &PollOptions) {
        self.limits = options.label_limits();
        self.counters.hold_for(options.counter_hold);
        self.planner.reconcile_within(options.reconcile_millis());
    }

    /// What a poll asks for (see [`Planner::plan`]).
    pub(super) fn plan(&mut self, poll: &PollContext<'_>) -> Plan {
        self.planner.plan(&self.ledger, poll)
    }

    /// Takes over a part of the first sync. None of it is shown.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was taken over.
    pub(super) fn take_part(
        &mut self,
        (staging, odd): (Staging, Anomalies),
        part: FirstSync,
    ) -> Result<(), CommitError> {
        let changes = self.ledger().diff_part(staging, part, self.limits);
        self.write(changes)?;
        self.odd.merge(odd);
        Ok(())
    }

    /// Takes over what a complete poll read that ended at `ended`: first durably, then in what is
    /// shown.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was taken over.
    pub(super) fn take_over(
        &mut self,
        polled: Polled,
        facts: PollFacts,
        page: u32,
        ended: Timestamp,
    ) -> Result<ReadSummary, CommitError> {
        let (window_start, begun) = (facts.window_start, facts.begun);
        let mut summary = polled.summary;
        let mut planner = self.planner.clone();
        match polled.plan {
            Plan::Everything => planner.note_everything(&summary, page, (polled.since, ended)),
            Plan::Changes { news, slices, .. } => {
                for slice in slices {
                    planner.note_slice(slice, news, begun);
                }
                if summary.is_unbounded {
                    planner.note_contradiction();
                }
            }
        }
        if polled.filter_fails {
            planner.note_no_filter(begun);
        }
        let changes = self.ledger().diff(polled.staging, planner.remember(facts), self.limits);
        self.write(changes)?;
        for taken in &polled.counts {
            planner.note_count(&self.ledger, taken, window_start, begun);
        }
        self.planner = planner;
        // What was not read again is as odd as it was.
        self.odd.merge(std::mem::take(&mut summary.odd));
        self.odd.expire(window_start);
        summary.rejected = self.odd.rejected();
        summary.unknown_values = self.odd.unknown_values();
        Ok(summary)
    }

    fn write(&mut self, changes: Transition) -> Result<(), CommitError> {
        let appearing = ServedCounters::appearing(self.ledger(), &changes);
        self.ledger.commit(changes)?;
        if let Err(error) = self.ledger.tidy() {
            tracing::warn!(%error, remedy = error.remedy(), "the state was not written anew");
        }
        self.counters.update(&self.ledger, &self.names, appearing, Instant::now());
        Ok(())
    }

    /// What a snapshot shows of the records.
    pub(super) fn aggregate(&self) -> Aggregate {
        Aggregate::of(self.ledger(), &self.names)
    }

    /// Names users like this from now on.
    pub(super) fn name_users(&mut self, names: UserNames) {
        if !self.names.is_like(&names) {
            self.names = names;
            self.counters.update(&self.ledger, &self.names, Counters::new(), Instant::now());
        }
    }

    /// The part of a snapshot that the ledger decides. `now` is when the poll began.
    pub(super) fn known(&self, now: Timestamp) -> Known {
        let poll = self.ledger().last_poll();
        Known {
            counters: self.counters.shown(),
            mode: self.planner.mode(now).into(),
            ledger: self.figures(),
            failed: poll.map_or_else(Arc::default, |_| failed_records(self.ledger())),
            last_poll: poll.map(|poll| poll.begun),
            users: self.names.clone(),
            counting_since: poll.map(|poll| poll.counting_since),
        }
    }

    /// Whether the last complete poll read the records of `identity`. Failures of another project are
    /// not this one's.
    pub(super) fn is_of(&self, identity: &str) -> bool {
        self.ledger().last_poll().is_some_and(|poll| poll.identity == identity)
    }

    fn figures(&self) -> LedgerFigures {
        LedgerFigures {
            records: self.ledger().len() as u64,
            bytes: self.ledger.file_bytes(),
            names: self.ledger().names() as u64,
            folded_users: self.ledger().folded(Limited::User),
            folded_pools: self.ledger().folded(Limited::Pool),
        }
    }
}

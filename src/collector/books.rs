//! What a project knows: its ledger, the sums that follow it, and the counters as they are shown.

use std::sync::Arc;

use tokio::time::Instant;

use super::board::Board;
use super::failed::{FailedRecord, failed_records};
use super::options::PollOptions;
use crate::aggregate::{Aggregate, UserNames};
use crate::exposition::{CounterView, LedgerFigures};
use crate::ledger::{
    CommitError, Counters, DurableLedger, FirstSync, LabelLimits, Ledger, Limited, PollFacts,
    Staging, Transition,
};
use crate::sync::{Anomalies, CountTaken, Mode, Plan, Planner, PollContext, ReadSummary};
use records_api::record::Timestamp;

/// The books of a project.
#[derive(Debug)]
pub(super) struct Books {
    /// The records and what was counted.
    ledger: DurableLedger,
    board: Board,
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

/// What the books show. A copy, since they are in use while a poll reads and commits.
#[derive(Debug, Clone)]
pub(super) struct Face {
    pub(super) counters: Arc<[CounterView]>,
    pub(super) mode: Mode,
    pub(super) ledger: LedgerFigures,
    /// The newest failed records; none before the first complete poll.
    pub(super) failed: Arc<[FailedRecord]>,
    /// When the last complete poll began, of an earlier process maybe.
    pub(super) polled: Option<Timestamp>,
    /// How users are named.
    pub(super) names: UserNames,
    /// When counting began.
    pub(super) counting_since: Option<Timestamp>,
}

impl Face {
    /// The same where the next poll asks for the records of somebody else: counters go on, but what
    /// failed is not this one's.
    pub(super) fn of_another(self) -> Self {
        Self { failed: Arc::default(), polled: None, ..self }
    }
}

impl Books {
    pub(super) fn new(ledger: DurableLedger, options: &PollOptions) -> Self {
        let (names, limits) = (options.users.first(), options.label_limits());
        let board = Board::new(&ledger, &names, options.counter_hold, Instant::now());
        let planner = Planner::new(options.reconcile_millis(), ledger.last_poll());
        Self { ledger, board, planner, odd: Anomalies::default(), limits, names }
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
        self.board.hold_for(options.counter_hold);
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
        let appearing = Board::appearing(self.ledger(), &changes);
        self.ledger.commit(changes)?;
        if let Err(error) = self.ledger.tidy() {
            tracing::warn!(%error, remedy = error.remedy(), "the state was not written anew");
        }
        self.board.update(&self.ledger, &self.names, appearing, Instant::now());
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
            self.board.update(&self.ledger, &self.names, Counters::new(), Instant::now());
        }
    }

    /// What is shown whatever polls do, as of a poll that began at `now`.
    pub(super) fn face(&self, now: Timestamp) -> Face {
        let poll = self.ledger().last_poll();
        Face {
            counters: self.board.shown(),
            mode: self.planner.mode(now),
            ledger: self.figures(),
            failed: poll.map_or_else(Arc::default, |_| failed_records(self.ledger())),
            polled: poll.map(|poll| poll.begun),
            names: self.names.clone(),
            counting_since: poll.map(|poll| poll.counting_since),
        }
    }

    /// What is shown before the first poll of a process, which will ask for the records of
    /// `identity`: failures of another project are not this one's.
    pub(super) fn restored_face(&self, identity: &str) -> Face {
        let face = self.face(Timestamp::default());
        let is_same = self.ledger().last_poll().is_some_and(|poll| poll.identity == identity);
        if is_same { face } else { face.of_another() }
    }

    fn figures(&self) -> LedgerFigures {
        LedgerFigures {
            records: self.ledger().len() as u64,
            bytes: self.ledger.file_bytes(),
            folded_users: self.ledger().folded(Limited::User),
            folded_pools: self.ledger().folded(Limited::Pool),
        }
    }
}

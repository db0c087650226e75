//! State of a project that replicas share.

use std::time::Duration;

use super::state::{PollEnd, ProjectState};
use crate::ledger::{
    CommitError, Counters, DurableLedger, FailedPoll, Outcome, SharedChanges, SharedLog, Transition,
};
use crate::snapshot::{FailedList, ServedCounters};
use crate::sync::{Anomalies, Planner};
use records_api::record::Timestamp;

impl ProjectState {
    /// Returns what only a shared log holds of a complete poll.
    pub(super) fn shared_changes(
        &self,
        transition: &Transition,
        outcome: Outcome,
        end: PollEnd,
    ) -> SharedChanges {
        if !self.ledger.is_shared() {
            return SharedChanges::default();
        }
        let mut held = self.held_after_a_gap(outcome.at());
        if !self.counters.hold().is_zero() {
            held.extend(ServedCounters::appearing(&self.ledger, transition));
        }
        let pools = (self.ledger.shared().pools != end.pools).then_some(end.pools);
        SharedChanges { held, pools, outcome: Some(outcome), due_in: end.due_in }
    }

    /// Commits a failed poll, so that all replicas serve it. Nothing else changes.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: only this replica knows of the failure.
    pub(super) fn commit_failure(
        &mut self,
        poll: FailedPoll,
        due_in: Duration,
    ) -> Result<(), CommitError> {
        let held = self.held_after_a_gap(poll.at);
        let outcome = Some(Outcome::Failed(poll));
        self.commit(None, &SharedChanges { held, pools: None, outcome, due_in })
    }

    /// Returns the counters to hold at their present values, if replicas count as restarted at the time of
    /// a commit. A Prometheus that has seen no sample for that long would miss what is counted then.
    fn held_after_a_gap(&self, at: Timestamp) -> Counters {
        let gap = i64::try_from(self.start_gap.as_millis()).unwrap_or(i64::MAX);
        let last = self.ledger.shared().committed;
        let is_start = last.is_some_and(|last| at.millis().saturating_sub(last.millis()) > gap);
        if is_start && !self.counters.hold().is_zero() {
            self.ledger.counters().clone()
        } else {
            Counters::new()
        }
    }

    /// Returns the hold of series that appear, in milliseconds.
    pub(super) fn hold_millis(&self) -> u64 {
        u64::try_from(self.counters.hold().as_millis()).unwrap_or(u64::MAX)
    }

    /// Leads the project from now on: appends to this log, whose end must be that of the ledger.
    pub(super) fn lead(&mut self, log: Box<dyn SharedLog>, reconcile_millis: i64) {
        self.ledger.lead(log);
        self.planner = Planner::new(reconcile_millis, self.ledger.last_poll());
        self.anomalies = Anomalies::default();
    }

    /// The same, after writing the whole state into the log.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: this replica does not lead.
    pub(super) fn restore(
        &mut self,
        log: Box<dyn SharedLog>,
        reconcile_millis: i64,
    ) -> Result<(), CommitError> {
        self.ledger.restore(log)?;
        self.planner = Planner::new(reconcile_millis, self.ledger.last_poll());
        self.anomalies = Anomalies::default();
        Ok(())
    }

    /// Returns the ledger, to apply what other replicas have committed. [`Self::followed`] comes next.
    pub(super) fn follow(&mut self) -> &mut DurableLedger {
        &mut self.ledger
    }

    /// Uses another ledger, which has read the shared log from its beginning.
    pub(super) fn replace_ledger(&mut self, ledger: DurableLedger) {
        self.ledger = ledger;
        self.failed = FailedList::default();
    }

    /// Completes what follows from the ledger after commits of other replicas.
    pub(super) fn followed(&mut self, reconcile_millis: i64) {
        self.ledger.follow_names(self.users.kept());
        self.counters.follow(&self.ledger, &self.users);
        self.planner = Planner::new(reconcile_millis, self.ledger.last_poll());
    }
}

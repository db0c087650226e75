//! Ledger of a project, with the served counters and the planner of its polls.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::options::PollOptions;
use super::reached_limits::ReachedLimits;
use crate::ledger::{
    CommitError, Counters, DurableLedger, FirstSync, LabelLimits, Ledger, LimitedLabel, LogEnd,
    Outcome, PollFacts, ServedPoll, SharedChanges, Staging, Transition,
};
use crate::snapshot::{
    Aggregate, CounterView, Desktop, FailedList, LedgerFigures, ProjectLabels, ServedCounters,
    Snapshot, SyncMode, UserNames, desktops,
};
use crate::sync::{Anomalies, CountTaken, Plan, Planner, PollContext, ReadSummary};
use records_api::DesktopPool;
use records_api::record::{TimeRange, Timestamp};

/// Ledger of a project, with the served counters and the planner of its polls. Only a commit changes them,
/// so a poll that fails or panics leaves no trace.
#[derive(Debug)]
pub(super) struct ProjectState {
    pub(super) ledger: DurableLedger,
    pub(super) counters: ServedCounters,
    pub(super) planner: Planner,
    /// Rows and values of the window that could not be understood.
    pub(super) anomalies: Anomalies,
    limits: LabelLimits,
    pub(super) users: UserNames,
    /// Time without commits after which replicas count as restarted.
    pub(super) start_gap: Duration,
    reached: ReachedLimits,
    /// The failed records as of the last snapshot.
    pub(super) failed: FailedList,
}

/// Everything that a complete poll has read.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) staging: Staging,
    pub(super) summary: ReadSummary,
    /// Plan that the poll followed.
    pub(super) plan: Plan,
    /// Time at which the reading began. That of a first sync may lie in an earlier process.
    pub(super) since: Timestamp,
    /// Counts that the API gave.
    pub(super) counts: Vec<CountTaken>,
    /// False if the API refuses or ignores the status filter; `None` if the poll did not use it.
    pub(super) filter_works: Option<bool>,
}

/// Facts at the end of a poll.
#[derive(Debug)]
pub(super) struct PollEnd {
    /// Number of rows of the pages that it read.
    pub(super) page: u32,
    /// Its end.
    pub(super) ended: Timestamp,
    /// The desktop pools, as far as they are known.
    pub(super) pools: Vec<DesktopPool>,
    /// Length of the window.
    pub(super) window: Duration,
    /// Time until the next poll is due.
    pub(super) due_in: Duration,
}

impl Polled {
    /// A poll that has read the whole window since `since`.
    pub(super) fn everything(staging: Staging, summary: ReadSummary, since: Timestamp) -> Self {
        let (plan, counts) = (Plan::Everything, Vec::new());
        Self { staging, summary, plan, since, counts, filter_works: None }
    }
}

/// The part of a snapshot that follows from the ledger.
#[derive(Debug)]
pub(super) struct LedgerPart {
    counters: Arc<[CounterView]>,
    pub(super) mode: SyncMode,
    ledger: LedgerFigures,
    failed: FailedList,
    desktops: Arc<[Desktop]>,
    last_poll: Option<Timestamp>,
    counting_since: Option<Timestamp>,
    users: UserNames,
    log_end: Option<LogEnd>,
}

impl LedgerPart {
    /// Writes all of it into a snapshot.
    pub(super) fn write_to(self, snapshot: &mut Snapshot) {
        snapshot.counters = self.counters;
        snapshot.mode = self.mode;
        snapshot.ledger = self.ledger;
        snapshot.failed = self.failed;
        snapshot.desktops = self.desktops;
        snapshot.last_poll = self.last_poll;
        snapshot.counting_since = self.counting_since;
        snapshot.users = self.users;
        snapshot.log_end = self.log_end;
    }

    /// Writes only the fields that depend on the form of labels into a snapshot.
    pub(super) fn write_labels_to(self, snapshot: &mut Snapshot) {
        snapshot.counters = self.counters;
        snapshot.desktops = self.desktops;
        snapshot.users = self.users;
    }
}

impl ProjectState {
    pub(super) fn new(
        ledger: DurableLedger,
        labels: &ProjectLabels,
        options: &PollOptions,
    ) -> Self {
        let (users, limits) = (options.users.initial(), options.label_limits(labels));
        let hold = options.counter_hold;
        let mut counters = ServedCounters::new(&ledger, labels, &users, hold, Instant::now());
        if ledger.is_shared() {
            counters.follow(&ledger, &users);
        }
        let planner = Planner::new(options.reconcile_millis(), ledger.last_poll());
        let (anomalies, reached) = Default::default();
        let failed = FailedList::default();
        let start_gap = options.start_gap();
        Self { ledger, counters, planner, anomalies, limits, users, start_gap, reached, failed }
    }

    /// Returns the ledger. Only a commit changes it.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Discards the parts of a first sync, so that the next one starts from the beginning.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the parts are kept.
    pub(super) fn discard_parts(&mut self) -> Result<(), CommitError> {
        match self.ledger().first_sync() {
            Some(_) => self.ledger.commit(Transition::discarding_first_sync()),
            None => Ok(()),
        }
    }

    /// Closes the file of the ledger. Later commits stay in memory.
    pub(super) fn close(&mut self) {
        self.ledger.close();
    }

    /// Uses these options from now on.
    pub(super) fn set_options(&mut self, options: &PollOptions, labels: &ProjectLabels) {
        self.limits = options.label_limits(labels);
        self.start_gap = options.start_gap();
        self.counters.hold_for(options.counter_hold);
        self.planner.set_reconcile_interval(options.reconcile_millis());
    }

    /// Plans a poll (see [`Planner::plan`]).
    pub(super) fn plan(&mut self, poll: &PollContext<'_>) -> Plan {
        self.planner.plan(&self.ledger, poll)
    }

    /// Commits a part of a first sync. Nothing of it is served yet.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was committed.
    pub(super) fn commit_part(
        &mut self,
        staging: Staging,
        anomalies: Anomalies,
        part: FirstSync,
    ) -> Result<(), CommitError> {
        let transition = self.ledger().diff_part(staging, part, self.limits);
        self.commit(Some(transition), &SharedChanges::default())?;
        self.anomalies.merge(anomalies);
        Ok(())
    }

    /// Commits a complete poll. Returns the facts to serve about it.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was committed.
    pub(super) fn commit_poll(
        &mut self,
        polled: Polled,
        facts: PollFacts,
        end: PollEnd,
    ) -> Result<ServedPoll, CommitError> {
        let (window_start, begun, ended) = (facts.window_start, facts.begun, end.ended);
        let mut summary = polled.summary;
        // A copy, because a planner that relies on a poll that was not committed would skip records.
        let mut planner = self.planner.clone();
        match polled.plan {
            Plan::Everything => {
                let read = TimeRange::new(polled.since, ended);
                planner.note_full_read(&summary, end.page, read);
            }
            Plan::Changes { new_since, slices, .. } => {
                for slice in slices {
                    planner.note_slice(slice, new_since, begun);
                }
                // The plan relied on the lower bound: the API must be read as a whole from now on.
                if summary.ignores_bound {
                    planner.note_contradiction();
                }
            }
        }
        planner.note_poll(&summary, begun);
        if let Some(works) = polled.filter_works {
            planner.note_filter(works, begun);
        }
        // Ranges that this poll did not read keep their anomalies, and all of them are served.
        let mut anomalies = self.anomalies.clone();
        anomalies.merge(std::mem::take(&mut summary.anomalies));
        anomalies.expire(window_start);
        let facts = planner.remember(facts);
        let poll = ServedPoll {
            completed: ended,
            oldest_read: planner.oldest_read().unwrap_or(begun),
            reported: summary.reported,
            rejected: anomalies.rejected(),
            unknown_values: anomalies.unknown_values(),
            hold_millis: self.hold_millis(),
            window_millis: u64::try_from(end.window.as_millis()).unwrap_or(u64::MAX),
            max_pools: self.limits.pools as u64,
        };
        let transition = self.ledger().diff(polled.staging, facts, self.limits);
        let outcome = Outcome::Served(poll.clone());
        let shared = self.shared_changes(&transition, outcome, end);
        self.commit(Some(transition), &shared)?;
        // A count is compared with the ledger, so the ledger must already hold this poll.
        for taken in &polled.counts {
            planner.note_count(&self.ledger, taken, window_start, begun);
        }
        (self.planner, self.anomalies) = (planner, anomalies);
        Ok(poll)
    }

    /// Commits a transition, and what only a shared log holds. [`Self::compact`] comes next, once the commit is
    /// served: it may take seconds.
    pub(super) fn commit(
        &mut self,
        transition: Option<Transition>,
        shared: &SharedChanges,
    ) -> Result<(), CommitError> {
        let new_series = transition.as_ref().map_or_else(Counters::new, |transition| {
            ServedCounters::appearing(self.ledger(), transition)
        });
        self.ledger.commit_shared(transition, shared)?;
        if self.ledger.is_shared() {
            self.counters.follow(&self.ledger, &self.users);
        } else {
            self.counters.update(&self.ledger, &self.users, new_series, Instant::now());
        }
        Ok(())
    }

    /// Rewrites what is written if it has become long. Returns the size and the end of the log afterwards.
    pub(super) fn compact(&mut self) -> (LedgerFigures, Option<LogEnd>) {
        // The commit is durable already. A state that cannot be rewritten only stays larger.
        if let Err(error) = self.ledger.compact() {
            tracing::warn!(%error, remedy = error.remedy(), "state not rewritten");
        }
        (self.figures(), self.ledger.log_end())
    }

    /// Returns the records in the window, aggregated by label.
    pub(super) fn aggregate(&self) -> Aggregate {
        Aggregate::of(self.ledger(), &self.users)
    }

    /// Shows series with these labels and this form of users from now on. Series that appear
    /// are held for `hold`.
    pub(super) fn set_labels(&mut self, labels: &ProjectLabels, users: UserNames, hold: Duration) {
        self.counters.hold_for(hold);
        self.counters.relabel(&self.ledger, labels, &users, Instant::now());
        if self.ledger.is_shared() {
            self.counters.follow(&self.ledger, &users);
        }
        self.users = users;
    }

    /// Forgets the names that nothing shows. Call it while no staging is in use.
    pub(super) fn forget_hidden_names(&mut self) {
        if self.ledger.keep_names(self.users.kept()) {
            // Records that are not read again would have no user for as long as the reconcile interval.
            self.planner.note_contradiction();
        }
    }

    /// Returns the part of a snapshot that follows from the ledger. `now` decides about the sync mode.
    pub(super) fn ledger_part(&mut self, now: Timestamp) -> LedgerPart {
        self.failed.update(&self.ledger);
        let poll = self.ledger().last_poll();
        LedgerPart {
            counters: self.counters.shown(),
            mode: self.planner.mode(now).into(),
            ledger: self.figures(),
            // The parts of a first sync are not served, nor are their failures or desktops.
            failed: poll.map_or_else(FailedList::default, |_| self.failed.clone()),
            desktops: poll.map_or_else(Arc::default, |_| desktops(self.ledger(), &self.users)),
            last_poll: poll.map(|poll| poll.begun),
            users: self.users.clone(),
            counting_since: poll.map(|poll| poll.counting_since),
            log_end: self.ledger.log_end(),
        }
    }

    /// True if the last complete poll read the records of `identity`. Otherwise the known failures
    /// belong to another project.
    pub(super) fn is_of(&self, identity: &str) -> bool {
        self.ledger().last_poll().is_some_and(|poll| poll.identity == identity)
    }

    /// Logs the limits that are reached.
    pub(super) fn report_limits(&mut self, project: &str) {
        let has_all_stale_reads = self.ledger.has_all_stale_reads();
        self.reached.report(project, self.anomalies.is_full(), has_all_stale_reads);
    }

    /// Returns the size of the ledger.
    pub(super) fn figures(&self) -> LedgerFigures {
        LedgerFigures {
            records: self.ledger().len() as u64,
            bytes: self.ledger.file_bytes(),
            names: self.ledger().name_count() as u64,
            folded_users: self.ledger().folded_count(LimitedLabel::User),
            folded_pools: self.ledger().folded_count(LimitedLabel::Pool),
            folded_buckets: self.ledger().folded_count(LimitedLabel::Bucket),
            folded_policies: self.ledger().folded_count(LimitedLabel::Policy),
            folded_statuses: self.ledger().folded_count(LimitedLabel::Status),
            folded_types: self.ledger().folded_count(LimitedLabel::Type),
        }
    }
}

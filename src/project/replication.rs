//! A project that replicas share: one leads and polls, the others follow.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::Project;
use super::currency::{Currency, LeadershipView};
use super::options::PollOptions;
use super::polling::Role;
use super::schedule::Schedule;
use super::state::ProjectState;
use crate::ledger::{CommitError, DurableLedger, FailedPoll, LogEnd, SharedLog};
use crate::snapshot::{Confirmation, Failure, RecordsSnapshot, Snapshot};
use records_api::record::Timestamp;

/// The state of projects that replicas share.
pub trait SharedState: fmt::Debug + Send + Sync {
    /// Makes the projects serve what other replicas have committed, or sets why they cannot, until `deadline`.
    fn refresh<'a>(&'a self, projects: &'a [Arc<Project>], deadline: Instant) -> BoxFuture<'a, ()>;

    /// Asks the leaders of the projects for polls that are due, and waits for them until `deadline`.
    fn poll<'a>(&'a self, projects: &'a [Arc<Project>], deadline: Instant) -> BoxFuture<'a, ()>;
}

/// Time that a cancelled poll gets to end. It ends where it next waits.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);
/// Time that a poll which another replica wants may still be away, for the time that a commit takes. A wish
/// that comes later is about a poll that has begun.
const MAX_DUE_WAIT: Duration = Duration::from_millis(100);

impl Failure {
    /// Returns the failure as it is committed.
    pub(super) fn to_commit(&self, at: Timestamp, hold_millis: u64) -> FailedPoll {
        let Self { request, what, remedy, since } = self.clone();
        FailedPoll { at, request, what, remedy, since, hold_millis }
    }
}

impl Project {
    /// Returns the end of the shared log that the served snapshot shows; `None` without replicas, or before
    /// the log was read.
    pub fn shown_log_end(&self) -> Option<LogEnd> {
        self.polling().snapshot.log_end
    }

    /// Returns whether this replica polls the project.
    pub fn is_leading(&self) -> bool {
        self.polling().role != Role::Follows
    }

    /// Returns the end of the shared log that the ledger holds. Waits for a running commit.
    pub fn known_log_end(&self) -> Option<LogEnd> {
        self.state.lock().ledger.log_end()
    }

    /// True if a commit may be under way, which other replicas may serve before this one does.
    pub fn may_be_committing(&self) -> bool {
        self.state.try_lock().is_none()
    }

    /// Waits until a commit that runs is served. Returns the end of the shared log that the ledger holds then.
    pub async fn wait_for_commit(&self) -> Option<LogEnd> {
        let state = self.state.clone();
        records_api::run_blocking(move || state.lock().ledger.log_end()).await.ok().flatten()
    }

    /// True before the first complete poll.
    pub fn is_first_sync(&self) -> bool {
        self.polling().is_first_sync
    }

    /// True while a poll runs.
    pub fn is_polling(&self) -> bool {
        self.polling().is_running()
    }

    /// Notes how far the project was up to date, as the answer to a question of `asked`. The newest question
    /// counts.
    pub fn set_currency(&self, asked: Instant, currency: Currency) {
        let mut known = self.replication.lock();
        known.is_open |= matches!(currency, Currency::Current | Currency::Unpolled(_));
        if known.currency.0 <= asked {
            let currency = currency.since_that_of(&known.currency.1);
            known.currency = (asked, currency);
        }
    }

    /// Notes that the state is open.
    pub fn set_open(&self) {
        self.replication.lock().is_open = true;
    }

    /// Returns whether the state is open: with replicas, once the log was read.
    pub fn is_open(&self) -> bool {
        self.replication.lock().is_open
    }

    /// Notes who leads the project.
    pub fn set_leadership(&self, leadership: LeadershipView) {
        self.replication.lock().leadership = Some(leadership);
    }

    /// Returns who leads the project; `None` without replicas, or before the database has answered.
    pub fn leadership(&self) -> Option<LeadershipView> {
        self.replication.lock().leadership.clone()
    }

    /// Starts a poll when one is due, if that is very soon.
    pub fn start_when_due(self: &Arc<Self>) {
        let min_interval = self.config().options.min_interval;
        let next = self.polling().schedule.next_start(min_interval);
        let due = next.unwrap_or_else(Instant::now);
        if due <= Instant::now() + MAX_DUE_WAIT {
            let project = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep_until(due).await;
                project.start_if_due();
            });
        }
    }

    /// Returns the snapshot as far as the database confirms it.
    pub(super) fn confirmed(&self, snapshot: Arc<Snapshot>) -> (Arc<Snapshot>, Confirmation) {
        let currency = self.replication.lock().currency.1.clone();
        let (failure, confirmation) = match currency {
            Currency::Current => return (snapshot, Confirmation::Current),
            Currency::LeadingUntil(until, failure) if Instant::now() < until => {
                (failure, Confirmation::LeaseOnly)
            }
            Currency::Unpolled(failure) => (failure, Confirmation::Unpolled),
            Currency::LeadingUntil(_, failure) | Currency::Unknown(failure) => {
                (failure, Confirmation::Unknown)
            }
        };
        let mut changed = Snapshot::clone(&snapshot);
        changed.failure = Some(failure);
        if confirmation == Confirmation::Unknown {
            changed.counters = Arc::default();
        }
        (Arc::new(changed), confirmation)
    }

    /// Leads the project from now on if its ledger ends where the log does.
    pub fn lead(&self, log: Box<dyn SharedLog>) -> bool {
        let config = self.config();
        let mut state = self.state.lock();
        let end = log.end();
        let is_same = |known: LogEnd| (known.base, known.next) == (end.base, end.next);
        if !state.ledger.log_end().is_some_and(is_same) || self.retired.is_cancelled() {
            return false;
        }
        state.lead(log, config.options.reconcile_millis());
        self.begin_leading(&state, end);
        true
    }

    /// Leads the project from now on if its ledger ends at `known`, and writes its whole state into the log
    /// first. Blocks the thread.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: this replica does not lead.
    pub fn restore(&self, log: Box<dyn SharedLog>, known: LogEnd) -> Result<bool, CommitError> {
        let config = self.config();
        let mut state = self.state.lock();
        // An empty or half applied ledger would take the place of the whole log.
        if state.ledger.log_end() != Some(known) {
            return Ok(false);
        }
        state.restore(log, config.options.reconcile_millis())?;
        let end = state.ledger.log_end().unwrap_or_default();
        self.begin_leading(&state, end);
        Ok(true)
    }

    fn begin_leading(&self, state: &ProjectState, end: LogEnd) {
        let failing_since = state.ledger.shared().failed.as_ref().map(|failed| failed.since);
        let mut polling = self.polling();
        polling.role = Role::Polls;
        polling.schedule = Schedule::default();
        polling.failures.continue_since(failing_since);
        polling.is_first_sync = state.ledger().last_poll().is_none();
        polling.change(|snapshot| snapshot.log_end = Some(end));
    }

    /// Polls at once, whether a scrape asks for it or not. For a replica that has begun to lead.
    pub fn poll_now(self: &Arc<Self>) {
        self.start_if_due();
        self.config_replaced.notify_one();
    }

    /// Begins no poll if `is_leaving`, so that the project is free for another replica once the present one has
    /// ended. A project that takes most of the time to poll would never be free otherwise.
    pub fn set_leaving(&self, is_leaving: bool) {
        let mut polling = self.polling();
        match (polling.role, is_leaving) {
            (Role::Polls, true) => polling.role = Role::Leaves,
            (Role::Leaves, false) => {
                polling.role = Role::Polls;
                self.config_replaced.notify_one();
            }
            _ => {}
        }
    }

    /// Leaves polling to another replica. A running poll is cancelled and commits nothing more.
    pub async fn stop_leading(&self) {
        let mut finished = self.finished.subscribe();
        let is_running = {
            let mut polling = self.polling();
            polling.role = Role::Follows;
            polling.running.as_ref().inspect(|running| running.cancelled.cancel()).is_some()
        };
        if is_running {
            // Its reads are compared with the ledger, which changes next.
            let _ = timeout(CANCEL_LIMIT, finished.changed()).await;
        }
        let state = self.state.clone();
        // A commit may run.
        let _ = records_api::run_blocking(move || state.lock().ledger.follow()).await;
    }

    /// Applies what another replica has committed, and serves it. Blocks the thread. After an error the
    /// snapshot stays, because the ledger may hold a part of a commit.
    ///
    /// # Errors
    ///
    /// Those of `change`.
    pub fn follow<E>(
        &self,
        change: impl FnOnce(&mut DurableLedger) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut state = self.state.lock();
        change(state.follow())?;
        self.followed(&mut state);
        Ok(())
    }

    /// Serves a ledger that has read the shared log from its beginning.
    pub fn replace_ledger(&self, ledger: DurableLedger) {
        let mut state = self.state.lock();
        state.replace_ledger(ledger);
        self.followed(&mut state);
    }

    /// Serves the ledger of a replica that follows.
    fn followed(&self, state: &mut ProjectState) {
        let config = self.config();
        state.followed(config.options.reconcile_millis());
        let ledger_part = state.ledger_part(self.now());
        let known = self.polling().snapshot.records.clone();
        let shared = state.ledger.shared();
        let records = shared.served.clone().map(|poll| match known {
            // The aggregates take time for each label.
            Some(known) if known.poll == poll => known,
            _ => {
                let mut aggregate = state.aggregate();
                let ids = shared.pools.iter().map(|pool| pool.id.as_str());
                aggregate.seed(ids, usize::try_from(poll.max_pools).unwrap_or(usize::MAX));
                let pools = shared.pools.clone();
                Arc::new(RecordsSnapshot { aggregate, poll, completed_at: Instant::now(), pools })
            }
        });
        let failure = shared.failed.clone().map(Failure::from);
        let mut polling = self.polling();
        polling.is_first_sync = state.ledger().last_poll().is_none();
        polling.change(|snapshot| {
            ledger_part.write_to(snapshot);
            if let Some(records) = &records {
                snapshot.window = Duration::from_millis(records.poll.window_millis);
            }
            (snapshot.records, snapshot.failure) = (records, failure);
        });
        drop(polling);
        if state.ledger().last_poll().is_some() {
            self.progress.lock().complete();
        }
    }

    /// Returns the time until the next poll is due if the present one ends with `success`.
    pub(super) fn due_in(&self, options: &PollOptions, success: bool) -> Duration {
        self.polling().schedule.due_in(Instant::now(), options.min_interval, success)
    }
}

impl From<FailedPoll> for Failure {
    fn from(poll: FailedPoll) -> Self {
        let FailedPoll { request, what, remedy, since, .. } = poll;
        Self { request, what, remedy, since }
    }
}

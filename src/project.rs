//! One project: its config, its polls, and the snapshot that they produce.
//!
//! A poll reads into a staging, commits it to the ledger, and replaces the snapshot. Only `poll` and
//! `run` wait for the API.

mod commit;
mod config;
mod currency;
mod error;
mod failure;
mod first_sync_progress;
mod options;
mod poll;
mod polling;
mod reached_limits;
mod reload;
mod replication;
mod run;
mod schedule;
mod shared_state;
mod state;
mod status;
mod users;

pub use config::ProjectConfig;
pub use currency::{Currency, Leader, LeadershipView};
pub use error::{PollError, Reason};
pub use options::{PollMode, PollOptions};
pub use poll::ApiCheck;
pub use replication::SharedState;
pub use status::{Budget, RunningPoll, Status};
pub use users::Users;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::instruments::{Instruments, ProjectObserver};
use crate::ledger::DurableLedger;
use crate::snapshot::{ProjectLabels, ProjectView, Snapshot, SyncMode};
use currency::Replication;
use first_sync_progress::FirstSyncProgress;
use poll::check_api;
use polling::{Polling, Role};
use records_api::Client;
use records_api::clock::Clock;
use records_api::record::Timestamp;
use state::ProjectState;

/// A monitored project.
///
/// Locks are taken in the order `state`, `polling`, `config`. None is held while a poll waits for the API;
/// `state` is held during a commit, so nothing that answers a scrape takes it.
#[derive(Debug)]
pub struct Project {
    name: String,
    config: Mutex<Arc<ProjectConfig>>,
    observer: Arc<ProjectObserver>,
    instruments: Arc<Instruments>,
    clock: Arc<dyn DebugClock>,
    state: Arc<Mutex<ProjectState>>,
    progress: Mutex<FirstSyncProgress>,
    polling: Mutex<Polling>,
    replication: Mutex<Replication>,
    /// Number of finished polls. Scrapes wait for it to change.
    finished: watch::Sender<u64>,
    /// Wakes the background task after a reload.
    config_replaced: Notify,
    /// Cancelled when the project is removed from the config, and at the end of the process.
    retired: CancellationToken,
}

/// A clock that implements `Debug`, as the fields of [`Project`] must.
trait DebugClock: Clock + std::fmt::Debug {}
impl<T: Clock + std::fmt::Debug> DebugClock for T {}

/// Minimum time between two polls in background mode, even if `poll.min_interval` is 0.
const MIN_PAUSE: Duration = Duration::from_millis(10);
/// Time until new credentials are noticed in background mode while polls fail.
const CREDENTIALS_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Time limit for reading the files of the credentials.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_millis(500);

impl Project {
    /// Creates a project that has not been polled yet.
    pub fn new<C: Clock + std::fmt::Debug>(
        labels: ProjectLabels,
        options: PollOptions,
        clock: Arc<C>,
        instruments: Arc<Instruments>,
        ledger: DurableLedger,
        client: impl FnOnce(Arc<ProjectObserver>) -> Client,
    ) -> Arc<Self> {
        let name = labels.project.clone();
        let observer = instruments.observer(&name);
        let client = Arc::new(client(observer.clone()));
        let config = ProjectConfig::new(labels, options, client);
        let is_first_sync = ledger.last_poll().is_none();
        let mut state = ProjectState::new(ledger, &config.labels, &config.options);
        let mut snapshot = Snapshot::new(config.labels.clone(), config.options.window);
        state.ledger_part(Timestamp::default()).write_to(&mut snapshot);
        // With replicas, the records are those that their leader reads.
        let is_shared = state.ledger.is_shared();
        if !is_shared && !state.is_of(&config.identity()) {
            snapshot.forget_records();
        }
        let mut polling = Polling::new(snapshot, is_first_sync);
        // A replica polls once it leads the project.
        polling.role = if is_shared { Role::Follows } else { Role::Polls };
        Arc::new(Self {
            name,
            config: Mutex::new(Arc::new(config)),
            observer,
            instruments,
            clock,
            polling: Mutex::new(polling),
            state: Arc::new(Mutex::new(state)),
            progress: Mutex::new(FirstSyncProgress::new(!is_first_sync)),
            replication: Mutex::new(Replication::new(is_shared)),
            finished: watch::Sender::new(0),
            config_replaced: Notify::new(),
            retired: CancellationToken::new(),
        })
    }

    /// Returns the value of the label `project`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of rows per page: as configured, or as many as the API turned out to grant.
    pub fn page_size(&self) -> u32 {
        self.config().client.page_size()
    }

    /// Returns the current config.
    pub fn config(&self) -> Arc<ProjectConfig> {
        self.config.lock().clone()
    }

    /// Prepares a scrape: starts a poll if one is due, and waits until `deadline` for a running one. The
    /// first poll is not waited for.
    pub async fn scrape(self: &Arc<Self>, deadline: Instant) {
        let mut finished = self.finished.subscribe();
        if self.config().options.mode == PollMode::Scrape {
            self.notice_new_credentials().await;
            self.start_if_due();
        }
        let waits = {
            let polling = self.polling();
            polling.is_running() && polling.snapshot.records.is_some()
        };
        if waits {
            // After the deadline, the scrape gets the snapshot that exists. A retired project does not
            // hold up the scrape.
            let finished = timeout_at(deadline, finished.changed());
            let _ = self.retired.run_until_cancelled(finished).await;
        }
    }

    /// Starts a poll in a task of its own, unless one runs or none is due. A scraper that disconnects
    /// does not cancel it.
    pub fn start_if_due(self: &Arc<Self>) {
        if let Some(attempt) = self.claim(Instant::now()) {
            let project = self.clone();
            tokio::spawn(async move { project.run(attempt).await });
        }
    }

    /// Starts the first poll, and in background mode the task that starts all others.
    pub fn start(self: &Arc<Self>) {
        self.start_if_due();
        self.poll_in_background();
    }

    /// Starts the background task in background mode, unless it runs already.
    fn poll_in_background(self: &Arc<Self>) {
        let is_background = self.config().options.mode == PollMode::Background;
        if is_background && !std::mem::replace(&mut self.polling().has_background, true) {
            let project = self.clone();
            tokio::spawn(async move {
                let retired = project.retired.clone();
                retired.run_until_cancelled(project.keep_polling()).await;
            });
        }
    }

    /// Polls until the mode changes.
    async fn keep_polling(self: Arc<Self>) {
        loop {
            let config = self.config();
            let options = &config.options;
            if options.mode != PollMode::Background {
                self.polling().has_background = false;
                return;
            }
            if let Some(attempt) = self.claim(Instant::now()) {
                let project = self.clone();
                // In a task of its own, so that a panic in a poll does not end this loop.
                let _ = tokio::spawn(async move { project.run(attempt).await }).await;
            }
            let next = self.polling().schedule.next_start(options.min_interval);
            let earliest = Instant::now() + MIN_PAUSE;
            self.wait_until(next.map_or(earliest, |next| next.max(earliest))).await;
        }
    }

    /// Waits until a poll is due, for a new config, which may have another interval, or for new
    /// credentials after a failure.
    async fn wait_until(&self, due: Instant) {
        loop {
            let check = Instant::now() + CREDENTIALS_CHECK_INTERVAL;
            // The first poll is started elsewhere and may still run.
            let may_fail = {
                let polling = self.polling();
                polling.failures.is_failing() || polling.is_running()
            };
            let until = if may_fail { due.min(check) } else { due };
            let has_new_config = timeout_at(until, self.config_replaced.notified()).await.is_ok();
            if has_new_config || until == due || self.notice_new_credentials().await {
                return;
            }
        }
    }

    /// Makes a poll due if the last one failed and the credentials have changed since. Returns true if
    /// so.
    async fn notice_new_credentials(&self) -> bool {
        let is_waiting = {
            let polling = self.polling();
            polling.failures.is_failing() && !polling.is_running()
        };
        if !is_waiting {
            return false;
        }
        let config = self.config();
        // A file system that hangs does not hold up a scrape.
        let changed = timeout(CREDENTIALS_TIMEOUT, config.client.credentials_have_changed()).await;
        let has_changed = changed.unwrap_or(false);
        if has_changed {
            self.polling().schedule.end_backoff();
        }
        has_changed
    }

    /// Requests one page of the window and the list of pools, and returns what they say about the API.
    /// Keeps nothing.
    ///
    /// # Errors
    ///
    /// [`PollError`], as a poll would fail.
    pub async fn check_api(&self) -> Result<ApiCheck, PollError> {
        let (config, now) = (self.config(), self.now());
        let hides_names = !config.options.users.initial().are_shown();
        check_api(&config.client, config.window_start(now), &config.options, hides_names).await
    }

    /// Returns the served snapshot, with the values that depend on the current time.
    pub fn view(&self) -> ProjectView {
        let now = self.now();
        // Under one lock, because a reload replaces both under it.
        let (snapshot, config) = {
            let polling = self.polling();
            (polling.snapshot.clone(), self.config())
        };
        let max_age = config.options.max_staleness;
        let is_stale =
            snapshot.records.as_ref().is_some_and(|records| records.is_older_than(max_age, now));
        let (snapshot, confirmation) = self.confirmed(snapshot);
        ProjectView {
            confirmation,
            at: Instant::now(),
            is_stale,
            first_sync_progress: match snapshot.mode {
                SyncMode::FirstSync => self.progress.lock().ratio(),
                _ => 1.0,
            },
            sign_in: config.client.sign_in(),
            page_size: config.client.page_size(),
            snapshot,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    fn polling(&self) -> MutexGuard<'_, Polling> {
        self.polling.lock()
    }
}

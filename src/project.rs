//! One project: its polls, its snapshot, its last failure.

mod books;
mod error;
mod failure;
mod options;
mod poll;
mod progress;
mod reload;
mod run;
mod schedule;
mod setup;
mod status;
mod users;

pub use error::{PollError, Reason};
pub use options::{PollMode, PollOptions};
pub use poll::Found;
pub use setup::Setup;
pub use status::{Budget, Status};
pub use users::Users;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::instruments::{Instruments, ProjectObserver};
use crate::ledger::DurableLedger;
use crate::snapshot::{ProjectLabels, ProjectView, Snapshot, SyncMode};
use books::Books;
use failure::FailureStreak;
use poll::probe;
use progress::Progress;
use records_api::Client;
use records_api::clock::Clock;
use records_api::record::Timestamp;
use schedule::Schedule;

/// A project under watch.
#[derive(Debug)]
pub struct Project {
    name: String,
    setup: Mutex<Arc<Setup>>,
    observer: Arc<ProjectObserver>,
    instruments: Arc<Instruments>,
    clock: Arc<dyn ClockDebug>,
    books: Arc<Mutex<Books>>,
    /// How far the first sync is.
    progress: Mutex<Progress>,
    state: Mutex<State>,
    /// Number of polls finished; who waits for a poll watches it.
    finished: watch::Sender<u64>,
    /// Tells that it goes by another setup.
    other_setup: Notify,
    /// It is watched no more.
    gone: CancellationToken,
}

/// A clock that can stand in a `Debug` struct.
trait ClockDebug: Clock + std::fmt::Debug {}
impl<T: Clock + std::fmt::Debug> ClockDebug for T {}

#[derive(Debug)]
struct State {
    /// What is served. Replaced as a whole.
    snapshot: Arc<Snapshot>,
    running: bool,
    /// A task of its own starts its polls.
    has_background: bool,
    schedule: Schedule,
    failures: FailureStreak,
    /// No poll was complete yet, not even in an earlier process.
    is_first_sync: bool,
}

impl State {
    fn new(snapshot: Snapshot, is_first_sync: bool) -> Self {
        Self {
            snapshot: Arc::new(snapshot),
            is_first_sync,
            running: false,
            has_background: false,
            schedule: Schedule::default(),
            failures: FailureStreak::default(),
        }
    }

    /// Puts a changed snapshot in the place of the one that is served. Answers under way keep theirs.
    fn change(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        change(snapshot);
        snapshot.revision += 1;
        if self.is_first_sync {
            snapshot.mode = SyncMode::FirstSync;
        }
    }
}

/// Between two polls that time alone starts, also where `poll.min_interval` is 0.
const MIN_PAUSE: Duration = Duration::from_millis(10);

impl Project {
    /// A project that has not been polled yet. Its series bear these labels.
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
        let setup = Setup::new(labels, options, client);
        let is_first_sync = ledger.last_poll().is_none();
        let books = Books::new(ledger, &setup.options);
        let mut snapshot = Snapshot::new(setup.labels.clone(), setup.options.window);
        books.known(Timestamp::default()).put_into(&mut snapshot);
        if !books.is_of(&setup.identity()) {
            snapshot.forget_records();
        }
        if is_first_sync {
            snapshot.mode = SyncMode::FirstSync;
        }
        Arc::new(Self {
            name,
            setup: Mutex::new(Arc::new(setup)),
            observer,
            instruments,
            clock,
            state: Mutex::new(State::new(snapshot, is_first_sync)),
            books: Arc::new(Mutex::new(books)),
            progress: Mutex::new(Progress::new(!is_first_sync)),
            finished: watch::Sender::new(0),
            other_setup: Notify::new(),
            gone: CancellationToken::new(),
        })
    }

    /// The label `project`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows that a page asks for: as configured, or what the server turned out to grant.
    pub fn page_size(&self) -> u32 {
        self.setup().client.page_size()
    }

    /// What it goes by.
    pub fn setup(&self) -> Arc<Setup> {
        self.setup.lock().clone()
    }

    /// Makes ready for a scrape: starts a poll if one is due, and waits for the one under way, but not
    /// beyond `deadline`, and not for the first.
    pub async fn scrape(self: &Arc<Self>, deadline: Instant) {
        let mut finished = self.finished.subscribe();
        if self.setup().options.mode == PollMode::Scrape {
            self.start_if_due();
        }
        let waits = {
            let state = self.state();
            state.running && state.snapshot.records.is_some()
        };
        if waits {
            // Either way what is known by then is shown; one that is gone holds nobody.
            let finished = timeout_at(deadline, finished.changed());
            let _ = self.gone.run_until_cancelled(finished).await;
        }
    }

    /// Starts a poll in the background unless one runs or none is due.
    pub fn start_if_due(self: &Arc<Self>) {
        if self.claim(Instant::now()) {
            let project = self.clone();
            tokio::spawn(async move { project.run_claimed().await });
        }
    }

    /// Starts the first poll, and all others where time alone starts them.
    pub fn begin(self: &Arc<Self>) {
        self.start_if_due();
        self.poll_in_background();
    }

    /// Polls by itself from now on, where time alone starts polls, unless it does already.
    pub(super) fn poll_in_background(self: &Arc<Self>) {
        let is_wanted = self.setup().options.mode == PollMode::Background;
        if is_wanted && !std::mem::replace(&mut self.state().has_background, true) {
            let project = self.clone();
            tokio::spawn(async move {
                let gone = project.gone.clone();
                gone.run_until_cancelled(project.keep_polling()).await;
            });
        }
    }

    /// Polls as long as time alone starts polls.
    async fn keep_polling(self: Arc<Self>) {
        loop {
            let options = self.setup();
            let options = &options.options;
            if options.mode != PollMode::Background {
                self.state().has_background = false;
                return;
            }
            if self.claim(Instant::now()) {
                let project = self.clone();
                // A task of its own, so that a bug in a poll ends that poll only.
                let _ = tokio::spawn(async move { project.run_claimed().await }).await;
            }
            let next = self.state().schedule.next_start(options.min_interval);
            let soonest = Instant::now() + MIN_PAUSE;
            // Another setup may want the next poll sooner: then it is looked at again.
            let next = next.map_or(soonest, |next| next.max(soonest));
            let _ = timeout_at(next, self.other_setup.notified()).await;
        }
    }

    /// Polls now, whatever is due. For a process that polls once.
    pub async fn poll_once(&self) -> Status {
        {
            let mut state = self.state();
            state.running = true;
            state.schedule.start(Instant::now());
        }
        self.run_claimed().await;
        self.status()
    }

    /// Asks for one page of the window, to see what the API is like. Nothing is kept.
    ///
    /// # Errors
    ///
    /// [`PollError`], as a poll would meet it.
    pub async fn try_out(&self) -> Result<Found, PollError> {
        let (setup, now) = (self.setup(), self.now());
        probe(&setup.client, setup.window_start(now), &setup.options.filter).await
    }

    /// The snapshot that is served, with what changes by time alone.
    pub fn view(&self) -> ProjectView {
        let (now, setup) = (self.now(), self.setup());
        let snapshot = self.state().snapshot.clone();
        let max_age = setup.options.max_staleness;
        let is_stale =
            snapshot.records.as_ref().is_some_and(|records| records.is_older_than(max_age, now));
        ProjectView {
            snapshot,
            at: Instant::now(),
            is_stale,
            first_sync_progress: self.progress.lock().ratio(),
            sign_in: setup.client.sign_in(),
        }
    }

    /// Takes the right to poll, if nobody else has it and a poll is due.
    fn claim(&self, now: Instant) -> bool {
        let min_interval = self.setup().options.min_interval;
        let mut state = self.state();
        let is_due = state.schedule.is_due(now, min_interval);
        if state.running || !is_due || self.gone.is_cancelled() {
            return false;
        }
        state.running = true;
        state.schedule.start(now);
        true
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

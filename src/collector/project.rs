//! One project: its polls, its snapshot, its last failure.

mod status;

pub use status::{Budget, Status};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::asking::{Asking, locked};
use super::books::{Books, Face};
use super::error::{PollError, Reason};
use super::failure::Trouble;
use super::instruments::{Instruments, ProjectObserver};
use super::options::{PollMode, PollOptions};
use super::pool_names::PoolNames;
use super::probe::{Found, probe};
use super::progress::Progress;
use super::published::Published;
use super::schedule::Schedule;
use crate::api::Client;
use crate::clock::Clock;
use crate::exposition::{ProjectLabels, ProjectView, SnapshotView, SyncMode};
use crate::record::Timestamp;
use crate::store::{CommitError, LabelLimits, PollFacts, Store};

/// A project under watch.
#[derive(Debug)]
pub struct Project {
    labels: Arc<ProjectLabels>,
    client: Client,
    options: PollOptions,
    observer: Arc<ProjectObserver>,
    instruments: Arc<Instruments>,
    clock: Arc<dyn ClockDebug>,
    books: Arc<Mutex<Books>>,
    /// How far the first sync is.
    progress: Mutex<Progress>,
    pool_names: Option<PoolNames>,
    state: Mutex<State>,
    /// Number of polls finished; who waits for a poll watches it.
    finished: watch::Sender<u64>,
}

/// A clock that can stand in a `Debug` struct.
trait ClockDebug: Clock + std::fmt::Debug {}
impl<T: Clock + std::fmt::Debug> ClockDebug for T {}

#[derive(Debug)]
struct State {
    face: Face,
    running: bool,
    schedule: Schedule,
    trouble: Trouble,
    snapshot: Option<Published>,
    /// There was no complete poll yet, in an earlier process neither.
    is_first_sync: bool,
    poll_api_requests: Option<u64>,
    /// Rises with each change of what is shown of the records.
    generation: u64,
}

impl State {
    fn new(face: Face, is_first_sync: bool) -> Self {
        Self {
            face,
            is_first_sync,
            running: false,
            schedule: Schedule::default(),
            trouble: Trouble::default(),
            snapshot: None,
            poll_api_requests: None,
            generation: 0,
        }
    }
}

/// Between two polls that time alone starts, also where `poll.min_interval` is 0.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

impl Project {
    /// A project that has not been polled yet. Its series bear these labels.
    pub fn new<C: Clock + std::fmt::Debug>(
        labels: ProjectLabels,
        options: PollOptions,
        clock: Arc<C>,
        instruments: Arc<Instruments>,
        store: Store,
        client: impl FnOnce(Arc<ProjectObserver>) -> Client,
    ) -> Arc<Self> {
        let name = labels.project.clone();
        let observer = instruments.observer(&name);
        let pool_names = options.pool_names.then(|| PoolNames::new(name, options.pools_timeout));
        let limits = LabelLimits { users: options.max_users, pools: options.max_pools };
        let is_first_sync = store.last_poll.is_none();
        let names = options.users.first();
        let (hold, reconcile) = (options.counter_hold, options.reconcile_interval);
        let books = Books::new(store, hold, limits, reconcile, names);
        let client = client(observer.clone());
        let face = books.restored_face(&client.identity(&options.filter));
        Arc::new(Self {
            client,
            pool_names,
            labels: Arc::new(labels),
            options,
            observer,
            instruments,
            clock,
            state: Mutex::new(State::new(face, is_first_sync)),
            books: Arc::new(Mutex::new(books)),
            progress: Mutex::new(Progress::new(!is_first_sync)),
            finished: watch::Sender::new(0),
        })
    }

    /// The label `project`.
    pub fn name(&self) -> &str {
        &self.labels.project
    }

    /// Rows that a page asks for: as configured, or what the server turned out to grant.
    pub fn page_size(&self) -> u32 {
        self.client.page_size()
    }

    /// Makes ready for a scrape: starts a poll if one is due, and waits for the one under way, but not
    /// beyond `deadline`, and not for the first.
    pub async fn scrape(self: &Arc<Self>, deadline: Instant) {
        let mut finished = self.finished.subscribe();
        if self.options.mode == PollMode::Scrape {
            self.start_if_due();
        }
        let waits = {
            let state = self.state();
            state.running && state.snapshot.is_some()
        };
        if waits {
            // Either way what is known by then is shown.
            let _ = timeout_at(deadline, finished.changed()).await;
        }
    }

    /// Starts a poll in the background unless one runs or none is due.
    pub fn start_if_due(self: &Arc<Self>) {
        if self.claim(Instant::now()) {
            let project = self.clone();
            tokio::spawn(async move { project.run_claimed().await });
        }
    }

    /// Polls by itself for ever.
    pub async fn poll_in_background(self: Arc<Self>) {
        loop {
            if self.claim(Instant::now()) {
                let project = self.clone();
                // A task of its own, so that a bug in a poll ends that poll only.
                let _ = tokio::spawn(async move { project.run_claimed().await }).await;
            }
            let next = self.state().schedule.next_start(self.options.min_interval);
            let soonest = Instant::now() + SHORTEST_PAUSE;
            tokio::time::sleep_until(next.map_or(soonest, |next| next.max(soonest))).await;
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
        let now = self.now();
        probe(&self.client, self.window_start(now), &self.options.filter).await
    }

    /// What it shows at this moment.
    pub fn view(&self) -> ProjectView {
        let now = self.now();
        let first_sync_progress = locked(&self.progress).ratio();
        let (state, most) = (self.state(), self.options.max_staleness);
        ProjectView {
            labels: self.labels.clone(),
            generation: state.generation,
            up: state.trouble.last().is_none() && state.snapshot.is_some(),
            window_seconds: self.options.window.as_secs_f64(),
            is_stale: state.snapshot.as_ref().is_some_and(|s| s.is_older_than(most, now)),
            mode: if state.is_first_sync { SyncMode::FirstSync } else { state.face.mode.into() },
            at: Instant::now(),
            counters: state.face.counters.clone(),
            store: state.face.store,
            first_sync_progress,
            snapshot: state.snapshot.as_ref().map(Published::view),
            poll_api_requests: state.poll_api_requests,
            sign_in: self.client.sign_in(),
        }
    }

    /// Takes the right to poll, if nobody else has it and a poll is due.
    fn claim(&self, now: Instant) -> bool {
        let mut state = self.state();
        if state.running || !state.schedule.is_due(now, self.options.min_interval) {
            return false;
        }
        state.running = true;
        state.schedule.start(now);
        true
    }

    async fn run_claimed(&self) {
        // Whoever drops this future, by a panic too, must not leave the project without polls.
        let mut guard = Running { project: self, is_concluded: false };
        let begun = Instant::now();
        let requests_before = self.observer.requests();
        let result = self.poll().await;
        let requests = self.observer.requests() - requests_before;
        self.instruments.polled(self.name(), result.is_ok(), begun.elapsed());
        self.conclude(result, begun, requests);
        guard.is_concluded = true;
    }

    async fn poll(&self) -> Result<(SnapshotView, Face), PollError> {
        let names = self.options.users.now().await.map_err(Reason::Users)?;
        let now = self.now();
        let window_start = self.window_start(now);
        let (client, books, filter) = (&self.client, &self.books, &self.options.filter);
        let (project, progress) = (self.name(), &self.progress);
        let clock: &dyn Clock = &*self.clock;
        let asking = Asking { project, progress, client, books, filter, window_start, now, clock };
        let polled = asking.poll().await;
        let polled = polled.inspect_err(|error| {
            if matches!(error.reason, Reason::Sync(_)) {
                locked(&self.books).tactics.note_contradiction();
            }
        })?;
        let facts = PollFacts {
            identity: self.client.identity(&self.options.filter),
            counting_since: now,
            window_start,
            begun: now,
            ..PollFacts::default()
        };
        let (books, instruments) = (self.books.clone(), self.instruments.clone());
        let (page, ended) = (self.client.page_size(), self.now());
        // The disk makes it wait, and a large window computes for a while.
        let taken = spawn_blocking(move || {
            let mut books = locked(&books);
            books.name_users(names);
            let began = Instant::now();
            let summary = books.take_over(polled, facts, page, ended)?;
            instruments.committed(began.elapsed());
            let read_from = books.tactics.oldest_read().unwrap_or(now);
            Ok::<_, CommitError>((books.aggregate(), summary, read_from, books.face(now)))
        });
        let (aggregate, summary, read_from, face) =
            taken.await.map_err(|_| Reason::BrokeOff)?.map_err(Reason::State)?;
        let pools = match &self.pool_names {
            Some(names) => names.refresh(&self.client, &aggregate).await,
            None => Vec::new(),
        };
        let completed = self.now();
        Ok((SnapshotView { aggregate, summary, read_from, completed, pools }, face))
    }

    fn conclude(
        &self,
        result: Result<(SnapshotView, Face), PollError>,
        begun: Instant,
        requests: u64,
    ) {
        let now = self.now();
        let mut state = self.state();
        state.poll_api_requests = Some(requests);
        state.generation += 1;
        state.schedule.end(result.is_ok());
        match result {
            Ok((snapshot, face)) => {
                let records = snapshot.aggregate.records;
                let project = self.name();
                if state.trouble.end() || state.snapshot.is_none() {
                    let took = begun.elapsed();
                    tracing::info!(project, records, requests, ?took, "poll succeeded");
                }
                if state.snapshot.is_none() || state.face.mode != face.mode {
                    tracing::info!(project, mode = SyncMode::from(face.mode).as_str(), "sync mode");
                }
                locked(&self.progress).end();
                state.face = face;
                state.snapshot = Some(Published::new(snapshot));
                state.is_first_sync = false;
            }
            Err(error) => state.trouble.note(self.name(), &error, now),
        }
    }

    /// The lower edge of the window of a poll that begins now, in whole seconds.
    fn window_start(&self, now: Timestamp) -> Timestamp {
        let window = i64::try_from(self.options.window.as_millis()).unwrap_or(i64::MAX);
        now.floor_to_second().plus_millis(-window)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is a plain assignment: a panic elsewhere leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A poll under way; ends with it, however it ends.
struct Running<'a> {
    project: &'a Project,
    is_concluded: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let now = self.project.now();
        let mut state = self.project.state();
        state.running = false;
        state.generation += 1;
        // A poll that is dropped otherwise ends with the process.
        if !self.is_concluded && std::thread::panicking() {
            let project = self.project.name();
            self.project.instruments.polled(project, false, Duration::ZERO);
            state.schedule.end(false);
            state.trouble.note(project, &Reason::BrokeOff.into(), now);
        }
        drop(state);
        self.project.finished.send_modify(|count| *count += 1);
    }
}

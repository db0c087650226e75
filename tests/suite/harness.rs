//! A project in one process, with time that stands still until somebody waits: its API is the
//! simulator, or a function that a test writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use records_api::clock::{Clock, TokioClock};
use records_api::record::Timestamp;
use records_api::secret::{Secret, SecretRules, Source};
use records_api::{
    Auth, Client, CredentialBackoff, Limits, ReadLimit, RecordsFilter, Response, Target, Transport,
    TransportError,
};
use records_api_simulator::{Fault, Options, Simulator, Status};
use screen_records_exporter::collector::Collector;
use screen_records_exporter::exposition::Wanted;
use screen_records_exporter::http::{Current, Links, Serving, WebConfig, WebOptions, router};
use screen_records_exporter::instruments::Instruments;
use screen_records_exporter::ledger::DurableLedger;
use screen_records_exporter::project::{Currency, PollMode, PollOptions, Project, Users};
use screen_records_exporter::snapshot::{FailedRecords, Failure, ProjectLabels, ShownFailure};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::memory_log::MemoryLog;
use crate::support::Metrics;
use crate::truth::expected;

/// 2026-11-20T12:00:00Z
pub(crate) const NOW: i64 = 1_795_176_000_000;
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const UP: &str = "workspace_screen_records_up{project=\"p\"}";
pub(crate) const TOKEN: &str = "token-of-the-test/with+marks=";

type Answered = BoxFuture<'static, Result<Response, TransportError>>;
type Answering = dyn Fn(u64, http::Request<Bytes>, usize) -> Answered + Send + Sync;

/// A server in the place of the network. Remembers when each request began.
pub(crate) struct FakeTransport {
    answer: Box<Answering>,
    begun: Mutex<Vec<Instant>>,
    /// Requests under way, and the most of them at once.
    under_way: Arc<(AtomicUsize, AtomicUsize)>,
    /// Whether the next request meets a bug of ours.
    pub(crate) breaks: AtomicBool,
    /// Body of every answer, in the place of the server's.
    body: Mutex<Option<String>>,
}

impl FakeTransport {
    fn new(
        answer: impl Fn(u64, http::Request<Bytes>, usize) -> Answered + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (begun, breaks) = (Mutex::default(), AtomicBool::new(false));
        let (under_way, body) = (Arc::default(), Mutex::default());
        Arc::new(Self { answer: Box::new(answer), begun, under_way, breaks, body })
    }

    /// The most requests that were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.under_way.1.load(Ordering::Relaxed)
    }

    /// When each request began.
    pub(crate) fn begun(&self) -> Vec<Instant> {
        self.begun.lock().unwrap().clone()
    }
}

impl std::fmt::Debug for FakeTransport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FakeTransport")
    }
}

impl Transport for FakeTransport {
    fn send(&self, request: http::Request<Bytes>, limit: ReadLimit) -> Answered {
        assert!(!self.breaks.load(Ordering::Relaxed), "a bug of ours");
        let number = {
            let mut begun = self.begun.lock().unwrap();
            begun.push(Instant::now());
            begun.len() as u64 - 1
        };
        if let Some(body) = self.body.lock().unwrap().clone() {
            let (status, headers) = (StatusCode::OK, HeaderMap::new());
            return Box::pin(async move { Ok(Response { status, headers, body: body.into() }) });
        }
        let answered = (self.answer)(number, request, limit.max_bytes);
        let under_way = self.under_way.clone();
        Box::pin(async move {
            let now = under_way.0.fetch_add(1, Ordering::Relaxed) + 1;
            under_way.1.fetch_max(now, Ordering::Relaxed);
            let answer = answered.await;
            under_way.0.fetch_sub(1, Ordering::Relaxed);
            answer
        })
    }
}

/// A server that answers at once with a status and a body, by the number of the request, from 0.
pub(crate) fn script(
    answer: impl Fn(u64, &http::Request<Bytes>) -> (u16, String) + Send + Sync + 'static,
) -> Arc<FakeTransport> {
    bytes_script(move |number, request| {
        let (status, body) = answer(number, request);
        (status, body.into_bytes())
    })
}

/// The same with a body that need not be text.
pub(crate) fn bytes_script(
    answer: impl Fn(u64, &http::Request<Bytes>) -> (u16, Vec<u8>) + Send + Sync + 'static,
) -> Arc<FakeTransport> {
    FakeTransport::new(move |number, request, _| {
        let (status, body) = answer(number, &request);
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Response { status, headers: HeaderMap::new(), body: body.into() };
        Box::pin(async move { Ok(answer) })
    })
}

/// The same server, which takes so long for each answer.
pub(crate) fn delayed(server: Arc<FakeTransport>, latency: Duration) -> Arc<FakeTransport> {
    FakeTransport::new(move |_, request, limit| {
        let server = server.clone();
        Box::pin(async move {
            tokio::time::sleep(latency).await;
            server.send(request, ReadLimit::new(limit)).await
        })
    })
}

/// The same server, whose clock jumps ahead by ten minutes after so many requests.
fn with_jumping_clock(server: Arc<FakeTransport>, after: u64) -> Arc<FakeTransport> {
    let clock = TokioClock::starting_at(NOW);
    FakeTransport::new(move |number, request, limit| {
        let server = server.clone();
        Box::pin(async move {
            let mut response = server.send(request, ReadLimit::new(limit)).await?;
            let ahead = if number < after { 0 } else { 600_000 };
            let moment = chrono::DateTime::from_timestamp_millis(clock.now_millis() + ahead);
            let date = moment.unwrap().to_rfc2822();
            response.headers.insert(http::header::DATE, date.parse().unwrap());
            Ok(response)
        })
    })
}

fn simulated(simulator: &Simulator) -> Arc<FakeTransport> {
    let router = simulator.router();
    FakeTransport::new(move |_, request, limit| {
        let router = router.clone();
        Box::pin(async move {
            let response = router.oneshot(request.map(axum::body::Body::from)).await;
            let (parts, body) = response.expect("a router has no errors").into_parts();
            let read = Limited::new(body, limit).collect().await;
            let body = read.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => TransportError::TooLarge(limit),
                Err(error) => TransportError::Connection(error.to_string()),
            })?;
            let body = body.to_bytes();
            Ok(Response { status: parts.status, headers: parts.headers, body })
        })
    })
}

/// How a project signs in, at this server.
pub(crate) type SignIn = Arc<dyn Fn(&Arc<FakeTransport>) -> Auth + Send + Sync>;

/// What a test may want otherwise.
#[derive(Clone)]
pub(crate) struct HarnessOptions {
    /// Of the simulated API, if it is one.
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    pub(crate) poll: PollOptions,
    /// Where the state lies; in memory without.
    pub(crate) state: Option<PathBuf>,
    /// The log that the project shares with replicas, in place of a state of its own.
    pub(crate) log: Option<MemoryLog>,
    /// Whether the project leads that log. Otherwise it follows.
    pub(crate) leads: bool,
    /// Where the token stands; [`TOKEN`] without.
    pub(crate) token_file: Option<PathBuf>,
    /// How it signs in; by the token without.
    pub(crate) auth: Option<SignIn>,
    /// How far the API's clock is ahead of ours.
    pub(crate) ahead: Duration,
    /// Number of requests after which the API's clock jumps.
    pub(crate) clock_jumps_after: Option<u64>,
}

impl Default for HarnessOptions {
    fn default() -> Self {
        Self::new(0)
    }
}

impl HarnessOptions {
    /// An API of so many records, a little odd, and a project with the config's defaults.
    pub(crate) fn new(records: usize) -> Self {
        Self {
            options: Options {
                records,
                latency: Duration::from_millis(20),
                window: 14 * DAY,
                odd_share: 0.02,
                ..Options::default()
            },
            limits: Limits {
                page_size: 1000,
                max_concurrent_requests: 4,
                max_requests_per_second: 50.0,
                request_timeout: Duration::from_secs(10),
                max_retries: 3,
                max_response_bytes: 32 << 20,
            },
            poll: PollOptions {
                lease: Duration::from_secs(15),
                mode: PollMode::Scrape,
                min_interval: Duration::from_secs(30),
                window: 15 * DAY,
                max_staleness: Duration::from_secs(600),
                pools_timeout: Duration::from_secs(10),
                pool_names: false,
                filter: RecordsFilter::default(),
                reconcile_interval: Duration::from_secs(3600),
                counter_hold: Duration::ZERO,
                max_records: 12_000_000,
                users: Users::named(),
                max_users: 1000,
                max_pools: 1000,
                max_buckets: 100,
                max_policies: 100,
            },
            state: None,
            log: None,
            leads: true,
            token_file: None,
            auth: None,
            ahead: Duration::ZERO,
            clock_jumps_after: None,
        }
    }

    /// Every poll reads everything.
    pub(crate) fn reading_everything(mut self) -> Self {
        self.poll.reconcile_interval = Duration::from_millis(1);
        self
    }

    /// A project at an API of which nothing is odd, in flight or slow to be asked.
    pub(crate) fn settled(records: usize, change: impl FnOnce(&mut Self)) -> Harness {
        let mut setup = Self::new(records);
        setup.options.odd_share = 0.0;
        setup.limits.max_requests_per_second = 1000.0;
        change(&mut setup);
        let harness = setup.start();
        harness.simulator().edit(|world| {
            let flights = world.records_from(i64::MIN).filter(|record| record.status.in_flight());
            for id in flights.map(|record| record.id).collect::<Vec<_>>() {
                world.set_status(id, Status::UploadCompleted);
            }
        });
        harness
    }

    /// A project at a simulated API.
    pub(crate) fn start(self) -> Harness {
        let ahead = i64::try_from(self.ahead.as_millis()).unwrap();
        let clock = TokioClock::starting_at(NOW + ahead);
        let simulator = Simulator::new(&self.options, move || clock.now_millis());
        let mut transport = simulated(&simulator);
        if let Some(after) = self.clock_jumps_after {
            transport = with_jumping_clock(transport, after);
        }
        Harness { simulator: Some(simulator), ..self.start_at(transport) }
    }

    /// A project at a scripted API.
    pub(crate) fn start_at(self, transport: Arc<FakeTransport>) -> Harness {
        let clock = Arc::new(TokioClock::starting_at(NOW));
        let collector = self.run(&transport, &clock);
        let project = collector.projects()[0].clone();
        Harness { simulator: None, transport, clock, project, collector, setup: self }
    }

    /// A process that begins.
    pub(crate) fn run<C: Clock + std::fmt::Debug>(
        &self,
        transport: &Arc<FakeTransport>,
        clock: &Arc<C>,
    ) -> Arc<Collector> {
        self.run_many(1, transport, clock)
    }

    /// A process with so many projects. Only the first one has a state.
    fn run_many<C: Clock + std::fmt::Debug>(
        &self,
        count: usize,
        transport: &Arc<FakeTransport>,
        clock: &Arc<C>,
    ) -> Arc<Collector> {
        let now = Timestamp::from_millis(clock.now_millis());
        let (instruments, refusals) =
            (Instruments::new(now, Arc::default()), Arc::<CredentialBackoff>::default());
        let token = || match &self.token_file {
            None => Source::Value(Secret::from(TOKEN)),
            Some(path) => Source::file(path, SecretRules::TOKEN),
        };
        let project = |number: usize| {
            let auth =
                self.auth.as_ref().map_or_else(|| Auth::Token(token()), |auth| auth(transport));
            let endpoint = "http://api.invalid".parse().unwrap();
            let target = Target { endpoint, project_id: "0123abcd".to_owned(), auth };
            let (time, transport) = (clock.clone(), transport.clone());
            let now = Timestamp::from_millis(clock.now_millis());
            let shared = self.log.as_ref().filter(|_| number == 0);
            let ledger = match &self.state {
                _ if shared.is_some() => DurableLedger::following(),
                Some(path) if number == 0 => DurableLedger::open(path, now).unwrap().0,
                _ => DurableLedger::default(),
            };
            let project = if number == 0 { "p".to_owned() } else { format!("p{number}") };
            let labels = ProjectLabels { project, ..ProjectLabels::default() };
            let (poll, own_clock) = (self.poll.clone(), clock.clone());
            let (limits, refusals) = (self.limits.clone(), refusals.clone());
            let instruments = instruments.clone();
            let project = Project::new(labels, poll, own_clock, instruments, ledger, |observer| {
                Client::new(target, limits, refusals, transport, time, observer)
            });
            if let Some(log) = shared.filter(|_| self.leads) {
                log.lead(&project);
                project.set_currency(Instant::now(), Currency::Current);
            }
            project
        };
        let projects = (0..count).map(project).collect();
        Arc::new(Collector::new(projects, instruments.clone(), None, false))
    }
}

/// A project, its API, and what it shows.
pub(crate) struct Harness {
    simulator: Option<Simulator>,
    pub(crate) transport: Arc<FakeTransport>,
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) project: Arc<Project>,
    pub(crate) collector: Arc<Collector>,
    pub(crate) setup: HarnessOptions,
}

/// Samples by name and labels.
pub(crate) type Samples = BTreeMap<String, f64>;

impl Harness {
    pub(crate) fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().expect("its API is simulated")
    }

    /// The same API, clock and state with another process.
    pub(crate) fn restart(self) -> Self {
        let clock = self.clock.clone();
        self.restart_at(clock)
    }

    /// Another process over the same state that goes by another clock. That of the API stays.
    pub(crate) fn restart_at(self, clock: Arc<TokioClock>) -> Self {
        let Self { simulator, transport, project, collector, setup, .. } = self;
        drop((project, collector));
        let collector = setup.run(&transport, &clock);
        let project = collector.projects()[0].clone();
        Self { simulator, transport, clock, project, collector, setup }
    }

    /// A replica of the same project that follows, and has read nothing yet.
    pub(crate) fn follower(&self) -> Arc<Collector> {
        let setup = HarnessOptions { leads: false, ..self.setup.clone() };
        setup.run(&self.transport, &self.clock)
    }

    /// Another exporter at the same API, without a state: what it shows after a poll.
    pub(crate) async fn seen_by_another(&self) -> Result<Samples, Failure> {
        let setup = HarnessOptions { state: None, log: None, ..self.setup.clone() };
        let other = setup.run(&self.transport, &self.clock);
        let failure = other.projects()[0].poll_once().await.failure;
        let body = other.expose(Wanted::default()).unwrap().to_vec();
        let shown = Metrics::parse(&String::from_utf8(body).unwrap()).of("workspace_");
        failure.map_or(Ok(figures(shown)), Err)
    }

    /// Another process with so many projects at the same API, which sign in like this.
    pub(crate) fn many(&self, projects: usize, auth: SignIn) -> Arc<Collector> {
        let setup =
            HarnessOptions { state: None, log: None, auth: Some(auth), ..self.setup.clone() };
        setup.run_many(projects, &self.transport, &self.clock)
    }

    pub(crate) fn set_faults(&self, faults: &[&str]) {
        let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap());
        self.simulator().set_faults(faults.collect());
    }

    /// Answers every request with this body, or again as the server does.
    pub(crate) fn answer_with(&self, body: Option<String>) {
        *self.transport.body.lock().unwrap() = body;
    }

    /// Number of requests so far.
    pub(crate) fn asked(&self) -> usize {
        self.transport.begun().len()
    }

    /// Polls, and says why it failed if it did.
    pub(crate) async fn poll(&self) -> Result<(), Failure> {
        self.project.poll_once().await.failure.map_or(Ok(()), Err)
    }

    /// Polls so many times, once every so many seconds: the requests of each.
    pub(crate) async fn polls(&self, polls: usize, pause: u64) -> Vec<usize> {
        let mut requests = Vec::new();
        for _ in 0..polls {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            let before = self.asked();
            assert_eq!(self.poll().await, Ok(()));
            requests.push(self.asked() - before);
        }
        requests
    }

    pub(crate) async fn scrape(&self, timeout: Duration) -> Metrics {
        let body = self.collector.scrape(Instant::now() + timeout, Wanted::default()).await;
        Metrics::parse(&String::from_utf8(body.unwrap().to_vec()).unwrap())
    }

    /// What a scrape would show now.
    pub(crate) fn exposed(&self) -> Metrics {
        exposed_by(&self.collector)
    }

    /// Of it what is about records.
    pub(crate) fn shown(&self) -> Samples {
        self.exposed().of("workspace_")
    }

    /// The names of what is shown but the counters.
    pub(crate) fn gauges(&self) -> Vec<String> {
        self.shown().into_keys().filter(|name| !is_counter(name)).collect()
    }

    /// Of that what can be compared with a truth: without the moments of the poll and without the
    /// API's own count, which may count otherwise.
    pub(crate) fn figures(&self) -> Samples {
        figures(self.shown())
    }

    /// All figures that the API's own truth gives for the window of a poll that began at `moment`,
    /// in milliseconds.
    pub(crate) fn truth(&self, moment: i64) -> Samples {
        let from =
            moment / 1000 * 1000 - i64::try_from(self.setup.poll.window.as_millis()).unwrap();
        expected(&self.simulator().truth_of_day(from, moment), self.setup.poll.window)
    }

    /// Polls and asserts that everything shown about records is true, and nothing is missing.
    pub(crate) async fn assert_polls_right(&self, what: &str) {
        let begun = self.clock.now_millis();
        assert_eq!(self.poll().await, Ok(()), "{what}");
        assert_eq!(self.figures(), self.truth(begun), "{what}");
    }

    /// Seconds since the epoch.
    pub(crate) fn clock_seconds(&self) -> f64 {
        self.clock.now_millis() as f64 / 1000.0
    }

    /// Entries counted so far.
    pub(crate) fn transitions(&self) -> f64 {
        self.exposed().of("workspace_screen_record_transitions_total{").values().sum()
    }

    /// The sync mode in use.
    pub(crate) fn mode(&self) -> String {
        let modes = self.exposed().of("screen_records_exporter_sync_mode");
        let (name, _) = modes.into_iter().find(|(_, value)| *value == 1.0).unwrap();
        name.split("mode=\"").nth(1).unwrap().trim_end_matches("\"}").to_owned()
    }

    /// Seconds since the record was read that was read longest ago.
    pub(crate) fn oldest_age(&self) -> f64 {
        let name = "workspace_screen_records_oldest_read_timestamp_seconds{project=\"p\"}";
        self.clock_seconds() - self.exposed().get(name)
    }

    /// The number of records shown.
    pub(crate) fn counted(&self) -> f64 {
        self.exposed().of("workspace_screen_records{").values().sum()
    }
}

/// Of what is shown what can be compared with a truth.
pub(crate) fn figures(mut shown: Samples) -> Samples {
    for name in [
        "snapshot_timestamp_seconds",
        "oldest_read_timestamp_seconds",
        "counting_since_timestamp_seconds",
        "reported",
    ] {
        shown.remove(&format!("workspace_screen_records_{name}{{project=\"p\"}}"));
    }
    // Of what was counted the API's present truth knows nothing.
    let unresolved = "workspace_screen_records_unresolved";
    shown.retain(|name, _| !is_counter(name) && !name.starts_with(unresolved));
    without_seeds(shown)
}

/// Without the zeros of pools that have no record: a truth knows only those that have.
fn without_seeds(mut shown: Samples) -> Samples {
    let pair = |name: &str| name.split_once(",type=").map(|(_, pair)| pair.to_owned());
    let is_count = |name: &str| name.starts_with("workspace_screen_records{");
    let with_records: BTreeSet<_> = shown
        .iter()
        .filter(|(name, count)| is_count(name) && **count > 0.0)
        .filter_map(|(name, _)| pair(name))
        .collect();
    shown.retain(|name, _| pair(name).is_none_or(|pair| with_records.contains(&pair)));
    shown
}

/// Whether a sample is of a counter or a histogram, which stay whatever happens.
pub(crate) fn is_counter(name: &str) -> bool {
    let families = [
        "workspace_screen_records_seen_total",
        "workspace_screen_record_",
        "workspace_user_screen_record_",
        "workspace_screen_records_uploaded_",
        "workspace_screen_records_expired_in_flight_total",
    ];
    families.iter().any(|family| name.starts_with(family))
}

/// Returns what a collector exposes now.
fn exposed_by(collector: &Collector) -> Metrics {
    let body = collector.expose(Wanted::default()).unwrap().to_vec();
    Metrics::parse(&String::from_utf8(body).unwrap())
}

/// Of it what is about records.
pub(crate) fn shown_by(collector: &Collector) -> Samples {
    exposed_by(collector).of("workspace_")
}

/// The state of the last snapshot after a poll that failed: the same but `up`.
pub(crate) fn but_down(mut shown: Samples) -> Samples {
    shown.insert(UP.to_owned(), 0.0);
    shown
}

/// Returns the failures that a project shows, newest first.
pub(crate) fn failures(failed: &FailedRecords) -> Vec<ShownFailure<'_>> {
    let names = failed.desktop_names();
    failed.list.iter().map(|record| failed.shown(record, &names)).collect()
}

/// Requests a page of the exporter, whose prefix is `/x`.
pub(crate) async fn request(harness: &Harness, uri: &str) -> (u16, HeaderMap, String) {
    let serving = Serving {
        collector: harness.collector.clone(),
        timeout_offset: Duration::ZERO,
        default_timeout: Duration::from_secs(10),
        has_records: false,
    };
    let options =
        WebOptions { links: Links::new(None, Some("/x"), "/metrics"), max_concurrent_requests: 8 };
    let (current, web) = (Current::new(serving), WebConfig::none());
    let router = router(current, harness.clock.clone(), options, web, None);
    let request = Request::get(uri).header("host", "localhost").body(Body::empty()).unwrap();
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Requests a page of the exporter that answers with 200.
pub(crate) async fn text(harness: &Harness, uri: &str) -> String {
    let (status, _, text) = request(harness, uri).await;
    assert_eq!(status, 200, "{uri}: {text}");
    text
}

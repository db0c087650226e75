//! Whole polls in one process against the simulated API, with time that stands still until
//! somebody waits: dialects, faults, limits, and what is shown after each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Limited};
use screen_records_exporter::api::{
    Answer, Auth, Client, Limits, RecordsFilter, Target, TokenSource, Transport, TransportError,
};
use screen_records_exporter::clock::{Clock, TokioClock};
use screen_records_exporter::collector::{Collector, Instruments, PollMode, PollOptions, Project};
use screen_records_exporter::record::Status;
use screen_records_exporter::simulator::{
    DefaultOrder, Dialect, Nothing, Obeyed, Options, OverLimit, Simulator, StartBound, Ties, Times,
    TotalCount, Vocabulary,
};
use secrecy::SecretString;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::support::Metrics;

/// 2026-11-20T12:00:00Z
const NOW: i64 = 1_795_176_000_000;
const WINDOW: Duration = Duration::from_secs(15 * 24 * 3600);
const UP: &str = "workspace_screen_records_up{project=\"p\"}";

/// The simulated API in place of the network. Remembers when each request began.
struct InProcess {
    simulator: Simulator,
    begun: Mutex<Vec<Instant>>,
    breaks: AtomicBool,
}

impl Transport for InProcess {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Answer, TransportError>> {
        self.begun.lock().unwrap().push(Instant::now());
        assert!(!self.breaks.load(Ordering::Relaxed), "a bug of ours");
        let router = self.simulator.router();
        Box::pin(async move {
            let request = request.map(axum::body::Body::from);
            let response = router.oneshot(request).await.expect("a router has no errors");
            let (parts, body) = response.into_parts();
            match Limited::new(body, limit).collect().await {
                Ok(body) => Ok(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    body: body.to_bytes(),
                }),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                    Err(TransportError::TooLarge(limit))
                }
                Err(error) => Err(TransportError::Connection(error.to_string())),
            }
        })
    }
}

/// A project at a simulated API.
struct Setting {
    simulator: Simulator,
    transport: Arc<InProcess>,
    clock: Arc<TokioClock>,
    project: Arc<Project>,
    collector: Collector,
}

#[derive(Clone)]
struct Wishes {
    options: Options,
    limits: Limits,
    poll: PollOptions,
    token: TokenOf,
    /// How far the API's clock is ahead of ours.
    ahead: Duration,
}

#[derive(Clone)]
enum TokenOf {
    Text(&'static str),
    File(std::path::PathBuf),
}

impl Wishes {
    fn new(records: usize) -> Self {
        Self {
            options: Options {
                records,
                latency: Duration::from_millis(20),
                window: Duration::from_secs(14 * 24 * 3600),
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
                mode: PollMode::Scrape,
                min_interval: Duration::from_secs(30),
                window: WINDOW,
                max_staleness: Duration::from_secs(600),
                pools_timeout: Duration::from_secs(10),
                pool_names: false,
                filter: RecordsFilter::default(),
            },
            token: TokenOf::Text("good"),
            ahead: Duration::ZERO,
        }
    }

    fn start(self) -> Setting {
        let clock = Arc::new(TokioClock::starting_at(NOW));
        let ahead = i64::try_from(self.ahead.as_millis()).unwrap();
        let theirs = Arc::new(TokioClock::starting_at(NOW + ahead));
        let simulator = Simulator::new(&self.options, theirs);
        let begun = Mutex::default();
        let transport = Arc::new(InProcess {
            simulator: simulator.clone(),
            begun,
            breaks: AtomicBool::new(false),
        });
        let instruments = Instruments::new();
        let source = match self.token {
            TokenOf::Text(text) => TokenSource::Value(SecretString::from(text)),
            TokenOf::File(path) => TokenSource::File(path),
        };
        let target = Target {
            endpoint: "http://api.invalid".parse().unwrap(),
            project_id: "0123abcd".to_owned(),
            auth: Auth::Token(source),
        };
        let (wire, time, limits) = (transport.clone(), clock.clone(), self.limits);
        let project = Project::new(
            "p".to_owned(),
            self.poll,
            clock.clone(),
            instruments.clone(),
            |observer| Client::new(target, limits, wire, time, observer),
        );
        let collector = Collector::new(vec![project.clone()], instruments);
        Setting { simulator, transport, clock, project, collector }
    }
}

impl Setting {
    async fn scrape(&self, timeout: Duration) -> Metrics {
        let body = self.collector.scrape(Instant::now() + timeout).await;
        Metrics::parse(&String::from_utf8(body).unwrap())
    }

    /// Polls, and says why it failed if it did.
    async fn poll(&self) -> Result<(), String> {
        let status = self.project.poll_once().await;
        status.failure.map_or(Ok(()), |failure| Err(failure.what))
    }

    /// The record figures that a scrape would show now.
    fn shown(&self) -> BTreeMap<String, f64> {
        let body = self.collector.expose(&[self.project.view()]);
        Metrics::parse(&String::from_utf8(body).unwrap()).of("workspace_")
    }

    fn up(&self) -> f64 {
        self.shown()[UP]
    }

    /// What the API's own truth says that the figures are, for the last poll's window.
    fn truth(&self) -> BTreeMap<String, f64> {
        let from = (NOW / 1000 * 1000) - i64::try_from(WINDOW.as_millis()).unwrap();
        let truth = self.simulator.truth(from);
        let mut figures = BTreeMap::new();
        let mut put = |family: &str, labels: String, value: f64| {
            *figures
                .entry(format!("workspace_{family}{{project=\"p\",{labels}}}"))
                .or_insert(0.0) += value;
        };
        let codes = Status::ALL.map(Status::code);
        for row in &truth.by_pool {
            let labels = |status: &str| {
                format!("status=\"{status}\",type=\"{}\",pool=\"{}\"", row.kind, row.pool)
            };
            let families = [
                ("screen_records", row.sums.count as f64),
                ("screen_records_size_bytes", row.sums.size as f64),
                ("screen_records_duration_seconds", row.sums.duration as f64),
            ];
            for (family, value) in families {
                // All six statuses stand beside each one that has records.
                for status in codes {
                    put(family, labels(status), 0.0);
                }
                put(family, labels(row.status), value);
            }
        }
        figures
    }

    /// Asserts that what is shown by status, type and pool is the truth, whole.
    fn assert_exact(&self) {
        let shown: BTreeMap<_, _> = self
            .shown()
            .into_iter()
            .filter(|(name, _)| {
                ["records{", "records_size_bytes{", "records_duration_seconds{"]
                    .iter()
                    .any(|family| name.starts_with(&format!("workspace_screen_{family}")))
            })
            .collect();
        assert_eq!(shown, self.truth());
    }
}

fn dialects() -> Vec<(String, Dialect)> {
    let plain = Dialect::default();
    let mut all = vec![("plain".to_owned(), plain.clone())];
    let mut put = |name: &str, change: &dyn Fn(&mut Dialect)| {
        let mut dialect = plain.clone();
        change(&mut dialect);
        all.push((name.to_owned(), dialect));
    };
    put("clamped to 100", &|d| (d.limit_max, d.limit_over) = (100, OverLimit::Clamp));
    put("refused above 100", &|d| (d.limit_max, d.limit_over) = (100, OverLimit::Refuse));
    for times in [Times::IsoSeconds, Times::Space, Times::Colon, Times::EpochMillis] {
        put(&format!("{times:?}"), &|d| d.times = times);
    }
    for words in
        [Vocabulary::English, Vocabulary::Chinese, Vocabulary::Legacy, Vocabulary::LowerCase]
    {
        put(&format!("{words:?}"), &|d| d.vocabulary = words);
    }
    put("interval", &|d| d.start_bound = StartBound::Interval);
    put("end", &|d| d.start_bound = StartBound::End);
    put("shuffled", &|d| d.default_order = DefaultOrder::Shuffled);
    put("unstable", &|d| d.ties = Ties::Unstable);
    for total in [TotalCount::Missing, TotalCount::Null, TotalCount::Off, TotalCount::Page] {
        put(&format!("{total:?}"), &|d| d.total_count = total);
    }
    put("negative", &|d| d.total_count = TotalCount::Negative);
    for nothing in [Nothing::Null, Nothing::Empty] {
        put(&format!("{nothing:?}"), &|d| (d.missing, d.missing_pool) = (nothing, nothing));
    }
    put("all at once", &|d| {
        *d = Dialect {
            limit_max: 100,
            limit_over: OverLimit::Clamp,
            times: Times::Space,
            vocabulary: Vocabulary::Legacy,
            start_bound: StartBound::Interval,
            default_order: DefaultOrder::Shuffled,
            ties: Ties::Unstable,
            total_count: TotalCount::Missing,
            missing: Nothing::Null,
            missing_pool: Nothing::Empty,
            ..d.clone()
        }
    });
    all
}

#[tokio::test(start_paused = true)]
async fn every_dialect_gives_the_truth_of_the_api() {
    for (name, dialect) in dialects() {
        let mut wishes = Wishes::new(2500);
        wishes.options.burst = 150;
        wishes.options.dialect = dialect;
        let setting = wishes.start();
        assert_eq!(setting.poll().await, Ok(()), "{name}");
        setting.assert_exact();
        assert_eq!(setting.up(), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_does_not_sort_fails_the_poll_and_says_so() {
    let mut wishes = Wishes::new(2500);
    wishes.options.dialect.sort = Obeyed::Ignored;
    let setting = wishes.start();
    let error = setting.poll().await.unwrap_err();
    assert!(error.contains("does not sort by start_time"), "{error}");
    assert_eq!(setting.up(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_failing_poll_shows_the_last_snapshot_whole_and_then_nothing_and_recovers() {
    // Each fault at the first page, in the middle and at the end, lasting.
    let faults = [
        "status=400",
        "status=401",
        "status=403",
        "status=404",
        "status=405",
        "status=429",
        "status=429,retry-after=2",
        "status=500",
        "status=502,shape=html",
        "status=503",
        "status=401,shape=nested-code",
        "kind=echo",
        "kind=error-body",
        "kind=html",
        "kind=empty-object",
        "kind=empty-body",
        "kind=truncated",
        "kind=redirect",
        "kind=hang",
    ];
    for fault in faults {
        for after in [0, 3, 6] {
            let setting = Wishes::new(4000).start();
            assert_eq!(setting.poll().await, Ok(()), "{fault}");
            let whole = setting.shown();
            let fault = format!("{fault},after={after},endpoint=records");
            setting.simulator.set_faults(vec![fault.parse().unwrap()]);
            let error = setting.poll().await.unwrap_err();
            assert!(error.starts_with("screen-records "), "{fault}: {error}");
            let mut expected = whole.clone();
            expected.insert(UP.to_owned(), 0.0);
            assert_eq!(setting.shown(), expected, "{fault}");

            tokio::time::sleep(Duration::from_secs(601)).await;
            let left: Vec<_> = setting.shown().into_keys().collect();
            let names = ["snapshot_timestamp_seconds", "up", "window_seconds"];
            let names = names.map(|n| format!("workspace_screen_records_{n}{{project=\"p\"}}"));
            assert_eq!(left, names, "{fault}");

            setting.simulator.set_faults(Vec::new());
            assert_eq!(setting.poll().await, Ok(()), "{fault}");
            assert_eq!(setting.up(), 1.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_costs_a_retry_and_nothing_else() {
    for fault in
        ["status=500", "status=503", "kind=html", "kind=truncated", "kind=hang", "status=429"]
    {
        let setting = Wishes::new(2500).start();
        let fault = format!("{fault},after=1,times=1,endpoint=records");
        setting.simulator.set_faults(vec![fault.parse().unwrap()]);
        assert_eq!(setting.poll().await, Ok(()), "{fault}");
        setting.assert_exact();
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_left_alone_for_five_minutes_unless_they_change() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "wrong").unwrap();
    let mut wishes = Wishes::new(100);
    wishes.options.token = Some("good".to_owned());
    wishes.token = TokenOf::File(file.path().to_owned());
    let setting = wishes.start();
    assert!(setting.poll().await.unwrap_err().contains("answered 401"));
    let asked = || setting.transport.begun.lock().unwrap().len();
    assert_eq!(asked(), 1);
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let error = setting.poll().await.unwrap_err();
        assert!(error.contains("not asked again for"), "{error}");
    }
    assert_eq!(asked(), 1);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(setting.poll().await.is_err());
    assert_eq!(asked(), 2);
    std::fs::write(file.path(), "good").unwrap();
    assert_eq!(setting.poll().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_a_wrong_token_costs_at_most_thirteen_requests() {
    let mut wishes = Wishes::new(100);
    wishes.options.token = Some("another".to_owned());
    let setting = wishes.start();
    for _ in 0..240 {
        setting.scrape(Duration::from_secs(9)).await;
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
    let asked = setting.transport.begun.lock().unwrap().len();
    assert!((2..=13).contains(&asked), "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_requests_than_configured() {
    let mut wishes = Wishes::new(5000);
    wishes.limits.page_size = 50;
    wishes.limits.max_requests_per_second = 10.0;
    let setting = wishes.start();
    assert_eq!(setting.poll().await, Ok(()));
    let begun = setting.transport.begun.lock().unwrap();
    assert!(begun.len() > 100);
    for (index, begin) in begun.iter().enumerate().skip(10) {
        let span = begin.duration_since(begun[index - 10]);
        assert!(span >= Duration::from_millis(999), "{span:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_api_asks_for_is_kept() {
    let setting = Wishes::new(2500).start();
    let fault = "status=429,retry-after=40,after=1,times=1".parse().unwrap();
    setting.simulator.set_faults(vec![fault]);
    let begun = Instant::now();
    assert_eq!(setting.poll().await, Ok(()));
    assert!(begun.elapsed() >= Duration::from_secs(40));
    let metrics = setting.scrape(Duration::ZERO).await;
    let waited = metrics.get("screen_records_exporter_api_throttled_seconds_total{project=\"p\"}");
    assert!(waited >= 39.0, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_more_than_five_minutes_fail_the_poll() {
    for (ahead, expected) in [(200, Ok(())), (400, Err(()))] {
        let mut wishes = Wishes::new(100);
        wishes.ahead = Duration::from_secs(ahead);
        let result = wishes.start().poll().await;
        assert_eq!(result.clone().map_err(|_| ()), expected, "{result:?}");
        if let Err(error) = result {
            assert!(error.starts_with("this machine's clock is 6m "), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_malformed_rows_fail_the_poll_and_few_are_counted_and_keep_their_last_state() {
    for kind in ["null", "text", "no-id", "no-start", "bad-start"] {
        let setting = Wishes::new(2000).start();
        assert_eq!(setting.poll().await, Ok(()));
        let whole = setting.shown();
        let fault = format!("kind=rows,as={kind},share=0.2");
        setting.simulator.set_faults(vec![fault.parse().unwrap()]);
        let error = setting.poll().await.unwrap_err();
        assert!(error.contains("rows could not be understood"), "{error}");
        let fault = format!("kind=rows,as={kind},share=0.003");
        setting.simulator.set_faults(vec![fault.parse().unwrap()]);
        assert_eq!(setting.poll().await, Ok(()), "{kind}");
        let metrics = setting.scrape(Duration::ZERO).await;
        let rejected: f64 = metrics.of("screen_records_exporter_rejected_records").values().sum();
        assert!((1.0..=20.0).contains(&rejected), "{kind}: {rejected}");
        let total = |shown: &BTreeMap<String, f64>| -> f64 {
            let records = shown.iter().filter(|(n, _)| n.starts_with("workspace_screen_records{"));
            records.map(|(_, value)| value).sum()
        };
        let lost = total(&whole) - total(&setting.shown());
        // With an id a rejected row keeps its place; without one nobody knows whose it is.
        let expected = if kind.ends_with("start") { 0.0 } else { rejected };
        assert_eq!(lost, expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_limit_fails_the_poll() {
    let mut wishes = Wishes::new(2000);
    wishes.limits.max_response_bytes = 100_000;
    let error = wishes.start().poll().await.unwrap_err();
    assert!(error.contains("larger than 100000 bytes (`api.max_response_bytes`)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pools_that_may_not_be_read_cost_their_names_only() {
    for forbid in [false, true] {
        let mut wishes = Wishes::new(500);
        wishes.options.forbid_pools = forbid;
        wishes.poll.pool_names = true;
        let setting = wishes.start();
        assert_eq!(setting.poll().await, Ok(()));
        let names =
            setting.shown().keys().filter(|n| n.starts_with("workspace_desktop_pool_info")).count();
        assert_eq!(names == 0, forbid);
        assert_eq!(setting.up(), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn scrapes_share_a_poll_wait_no_longer_than_they_may_and_never_for_the_first() {
    let mut wishes = Wishes::new(3000);
    wishes.options.latency = Duration::from_secs(3);
    wishes.limits.max_requests_per_second = 100.0;
    let setting = wishes.start();
    let begun = Instant::now();
    let first = setting.scrape(Duration::from_secs(9)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for the first sync");
    assert_eq!(first.get(UP), 0.0);
    assert!(first.of("workspace_screen_records{").is_empty());
    tokio::time::sleep(Duration::from_secs(60)).await;

    let requests = setting.transport.begun.lock().unwrap().len();
    let begun = Instant::now();
    let scrapes = (0..10).map(|n| setting.scrape(Duration::from_secs(1 + n)));
    let all = futures_util::future::join_all(scrapes).await;
    assert!(begun.elapsed() <= Duration::from_secs(10));
    for metrics in &all {
        assert_eq!(metrics.get(UP), 1.0);
        assert!(!metrics.of("workspace_screen_records{").is_empty());
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let metrics = setting.scrape(Duration::ZERO).await;
    let polls = "screen_records_exporter_polls_total{outcome=\"success\",project=\"p\"}";
    assert_eq!(metrics.get(polls), 2.0);
    let more = setting.transport.begun.lock().unwrap().len() - requests;
    assert_eq!(more, requests, "one poll for all");
    assert!(setting.clock.now_millis() > NOW);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_make_polls_rarer_up_to_five_minutes() {
    let setting = Wishes::new(50).start();
    setting.simulator.set_faults(vec!["status=404".parse().unwrap()]);
    let mut gaps = Vec::new();
    let mut last = Instant::now();
    let mut asked = 0;
    while gaps.len() < 9 {
        setting.scrape(Duration::ZERO).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = setting.transport.begun.lock().unwrap().len();
        if now > asked {
            gaps.push(last.elapsed().as_secs());
            (last, asked) = (Instant::now(), now);
        }
    }
    assert!(gaps[1] >= 27 && gaps[1] <= 31, "{gaps:?}");
    assert!(gaps.windows(2).skip(1).all(|pair| pair[1] >= pair[0]), "{gaps:?}");
    assert!(gaps[8] >= 298 && gaps[8] <= 303, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_breaks_off_is_a_failure_and_the_next_one_runs() {
    let setting = Wishes::new(300).start();
    assert_eq!(setting.poll().await, Ok(()));
    let whole = setting.shown();
    setting.transport.breaks.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let metrics = setting.scrape(Duration::from_secs(5)).await;
    let failed = "screen_records_exporter_polls_total{outcome=\"failure\",project=\"p\"}";
    assert_eq!(metrics.get(failed), 1.0);
    let mut expected = whole;
    expected.insert(UP.to_owned(), 0.0);
    assert_eq!(setting.shown(), expected);
    assert_eq!(setting.project.status().failure.unwrap().what, "the poll broke off");
    setting.transport.breaks.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    setting.scrape(Duration::from_secs(5)).await;
    assert_eq!(setting.up(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn in_background_mode_polls_follow_each_other_without_a_scrape() {
    let mut wishes = Wishes::new(300);
    wishes.poll.mode = PollMode::Background;
    let setting = wishes.start();
    let polling = tokio::spawn(setting.project.clone().poll_in_background());
    tokio::time::sleep(Duration::from_secs(95)).await;
    let metrics = setting.scrape(Duration::ZERO).await;
    let polls = "screen_records_exporter_polls_total{outcome=\"success\",project=\"p\"}";
    assert_eq!(metrics.get(polls), 4.0, "at 0, 27, 54 and 81 seconds");
    polling.abort();
}

//! What a project makes of hostile answers and of every history: whole expositions against the
//! simulator's truth, and servers that no document describes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use screen_records_exporter::api::{
    Answer, Auth, Client, Limits, RecordsFilter, Target, TokenSource, Transport, TransportError,
};
use screen_records_exporter::clock::TokioClock;
use screen_records_exporter::collector::{Collector, Instruments, PollMode, PollOptions, Project};
use screen_records_exporter::simulator::{
    DefaultOrder, Dialect, Nothing, Options, OverLimit, Simulator, StartBound, StatusFilter, Ties,
    Times, Truth, Vocabulary,
};
use secrecy::SecretString;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::support::Metrics;

/// 2026-11-20T12:00:00Z
const NOW: i64 = 1_795_176_000_000;
const DAY_SECONDS: u64 = 24 * 3600;
const UP: &str = "workspace_screen_records_up{project=\"p\"}";

type Answered = BoxFuture<'static, Result<Answer, TransportError>>;

/// A server in the place of the network: a function of the number of the request, from 0.
struct Scripted {
    answer: Box<dyn Fn(u64, http::Request<Bytes>, usize) -> Answered + Send + Sync>,
    asked: AtomicU64,
}

impl Transport for Scripted {
    fn send(&self, request: http::Request<Bytes>, limit: usize) -> Answered {
        (self.answer)(self.asked.fetch_add(1, Ordering::Relaxed), request, limit)
    }
}

/// A server that answers at once with a status and a body.
fn script(
    answer: impl Fn(u64, &http::Request<Bytes>) -> (u16, String) + Send + Sync + 'static,
) -> Arc<Scripted> {
    bytes_script(move |number, request| {
        let (status, body) = answer(number, request);
        (status, body.into_bytes())
    })
}

fn bytes_script(
    answer: impl Fn(u64, &http::Request<Bytes>) -> (u16, Vec<u8>) + Send + Sync + 'static,
) -> Arc<Scripted> {
    Arc::new(Scripted {
        asked: AtomicU64::new(0),
        answer: Box::new(move |number, request, _| {
            let (status, body) = answer(number, &request);
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: HeaderMap::new(), body: body.into() };
            Box::pin(async move { Ok(answer) })
        }),
    })
}

fn simulated(simulator: &Simulator) -> Arc<Scripted> {
    let router = simulator.router();
    Arc::new(Scripted {
        asked: AtomicU64::new(0),
        answer: Box::new(move |_, request, limit| {
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
                Ok(Answer { status: parts.status, headers: parts.headers, body })
            })
        }),
    })
}

/// What a test may want otherwise.
#[derive(Clone)]
struct Wishes {
    token: Option<std::path::PathBuf>,
    window_days: u64,
    limits: Limits,
    pool_names: bool,
    mode: PollMode,
    filter: RecordsFilter,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            token: None,
            window_days: 15,
            limits: Limits {
                page_size: 1000,
                max_concurrent_requests: 4,
                max_requests_per_second: 10.0,
                request_timeout: Duration::from_secs(10),
                max_retries: 3,
                max_response_bytes: 32 << 20,
            },
            pool_names: false,
            mode: PollMode::Scrape,
            filter: RecordsFilter::default(),
        }
    }
}

struct Setting {
    project: Arc<Project>,
    collector: Collector,
    wire: Arc<Scripted>,
}

impl Wishes {
    fn start(self, wire: Arc<Scripted>) -> Setting {
        let clock = Arc::new(TokioClock::starting_at(NOW));
        let instruments = Instruments::new();
        let token = match self.token {
            None => TokenSource::Value(SecretString::from("good")),
            Some(path) => TokenSource::File(path),
        };
        let target = Target {
            endpoint: "http://api.invalid".parse().unwrap(),
            project_id: "0123abcd".to_owned(),
            auth: Auth::Token(token),
        };
        let options = PollOptions {
            mode: self.mode,
            min_interval: Duration::from_secs(30),
            window: Duration::from_secs(self.window_days * DAY_SECONDS),
            max_staleness: Duration::from_secs(600),
            pools_timeout: Duration::from_secs(10),
            pool_names: self.pool_names,
            filter: self.filter,
        };
        let (time, limits, transport) = (clock.clone(), self.limits, wire.clone());
        let project =
            Project::new("p".to_owned(), options, clock, instruments.clone(), |observer| {
                Client::new(target, limits, transport, time, observer)
            });
        let collector = Collector::new(vec![project.clone()], instruments);
        Setting { project, collector, wire }
    }
}

impl Setting {
    /// Polls, and says why it failed if it did, and what to do.
    async fn poll(&self) -> Result<(), (String, String)> {
        let status = self.project.poll_once().await;
        status.failure.map_or(Ok(()), |failure| Err((failure.what, failure.remedy)))
    }

    fn exposed(&self) -> Metrics {
        let body = self.collector.expose(&[self.project.view()]);
        Metrics::parse(&String::from_utf8(body).unwrap())
    }

    fn shown(&self) -> BTreeMap<String, f64> {
        self.exposed().of("workspace_")
    }

    fn asked(&self) -> u64 {
        self.wire.asked.load(Ordering::Relaxed)
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

const STATUSES: [&str; 6] =
    ["RECORDING", "REC_COMPLETED", "REC_FAILED", "UPLOADING", "UPLOAD_COMPLETED", "UPLOAD_FAILED"];

/// Everything about records that a scrape must show, written from the truth alone.
fn expected(truth: &Truth, days: u64) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let mut put = |name: &str, labels: &str, value: f64| {
        let comma = if labels.is_empty() { "" } else { "," };
        all.insert(format!("workspace_{name}{{project=\"p\"{comma}{labels}}}"), value);
    };
    let kind = |status: &str, kind: &str, pool: &str| {
        format!("status=\"{status}\",type=\"{kind}\",pool=\"{}\"", escaped(pool))
    };
    let user = |user: &str, status: &str| format!("user=\"{}\",status=\"{status}\"", escaped(user));
    for suffix in ["", "_size_bytes", "_duration_seconds"] {
        for row in &truth.by_pool {
            for status in STATUSES {
                let labels = kind(status, row.kind, &row.pool);
                put(&format!("screen_records{suffix}"), &labels, 0.0);
            }
        }
        for row in &truth.by_user {
            for status in STATUSES {
                put(&format!("user_screen_records{suffix}"), &user(&row.user, status), 0.0);
            }
        }
        let value = |sums: &screen_records_exporter::simulator::Sums| match suffix {
            "" => sums.count as f64,
            "_size_bytes" => sums.size as f64,
            _ => sums.duration as f64,
        };
        for row in &truth.by_pool {
            let labels = kind(row.status, row.kind, &row.pool);
            put(&format!("screen_records{suffix}"), &labels, value(&row.sums));
        }
        for row in &truth.by_user {
            let labels = user(&row.user, row.status);
            put(&format!("user_screen_records{suffix}"), &labels, value(&row.sums));
        }
    }
    for row in &truth.oldest {
        let labels = format!("status=\"{}\",pool=\"{}\"", row.status, escaped(&row.pool));
        let seconds = |millis: i64| millis as f64 / 1000.0;
        put("screen_records_oldest_start_timestamp_seconds", &labels, seconds(row.start));
        put("screen_records_oldest_update_timestamp_seconds", &labels, seconds(row.update));
    }
    if let Some(newest) = truth.newest_start {
        put("screen_records_newest_start_timestamp_seconds", "", newest as f64 / 1000.0);
    }
    put("screen_records_window_seconds", "", (days * DAY_SECONDS) as f64);
    put("screen_records_up", "", 1.0);
    all
}

fn one_of<T: Copy>(rng: &mut Xoshiro256PlusPlus, all: &[T]) -> T {
    all[rng.random_range(0..all.len())]
}

fn any_dialect(rng: &mut Xoshiro256PlusPlus) -> Dialect {
    let nothing = [Nothing::Absent, Nothing::Null, Nothing::Empty];
    Dialect {
        limit_max: one_of(rng, &[10, 50, 100, 500, 1000]),
        limit_over: one_of(rng, &[OverLimit::Clamp, OverLimit::Refuse]),
        times: one_of(
            rng,
            &[Times::IsoMillis, Times::IsoSeconds, Times::Space, Times::Colon, Times::EpochMillis],
        ),
        vocabulary: one_of(
            rng,
            &[
                Vocabulary::Codes,
                Vocabulary::English,
                Vocabulary::Chinese,
                Vocabulary::Legacy,
                Vocabulary::LowerCase,
            ],
        ),
        start_bound: one_of(rng, &[StartBound::Start, StartBound::Interval, StartBound::End]),
        default_order: one_of(rng, &[DefaultOrder::Asc, DefaultOrder::Shuffled]),
        ties: one_of(rng, &[Ties::Stable, Ties::Unstable]),
        status_filter: one_of(rng, &[StatusFilter::Documented, StatusFilter::Ignored]),
        missing: one_of(rng, &nothing),
        missing_pool: one_of(rng, &nothing),
        ..Dialect::default()
    }
}

#[tokio::test(start_paused = true)]
async fn any_mixture_of_dialects_and_histories_is_shown_whole_and_exact() {
    for seed in 0..25 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let options = Options {
            seed,
            records: rng.random_range(0..3000),
            window: Duration::from_secs(rng.random_range(1..18) * DAY_SECONDS),
            burst: one_of(&mut rng, &[0, 3, 120]),
            odd_share: one_of(&mut rng, &[0.0, 0.1]),
            hostile_names: rng.random_bool(0.5),
            failure_share: 0.1,
            latency: Duration::from_millis(rng.random_range(0..50)),
            latency_jitter: Duration::from_millis(30),
            dialect: any_dialect(&mut rng),
            ..Options::default()
        };
        let simulator = Simulator::new(&options, Arc::new(TokioClock::starting_at(NOW)));
        let mut wishes = Wishes { window_days: rng.random_range(1..16), ..Wishes::default() };
        wishes.limits.page_size = one_of(&mut rng, &[7, 100, 1000]);
        wishes.limits.max_requests_per_second = 100.0;
        let days = wishes.window_days;
        let setting = wishes.start(simulated(&simulator));
        assert_eq!(setting.poll().await, Ok(()), "seed {seed}: {:?}", options.dialect);
        let from = NOW - i64::try_from(days * DAY_SECONDS * 1000).unwrap();
        let truth = simulator.truth(from);
        let mut shown = setting.shown();
        // A count by another meaning of the bound may hold records that have come by.
        let reported = shown.remove("workspace_screen_records_reported{project=\"p\"}");
        assert_eq!(reported, Some(truth.records as f64), "seed {seed}: {:?}", options.dialect);
        for moment in ["snapshot_timestamp_seconds", "oldest_read_timestamp_seconds"] {
            let name = format!("workspace_screen_records_{moment}{{project=\"p\"}}");
            assert!(shown.remove(&name).is_some(), "{name}");
        }
        assert_eq!(shown, expected(&truth, days), "seed {seed}: {:?}", options.dialect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_living_api_does_not_talk_the_page_size_down() {
    for (records, live, latency) in [(2, 2.0, 500), (3, 40.0, 100), (3000, 8.0, 200)] {
        let options = Options {
            records,
            live,
            latency: Duration::from_millis(latency),
            ..Options::default()
        };
        let simulator = Simulator::new(&options, Arc::new(TokioClock::starting_at(NOW)));
        let setting = Wishes::default().start(simulated(&simulator));
        for _ in 0..20 {
            assert_eq!(setting.poll().await, Ok(()));
            assert_eq!(setting.project.page_size(), 1000);
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_slowly_twice_or_in_part_is_read_right_or_not_at_all() {
    for (fault, succeeds) in [
        ("kind=reset,after=1,times=1", true),
        ("kind=reset,after=1", false),
        ("kind=drip,after=1,times=1", true),
        ("kind=drip,after=1", false),
        ("kind=duplicates,share=0.3", true),
        ("kind=error-body,after=2,times=1", false),
    ] {
        let options = Options { records: 2500, ..Options::default() };
        let simulator = Simulator::new(&options, Arc::new(TokioClock::starting_at(NOW)));
        let setting = Wishes::default().start(simulated(&simulator));
        assert_eq!(setting.poll().await, Ok(()));
        let whole = setting.shown();
        simulator.set_faults(vec![fault.parse().unwrap()]);
        let result = setting.poll().await;
        assert_eq!(result.is_ok(), succeeds, "{fault}: {result:?}");
        let mut shown = setting.shown();
        let mut expected = whole;
        if succeeds {
            for sums in [&mut shown, &mut expected] {
                sums.retain(|name, _| {
                    !name.contains("_timestamp_seconds{") && !name.contains("_reported{")
                });
            }
        } else {
            expected.insert(UP.to_owned(), 0.0);
        }
        assert_eq!(shown, expected, "{fault}");
    }
}

fn time(millis_ago: i64) -> String {
    let moment = screen_records_exporter::record::Timestamp::from_millis(NOW - millis_ago);
    moment.to_rfc3339()
}

/// A server that honours bound, limit and offset over these rows: start in millis ago, and JSON.
fn honest(rows: Vec<(i64, String)>) -> Arc<Scripted> {
    let mut rows = rows;
    rows.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
    script(move |_, request| (200, page_of(&rows, request)))
}

fn page_of(rows: &[(i64, String)], request: &http::Request<Bytes>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let number = |name: &str| value(name).unwrap().parse::<usize>().unwrap();
    let bound = value("start_time=").unwrap().replace("%20", " ").replace("%3A", ":");
    let bound = screen_records_exporter::record::Timestamp::parse(&bound).unwrap();
    let rows: Vec<_> =
        rows.iter().filter(|(ago, _)| NOW - ago >= bound.millis()).map(|(_, row)| row).collect();
    let page: Vec<_> =
        rows.iter().skip(number("offset=")).take(number("limit=")).map(|r| r.as_str()).collect();
    format!("{{\"screen_records\":[{}],\"total_count\":{}}}", page.join(","), rows.len())
}

fn row(id: &str, ago: i64, more: &str) -> (i64, String) {
    (ago, format!("{{\"id\":\"{id}\",\"start_time\":\"{}\"{more}}}", time(ago)))
}

fn counted(setting: &Setting) -> f64 {
    setting.exposed().of("workspace_screen_records{").values().sum()
}

#[tokio::test(start_paused = true)]
async fn ten_rejected_rows_are_borne_with_and_eleven_only_within_one_in_a_hundred() {
    for (good, bad, succeeds) in
        [(20, 10, true), (20, 11, false), (1089, 11, true), (1088, 11, false)]
    {
        let mut rows: Vec<_> = (0..good).map(|n| row(&n.to_string(), 1000 * n, "")).collect();
        rows.extend((0..bad).map(|n| (7000 * n, "null".to_owned())));
        let setting = Wishes::default().start(honest(rows));
        let result = setting.poll().await;
        assert_eq!(result.is_ok(), succeeds, "{good} {bad}: {result:?}");
        assert_eq!(counted(&setting), if succeeds { good as f64 } else { 0.0 });
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_rows_that_all_come_first_are_no_more_than_if_they_came_apart() {
    let mut rows: Vec<_> = (0..2100).map(|n| (2_000_000 + n, "null".to_owned())).collect();
    rows.extend((0..215_000).map(|n| row(&n.to_string(), n, "")));
    let setting = Wishes::default().start(honest(rows));
    assert_eq!(setting.poll().await, Ok(()));
    assert_eq!(counted(&setting), 215_000.0);
}

#[tokio::test(start_paused = true)]
async fn statuses_that_nobody_knows_show_as_themselves_up_to_sixteen() {
    let rows = (0..40).map(|n| row(&n.to_string(), n, &format!(",\"status\":\"ODD_{n:02}\"")));
    let setting = Wishes::default().start(honest(rows.collect()));
    assert_eq!(setting.poll().await, Ok(()));
    let shown = setting.exposed().of("workspace_screen_records{");
    let of = |status: &str| {
        let name = format!(
            "workspace_screen_records{{project=\"p\",status=\"{status}\",type=\"_none\",\
             pool=\"_none\"}}"
        );
        shown.get(&name).copied()
    };
    for n in 0..40 {
        assert_eq!(of(&format!("ODD_{n:02}")), (n < 16).then_some(1.0));
    }
    assert_eq!(of("_other"), Some(24.0));
    assert_eq!(shown.values().sum::<f64>(), 40.0);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_row_of_a_record_that_has_left_the_window_does_not_hold_it() {
    let day = 24 * 3_600_000;
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_broken = broken.clone();
    // An API that compares the end: the record stays in the answers when its start has left.
    let wire = script(move |_, _| {
        let rows = if is_broken.load(Ordering::Relaxed) {
            "{\"id\":\"old\",\"start_time\":\"?\"}".to_owned()
        } else {
            row("old", day - 60_000, "").1
        };
        let young = row("young", 1000, "").1;
        (200, format!("{{\"screen_records\":[{rows},{young}],\"total_count\":2}}"))
    });
    let setting = Wishes { window_days: 1, ..Wishes::default() }.start(wire);
    assert_eq!(setting.poll().await, Ok(()));
    assert_eq!(counted(&setting), 2.0);
    broken.store(true, Ordering::Relaxed);
    assert_eq!(setting.poll().await, Ok(()));
    assert_eq!(counted(&setting), 2.0, "it keeps its last state");
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(setting.poll().await, Ok(()));
    assert_eq!(counted(&setting), 1.0, "its start has left the window");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_while_other_credentials_are_tried() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = tokens.clone();
    let wire = script(move |_, request| {
        let token = request.headers()["x-auth-token"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push(token);
        (401, "{\"error_code\":\"APIGW.0301\",\"error_msg\":\"token: secret\"}".to_owned())
    });
    let wishes = Wishes { token: Some(file.path().to_owned()), ..Wishes::default() };
    let setting = wishes.start(wire);
    for token in ["one", "two", "one", "two", "three", "one"] {
        std::fs::write(file.path(), token).unwrap();
        let (what, remedy) = setting.poll().await.unwrap_err();
        assert!(what.contains("APIGW.0301") && !what.contains("secret"), "{what}");
        assert!(remedy.contains("projects.auth"), "{remedy}");
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(*tokens.lock().unwrap(), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_endpoint_is_left_alone_for_five_minutes_and_the_other_is_not() {
    let wire = script(|_, request| {
        if request.uri().path().ends_with("desktop-pools") {
            return (403, "{\"error_code\":\"PAP5.0001\"}".to_owned());
        }
        (200, page_of(&[row("a", 1000, ",\"desktop_pool_id\":\"x\"")], request))
    });
    let setting = Wishes { pool_names: true, ..Wishes::default() }.start(wire);
    assert_eq!(setting.poll().await, Ok(()));
    let first = setting.asked();
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let before = setting.asked();
        assert_eq!(setting.poll().await, Ok(()));
        assert_eq!(setting.asked() - before, first - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_remedy_fits_what_happened() {
    let busy = script(|_, _| (200, "{\"error_code\":\"WKS.0407\",\"error_msg\":\"Busy\"}".into()));
    let setting = Wishes::default().start(busy);
    let (what, remedy) = setting.poll().await.unwrap_err();
    assert!(what.contains("WKS.0407: Busy"), "{what}");
    assert!(!remedy.contains("projects.endpoint"), "{what}: {remedy}");

    let options = Options { records: 500, ..Options::default() };
    let simulator = Simulator::new(&options, Arc::new(TokioClock::starting_at(NOW)));
    let mut wishes = Wishes::default();
    wishes.limits.max_response_bytes = 10_000;
    let setting = wishes.start(simulated(&simulator));
    let (what, remedy) = setting.poll().await.unwrap_err();
    assert!(what.contains("larger than 10000 bytes"), "{what}");
    assert!(remedy.contains("api.page_size"), "{what}: {remedy}");
    assert_eq!(setting.asked(), 1, "the same answer is not fetched again");
}

#[tokio::test(start_paused = true)]
async fn a_broken_text_counts_as_absent_and_does_not_fail_the_page() {
    let good = row("good", 1000, ",\"username\":\"Zoë\"").1;
    for broken in [&b"\\ud83d"[..], b"\\udc00x", b"\xff\xfe", b"\xf0\x9f\x98"] {
        let mut body = format!(
            "{{\"screen_records\":[{good},{{\"id\":\"b\",\"start_time\":\"{}\",\"username\":\"",
            time(500)
        )
        .into_bytes();
        body.extend_from_slice(broken);
        body.extend_from_slice(b"\"}],\"total_count\":2}");
        let setting = Wishes::default().start(bytes_script(move |_, _| (200, body.clone())));
        assert_eq!(setting.poll().await, Ok(()), "{broken:?}");
        assert_eq!(counted(&setting), 2.0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_whose_rows_nobody_understands_is_given_up_soon() {
    let page = vec!["{\"id\":\"x\"}"; 100].join(",");
    let body = format!("{{\"screen_records\":[{page}]}}");
    let setting = Wishes::default().start(script(move |_, _| (200, body.clone())));
    let begun = Instant::now();
    let (what, _) = setting.poll().await.unwrap_err();
    assert!(what.contains("could not be understood (no_start_time"), "{what}");
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_a_poll_does_not_end_polling_in_the_background() {
    let rows = [row("a", 1000, "")];
    let wire = script(move |number, request| {
        assert!(number != 2, "a bug of ours");
        (200, page_of(&rows, request))
    });
    let setting = Wishes { mode: PollMode::Background, ..Wishes::default() }.start(wire);
    let polls = tokio::spawn(setting.project.clone().poll_in_background());
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(setting.exposed().get(UP), 1.0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(setting.exposed().get(UP), 0.0, "the second poll broke off");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(setting.exposed().get(UP), 1.0);
    polls.abort();
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_hangs_up_does_not_end_the_poll() {
    let options = Options { records: 3000, latency: Duration::from_secs(2), ..Options::default() };
    let simulator = Simulator::new(&options, Arc::new(TokioClock::starting_at(NOW)));
    let setting = Wishes::default().start(simulated(&simulator));
    assert_eq!(setting.poll().await, Ok(()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let patience = Duration::from_millis(500);
    let scrape = setting.collector.scrape(Instant::now() + Duration::from_secs(60));
    assert!(tokio::time::timeout(patience, scrape).await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let polls = "screen_records_exporter_polls_total{outcome=\"success\",project=\"p\"}";
    assert_eq!(setting.exposed().get(polls), 2.0);
}

/// Time runs: a thread that waits for a file holds the paused clock.
#[tokio::test]
async fn a_token_file_that_does_not_answer_fails_the_poll() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("token");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut wishes = Wishes { token: Some(pipe.clone()), ..Wishes::default() };
    wishes.limits.request_timeout = Duration::from_millis(100);
    let setting = wishes.start(script(|_, _| (500, String::new())));
    let polled = tokio::time::timeout(Duration::from_secs(20), setting.poll()).await;
    // Lets the thread that reads it go.
    std::fs::write(&pipe, "late").unwrap();
    let (what, _) = polled.expect("the poll ends").unwrap_err();
    assert!(what.contains("token file"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_repeats_the_token_is_not_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush-hush-secret-token").unwrap();
    for (status, body) in [
        (400, "{\"error_code\":\"hush-hush-secret-token\",\"error_msg\":\"m\"}"),
        (403, "{\"error_code\":\"A.1\",\"error_msg\":\"bad token hush-hush-secret-token\"}"),
        (200, "{\"error_code\":\"A.1\",\"error_msg\":\"hush-hush-secret-token\"}"),
        (200, "hush-hush-secret-token"),
    ] {
        let wire = script(move |_, _| (status, body.to_owned()));
        let wishes = Wishes { token: Some(file.path().to_owned()), ..Wishes::default() };
        let (what, remedy) = wishes.start(wire).poll().await.unwrap_err();
        assert!(!what.contains("hush") && !remedy.contains("hush"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_one_row_that_are_not_sorted_fail_the_poll() {
    let wire = script(|_, request| {
        let query = request.uri().query().unwrap_or_default();
        let offset = query.split('&').find_map(|pair| pair.strip_prefix("offset=")).unwrap();
        let offset: i64 = offset.parse().unwrap();
        let rows = (0..30).map(|n| row(&n.to_string(), 1000 * (n * 7 % 30 + 1), "").1);
        let page: Vec<_> = rows.skip(usize::try_from(offset).unwrap()).take(1).collect();
        (200, format!("{{\"screen_records\":[{}],\"total_count\":30}}", page.join(",")))
    });
    let setting = Wishes::default().start(wire);
    assert!(setting.poll().await.is_err());
    assert_eq!(setting.exposed().get(UP), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_suddenly_empty_fails_the_poll_until_it_is_believable() {
    let rows: Vec<_> = (0..3000).map(|n| row(&n.to_string(), 1_000_000 - 100 * n, "")).collect();
    let empty = "{\"screen_records\":[],\"total_count\":0}";
    let page = move |number, request: &http::Request<Bytes>| {
        (200, if number == 0 { page_of(&rows, request) } else { empty.to_owned() })
    };
    let setting = Wishes::default().start(script(page));
    let (what, _) = setting.poll().await.unwrap_err();
    assert!(what.contains("change faster than they can be read"), "{what}");
    assert_eq!(counted(&setting), 0.0);
    assert_eq!(setting.poll().await, Ok(()), "nothing contradicts that all is gone");
    assert_eq!(counted(&setting), 0.0);
}

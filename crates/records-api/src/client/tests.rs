//! Tests of the page sizes that a client learns, and forgets, from refusals.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::HeaderMap;
use parking_lot::Mutex;

use super::*;
use crate::call::{ReadLimit, TransportError};
use crate::clock::SystemClock;
use crate::record::Timestamp;
use crate::secret::Source;

/// Answers a request for so many rows.
type Answer = dyn Fn(u32) -> (u16, String) + Send + Sync;

/// A server in the place of the network. Remembers the numbers of rows that were requested.
struct FakeServer {
    answer: Box<Answer>,
    limits: Mutex<Vec<u32>>,
}

impl std::fmt::Debug for FakeServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FakeServer")
    }
}

impl Transport for FakeServer {
    fn send(
        &self,
        request: Request<Bytes>,
        _: ReadLimit,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        let query = url::form_urlencoded::parse(request.uri().query().unwrap().as_bytes());
        let limit = query.into_owned().find(|(name, _)| name == "limit").unwrap().1;
        let limit = limit.parse().unwrap();
        self.limits.lock().push(limit);
        let (status, body) = (self.answer)(limit);
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response { status, headers: HeaderMap::new(), body: body.into() };
        Box::pin(std::future::ready(Ok(response)))
    }
}

#[derive(Default)]
struct Changes(Mutex<Vec<(u32, u32)>>);

impl Observer for Changes {
    fn requested(&self, _: Endpoint, _: &str, _: Duration) {}
    fn asked_to_pause(&self, _: &ApiError, _: Duration) {}
    fn throttled(&self, _: Duration) {}
    fn renewal_failed(&self, _: &ApiError) {}
    fn cached(&self, _: Endpoint, _: Duration) {}
    fn page_size_changed(&self, change: PageSizeChange) {
        self.0.lock().push((change.before, change.rows));
    }
}

/// A client, its server, and the changes of the page size that it reported.
struct Scene {
    client: Client,
    server: Arc<FakeServer>,
    changes: Arc<Changes>,
}

impl Scene {
    fn new(page_size: u32, answer: impl Fn(u32) -> (u16, String) + Send + Sync + 'static) -> Self {
        let server = Arc::new(FakeServer { answer: Box::new(answer), limits: Mutex::default() });
        let changes = Arc::new(Changes::default());
        let target = Target {
            endpoint: "http://api.invalid".parse().unwrap(),
            project_id: "p".to_owned(),
            auth: Auth::Token(Source::Value("token".into())),
        };
        let limits = Limits {
            page_size,
            max_concurrent_requests: 4,
            max_requests_per_second: 1000.0,
            request_timeout: Duration::from_secs(10),
            max_retries: 3,
            max_response_bytes: 1 << 20,
        };
        let (backoff, clock) = (Arc::default(), Arc::new(SystemClock));
        let client = Client::new(target, limits, backoff, server.clone(), clock, changes.clone());
        Self { client, server, changes }
    }

    /// Requests the next page, as a poll does. Returns the numbers of rows that were requested.
    async fn page(&self) -> (Result<u32, ApiError>, Vec<u32>) {
        let (filter, limit) = (RecordsFilter::default(), self.client.page_size());
        let query = RecordsQuery::ascending(Timestamp::from_millis(0), 0, limit, filter);
        let listed = self.client.list_records(&query, PageSizing::Tested).await;
        let requested = std::mem::take(&mut *self.server.limits.lock());
        (listed.map(|listed| listed.requested), requested)
    }
}

fn rows(count: u32) -> (u16, String) {
    let row = |n| format!(r#"{{"id":"{n}","start_time":"2026-11-20T12:00:00Z"}}"#);
    let rows: Vec<_> = (0..count).map(row).collect();
    (200, format!(r#"{{"screen_records":[{}]}}"#, rows.join(",")))
}

fn refusal(code: &str) -> (u16, String) {
    (400, format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#))
}

/// A server that answers 400 to the first `refusals` requests, and grants `max` rows.
fn stray(refusals: usize, max: u32) -> impl Fn(u32) -> (u16, String) + Send + Sync {
    let requests = AtomicUsize::new(0);
    move |limit| {
        let number = requests.fetch_add(1, Ordering::Relaxed);
        if number < refusals || limit > max { refusal("WKS.0001") } else { rows(limit.min(3)) }
    }
}

#[tokio::test(start_paused = true)]
async fn stray_refusals_do_not_change_the_page_size() {
    for configured in [200, 70] {
        for refusals in 1..=12 {
            let scene = Scene::new(configured, stray(refusals, 1000));
            let mut requests = 0;
            for poll in 0..4 {
                scene.client.begin_poll();
                let (listed, requested) = scene.page().await;
                // A request that is refused in all sizes is refused for another reason.
                assert!(listed.is_ok() || poll < 3, "{refusals}: {listed:?}");
                assert!(requested.len() <= 11, "{refusals}: {requested:?}");
                requests += requested.len();
            }
            assert_eq!(scene.client.page_size(), configured, "{refusals}");
            assert_eq!(*scene.changes.0.lock(), [], "{refusals}");
            assert!(requests <= refusals + 5, "{refusals}: {requests}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_page_that_is_accepted_is_found_even_between_stray_refusals() {
    for (max, expected) in [(150, 100), (60, 50), (10, 10), (1, 1)] {
        for refusals in 0..=3 {
            let scene = Scene::new(200, stray(refusals, max));
            let (listed, requested) = scene.page().await;
            assert_eq!(listed.ok(), Some(expected), "{max} {refusals}");
            assert_eq!(scene.client.page_size(), expected, "{max} {refusals}");
            assert_eq!(*scene.changes.0.lock(), [(200, expected)]);
            assert!(requested.len() <= 11, "{requested:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_that_outlast_their_confirmation_are_forgotten_within_pages() {
    // Pages of more than one row are refused until the eleventh request.
    let requests = AtomicUsize::new(0);
    let scene = Scene::new(200, move |limit| {
        let number = requests.fetch_add(1, Ordering::Relaxed);
        if number < 11 && limit > 1 { refusal("") } else { rows(limit) }
    });
    assert_eq!(scene.page().await.0.ok(), Some(1));
    let mut pages = 0;
    while scene.client.page_size() < 200 {
        let (listed, requested) = scene.page().await;
        assert!(listed.is_ok() && requested.len() <= 2, "{requested:?}");
        pages += 1;
        assert!(pages <= 15, "{pages}");
    }
    let raised = [(200, 1), (1, 5), (5, 10), (10, 50), (50, 100), (100, 200)];
    assert_eq!(*scene.changes.0.lock(), raised);
}

#[tokio::test(start_paused = true)]
async fn a_test_of_the_page_size_costs_one_request_and_never_a_page() {
    for failure in [(400, "WKS.0001"), (400, "APIGW.0201"), (503, "APIGW.0613"), (200, "WKS.1")] {
        let scene = Scene::new(300, move |limit| {
            let (status, code) = failure;
            if limit <= 100 { rows(limit) } else { (status, refusal(code).1) }
        });
        scene.client.limit_page_size(100);
        for poll in 0..4 {
            scene.client.begin_poll();
            let (listed, requested) = scene.page().await;
            assert_eq!(listed.ok(), Some(100), "{failure:?}");
            // Two tests at once, the next one after a minute.
            let expected: &[u32] = if poll < 2 { &[300, 100] } else { &[100] };
            assert_eq!(requested, expected, "{failure:?} {poll}");
        }
        assert_eq!(scene.client.page_size(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clamp_that_is_over_ends_with_the_next_test() {
    let max = Arc::new(AtomicUsize::new(120));
    let granted = max.clone();
    let scene = Scene::new(300, move |limit| {
        rows(limit.min(u32::try_from(granted.load(Ordering::Relaxed)).unwrap()))
    });
    scene.client.limit_page_size(120);
    scene.client.begin_poll();
    assert_eq!(scene.page().await.1, [300]);
    assert_eq!(scene.client.page_size(), 120);
    max.store(1000, Ordering::Relaxed);
    assert_eq!(scene.page().await.1, [120]);
    scene.client.begin_poll();
    assert_eq!(scene.page().await.1, [300]);
    assert_eq!(scene.client.page_size(), 300);
    assert_eq!(*scene.changes.0.lock(), [(300, 120), (120, 300)]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_gateway_is_retried_with_the_same_page_size() {
    for code in ["APIGW.0201", "APIG.0201", "APIGW.0602", "APIG.0610", "APIGW.0105"] {
        for faults in 1..=4 {
            let requests = AtomicUsize::new(0);
            let scene = Scene::new(200, move |limit| {
                let number = requests.fetch_add(1, Ordering::Relaxed);
                if number < faults { refusal(code) } else { rows(limit) }
            });
            let (listed, requested) = scene.page().await;
            assert_eq!(listed.is_ok(), faults <= 3, "{code} {faults}");
            assert_eq!(requested, vec![200; (faults + 1).min(4)], "{code} {faults}");
            assert_eq!(scene.client.page_size(), 200);
            if let Err(error) = listed {
                assert!(error.remedy().contains("internal error"), "{}", error.remedy());
            }
        }
    }
}

//! Everything that an answer says about a project comes from one state of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use screen_records_exporter::exposition::Wanted;

use crate::answers::{page_of, row};
use crate::harness::{FakeTransport, HarnessOptions, script};
use crate::support::Metrics;

const POLLS: &str = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
const REJECTED: &str =
    "screen_records_exporter_rejected_records{project=\"p\",reason=\"not_an_object\"}";

/// An API that shows 600 rows in one poll, and 605 with 4 broken ones in the next.
fn alternating(poll: Arc<AtomicU64>) -> Arc<FakeTransport> {
    script(move |_, request| {
        let is_broken = poll.load(Ordering::Relaxed) % 2 == 1;
        let (good, bad) = if is_broken { (605, 4) } else { (600, 0) };
        let user = |n: i64| format!(",\"username\":\"user {n}\"");
        let mut rows: Vec<_> =
            (0..good).rev().map(|n| row(&n.to_string(), 1000 * n, &user(n))).collect();
        rows.splice(300..300, (0..bad).map(|_| (305_000, "[]".to_owned())));
        (200, page_of(&rows, request))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_exposition_never_mixes_two_polls() {
    let mut setup = HarnessOptions::default();
    setup.limits.max_requests_per_second = 1e6;
    let poll = Arc::new(AtomicU64::new(0));
    let harness = setup.start_at(alternating(poll.clone()));
    assert_eq!(harness.poll().await, Ok(()));
    let is_over = Arc::new(AtomicBool::new(false));
    let scrapers = [(); 3].map(|()| {
        let (collector, is_over) = (harness.collector.clone(), is_over.clone());
        tokio::task::spawn_blocking(move || {
            let mut seen = [0, 0];
            while !is_over.load(Ordering::Relaxed) {
                let body = collector.expose(Wanted::default()).unwrap().to_vec();
                let shown = Metrics::parse(&String::from_utf8(body).unwrap());
                let records: f64 = shown.of("workspace_screen_records{").values().sum();
                let rejected = shown.get(REJECTED);
                assert!(
                    (records, rejected) == (600.0, 0.0) || (records, rejected) == (605.0, 4.0),
                    "{records} records and {rejected} rejections"
                );
                // The first poll reads no broken rows, the second one does, the third does not.
                let (polls, is_broken) = (shown.get(POLLS), rejected > 0.0);
                assert_eq!(polls % 2.0 == 0.0, is_broken, "{polls} polls, {rejected} rejections");
                seen[usize::from(rejected > 0.0)] += 1;
            }
            seen
        })
    });
    for number in 1..300 {
        poll.store(number, Ordering::Relaxed);
        assert_eq!(harness.poll().await, Ok(()));
        tokio::time::sleep(Duration::from_micros(number % 7 * 300)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for scraper in scrapers {
        let [even, odd] = scraper.await.unwrap();
        assert!(even > 0 && odd > 0, "{even} {odd}");
    }
}

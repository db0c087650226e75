//! Names come from outside and never end: those that nothing refers to take neither memory nor disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use records_api::clock::{Clock, TokioClock};
use records_api::record::Timestamp;

use crate::answers::page_of;
use crate::harness::{FakeTransport, Harness, HarnessOptions, NOW, script};

const TEXTS: &str = "screen_records_exporter_store_texts{project=\"p\"}";
const BYTES: &str = "screen_records_exporter_store_bytes{project=\"p\"}";
const RECORDS: &str = "screen_records_exporter_store_records{project=\"p\"}";

fn row(id: u64, start: i64, user: &str) -> String {
    let start = Timestamp::from_millis(start).to_rfc3339();
    format!(
        "{{\"id\":\"{id}\",\"start_time\":\"{start}\",\"username\":\"{user}\",\
         \"desktop_pool_id\":\"pool of {user}\",\"status\":\"status of {user}\"}}"
    )
}

/// An API whose first page has 700 rows with names that it never showed before, and whose second page
/// is an error.
fn breaking_off() -> Arc<FakeTransport> {
    let next = AtomicU64::new(0);
    script(move |_, request| {
        if !request.uri().query().unwrap().contains("offset=0") {
            return (500, String::new());
        }
        let rows: Vec<_> = (0..700)
            .map(|n| {
                let id = next.fetch_add(1, Ordering::Relaxed);
                (1000 * n, row(id, NOW - 1000 * n, &format!("{id} {}", "x".repeat(300))))
            })
            .collect();
        (
            200,
            format!("{{\"total_count\":2000,\"screen_records\":[{}]}}", {
                let rows: Vec<_> = rows.iter().rev().map(|(_, row)| row.as_str()).collect();
                rows.join(",")
            }),
        )
    })
}

#[tokio::test(start_paused = true)]
async fn a_failed_poll_leaves_no_name_behind() {
    let mut setup = HarnessOptions::default();
    setup.limits.page_size = 700;
    setup.limits.max_retries = 0;
    let harness = setup.start_at(breaking_off());
    let before = harness.exposed().get(TEXTS);
    for _ in 0..5 {
        assert!(harness.poll().await.is_err());
        assert_eq!(harness.exposed().get(TEXTS), before);
    }
}

/// An API with `rows` records in each two seconds, each of another user in another pool, until `end`.
fn coming_and_going(clock: TokioClock, rows: i64, end: i64) -> Arc<FakeTransport> {
    script(move |_, request| {
        let now = clock.now_millis();
        let first = (now - 70_000).max(NOW) / 2000;
        let rows: Vec<_> = (first..=now.min(end) / 2000)
            .flat_map(|tick| (0..rows).map(move |n| tick * rows + n))
            .map(|id| {
                let start = id / rows * 2000;
                let user = format!("{id} {}", "y".repeat(250));
                (NOW - start, row(id.unsigned_abs(), start, &user))
            })
            .collect();
        (200, page_of(&rows, request))
    })
}

/// A window of half a minute in which 200 names come and go every two seconds, for five minutes.
async fn churn(state: Option<&std::path::Path>, mut each: impl FnMut(&Harness)) -> Harness {
    let mut setup = HarnessOptions::default();
    setup.poll.window = Duration::from_secs(30);
    (setup.poll.max_users, setup.poll.max_pools) = (20, 10);
    setup.limits.max_requests_per_second = 1000.0;
    setup.state = state.map(|folder| folder.join("p.redb"));
    let clock = TokioClock::starting_at(NOW);
    let transport = coming_and_going(clock, 200, NOW + 300_000);
    let harness = setup.start_at(transport);
    for _ in 0..150 {
        assert_eq!(harness.poll().await, Ok(()));
        each(&harness);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(harness.poll().await, Ok(()));
    harness
}

/// Names that the slots and counters hold: users, pools and statuses, and what is fixed.
const HELD: f64 = 20.0 + 10.0 + 16.0 + 14.0;

#[tokio::test(start_paused = true)]
async fn names_of_records_that_left_are_released_without_a_state_too() {
    let mut most = 0.0_f64;
    let harness = churn(None, |harness| most = most.max(harness.exposed().get(TEXTS))).await;
    // Three names for each of 3,200 records, and as many again before they are looked through.
    assert!(most < 3.0 * 3.0 * 3200.0 + 2000.0, "{most}");
    let after = harness.exposed();
    assert_eq!(after.get(RECORDS), 0.0);
    assert!(after.get(TEXTS) <= HELD, "{}", after.get(TEXTS));
}

#[tokio::test(start_paused = true)]
async fn the_file_follows_the_window_whatever_came_and_went() {
    let folder = tempfile::tempdir().unwrap();
    let mut most = 0.0_f64;
    let harness = churn(Some(folder.path()), |harness| {
        most = most.max(harness.exposed().get(BYTES));
    })
    .await;
    // 3,200 records with three names of 260 characters are 2.8 MB.
    assert!(most < 24e6, "{most}");
    let before = harness.exposed();
    assert!(before.get(TEXTS) <= HELD, "{}", before.get(TEXTS));
    assert!(before.get(BYTES) < 3e6, "{}", before.get(BYTES));
    let counters = |harness: &Harness| {
        let mut shown = harness.shown();
        shown.retain(|name, _| name.contains("_total"));
        shown
    };
    let counted = counters(&harness);
    assert!(counted.len() > 100);
    let harness = harness.restart();
    assert_eq!(counters(&harness), counted);
}

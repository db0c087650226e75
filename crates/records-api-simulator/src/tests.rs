//! Tests of the whole simulator over its router: list, single records, truth and flows agree.

mod clock;
mod faults;
mod gateway;
mod hooks;
mod iam;
mod independence;
mod listing;
mod metadata;
mod signatures;
mod truth;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;

/// A Wednesday, 14:00 UTC.
const NOW: i64 = 1_726_063_200_000;
const LIST: &str = "/v2/p/screen-records";

/// A clock that starts at [`NOW`] and follows tokio's clock, which a test may pause.
fn clock() -> impl Fn() -> i64 + Send + Sync + 'static {
    let started = tokio::time::Instant::now();
    move || NOW + time::duration_millis(started.elapsed())
}

fn simulator(change: impl FnOnce(&mut Options)) -> Simulator {
    let mut options = Options { records: 2000, ..Options::default() };
    change(&mut options);
    Simulator::new(&options, clock())
}

async fn send(simulator: &Simulator, uri: &str) -> http::Response<Body> {
    let request = Request::get(uri).body(Body::empty()).unwrap();
    simulator.router().oneshot(request).await.unwrap()
}

async fn json(simulator: &Simulator, uri: &str) -> (StatusCode, Value) {
    let response = send(simulator, uri).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Reads every row of a list, page by page, and the last `total_count`.
async fn list(simulator: &Simulator, filter: &str, limit: usize) -> (Vec<Value>, Value) {
    let mut rows = Vec::new();
    loop {
        let uri = format!("{LIST}?limit={limit}&offset={}&{filter}", rows.len());
        let (status, mut page) = json(simulator, &uri).await;
        assert_eq!(status, 200, "{uri}: {page}");
        let new = page["screen_records"].as_array_mut().map(std::mem::take).unwrap();
        if new.is_empty() {
            return (rows, page["total_count"].clone());
        }
        rows.extend(new);
    }
}

fn ids(rows: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn hex(id: u128) -> String {
    format!("{id:032x}")
}

fn space(millis: i64) -> String {
    chrono::DateTime::from_timestamp_millis(millis).unwrap().format("%Y-%m-%d%%20%T").to_string()
}

type Cells = BTreeMap<(String, String, String), (u64, i64, i64)>;

fn added_up(rows: &[Value], keys: [&str; 3]) -> Cells {
    let mut cells = Cells::new();
    for row in rows {
        let [a, b, c] = keys.map(|key| row[key].as_str().unwrap_or("_none").to_owned());
        let cell = cells.entry((a, b, c)).or_default();
        cell.0 += 1;
        cell.1 += row["size"].as_i64().unwrap_or(0);
        cell.2 += row["duration"].as_i64().unwrap_or(0);
    }
    cells
}

/// Asserts that the list adds up to the truth, by pool and by user.
async fn assert_true(simulator: &Simulator, limit: usize) {
    let truth = simulator.truth(NOW - 86_400_000 * 15);
    let filter = format!("start_time={}&sort_field=start_time&sort_type=asc", space(truth.from));
    let (rows, total) = list(simulator, &filter, limit).await;
    assert_eq!(total, truth.records);
    let expected: Cells = truth
        .by_pool
        .iter()
        .map(|cell| {
            let key = (cell.status.to_owned(), cell.kind.to_owned(), cell.pool.clone());
            (key, (cell.sums.count, cell.sums.size, cell.sums.duration))
        })
        .collect();
    assert_eq!(added_up(&rows, ["status", "type", "desktop_pool_id"]), expected);
    let expected: Cells = truth
        .by_user
        .iter()
        .map(|cell| {
            let key = (cell.user.clone(), cell.status.to_owned(), "_none".to_owned());
            (key, (cell.sums.count, cell.sums.size, cell.sums.duration))
        })
        .collect();
    assert_eq!(added_up(&rows, ["username", "status", "no such field"]), expected);
    let newest = rows.iter().filter_map(|row| row["start_time"].as_str()).max().unwrap();
    let newest = chrono::DateTime::parse_from_rfc3339(newest).unwrap().timestamp_millis();
    assert_eq!(truth.newest_start, Some(newest));
}

/// Asserts that the present records are the initial ones plus the entries minus the departures.
fn assert_flows_balance(simulator: &Simulator) {
    simulator.edit(|world| {
        let mut pools = BTreeMap::<PoolCell, i64>::new();
        let mut users = BTreeMap::<UserCell, i64>::new();
        for record in world.records_from(i64::MIN) {
            *pools.entry((record.status, record.kind, record.pool)).or_default() += 1;
            *users.entry((record.user, record.status)).or_default() += 1;
        }
        let flows = world.flows();
        for (cell, flow) in &flows.pools {
            assert_eq!(flow.present(), pools.remove(cell).unwrap_or(0), "{cell:?}");
        }
        for (cell, flow) in &flows.users {
            assert_eq!(flow.present(), users.remove(cell).unwrap_or(0), "{cell:?}");
        }
        assert!(pools.is_empty() && users.is_empty());
    });
}

/// Sends a request and returns status, headers and body.
async fn ask(simulator: &Simulator, request: Request<Body>) -> (u16, HeaderMap, Value) {
    let response = simulator.router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
    (parts.status.as_u16(), parts.headers, body)
}

/// Returns the status, and the code or text of an error.
async fn outcome(simulator: &Simulator, request: Request<Body>) -> (u16, String) {
    let (status, _, body) = ask(simulator, request).await;
    let codes = [&body["error_code"], &body["error"]["error_code"], &body];
    let code = codes.into_iter().find_map(Value::as_str).unwrap_or_default();
    (status, code.to_owned())
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_list_adds_up_to_the_truth_while_the_world_changes() {
    let simulator = simulator(|options| {
        options.live = 5.0;
        options.hostile_names = true;
        options.odd_share = 0.02;
        options.burst = 50;
        options.failure_share = 0.1;
    });
    for _ in 0..8 {
        assert_true(&simulator, 1000).await;
        assert_flows_balance(&simulator);
        pass(1800).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_without_live_change_never_changes() {
    let simulator = simulator(|_| ());
    let before = simulator.truth(0);
    pass(100_000).await;
    let after = simulator.truth_of_day(0, NOW);
    assert_eq!(Truth { now: before.now, ..after }, before);
    assert!(before.by_pool.iter().any(|cell| cell.status == "RECORDING"));
    assert!(before.pool_flows.iter().all(|flow| flow.entered == 0));
}

#[tokio::test(start_paused = true)]
async fn changes_come_at_about_the_configured_rate() {
    let simulator = simulator(|options| {
        options.live = 10.0;
        options.records = 100_000;
    });
    let mut before = 0;
    for minute in 0..12 {
        pass(600).await;
        let flows = simulator.truth(0).pool_flows;
        let entered: u64 = flows.iter().map(|flow| flow.entered).sum();
        let changes = entered - before;
        assert!((5000..7000).contains(&changes), "{changes} in ten minutes after {minute}0");
        before = entered;
    }
    let truth = simulator.truth(0);
    let statuses: std::collections::BTreeSet<_> =
        truth.pool_flows.iter().filter(|f| f.entered > 0).map(|flow| flow.status).collect();
    assert_eq!(statuses.len(), 6, "every status is entered: {statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_history_however_often_it_is_read() {
    let live = |options: &mut Options| options.live = 20.0;
    let (one, two) = (simulator(live), simulator(live));
    for _ in 0..60 {
        pass(60).await;
        one.truth(0);
    }
    assert_eq!(one.truth(0), two.truth(0));
    let other = simulator(|options| {
        options.live = 20.0;
        options.seed = 2;
    });
    assert_ne!(other.truth(0).by_pool, two.truth(0).by_pool);
}

#[tokio::test(start_paused = true)]
async fn old_records_are_settled_and_some_recent_ones_are_not() {
    let simulator = simulator(|options| options.records = 20_000);
    simulator.edit(|world| {
        let old = NOW - 2 * 3_600_000;
        assert!(world.records_from(0).all(|r| r.start >= old || !r.status.in_flight()));
        assert!(world.records_from(old).any(|record| record.status.in_flight()));
        assert!(world.records_from(0).all(|record| record.update <= NOW));
        assert!(world.records_from(0).any(|record| record.size > Some(1 << 31)));
        let failed =
            |record: &&Record| matches!(record.status, Status::RecFailed | Status::UploadFailed);
        let failures = world.records_from(0).filter(failed).count();
        assert!((200..600).contains(&failures), "{failures}");
    });
}

#[tokio::test(start_paused = true)]
async fn a_burst_starts_at_the_same_time_each_day() {
    let simulator = simulator(|options| {
        options.burst = 40;
        options.live = 0.01;
    });
    let at = |day: i64| NOW - 5 * 3_600_000 + day * 86_400_000;
    let begun = |day| {
        simulator.edit(|w| w.records_from(0).filter(|record| record.start == at(day)).count())
    };
    assert_eq!((begun(-14), begun(0), begun(1)), (40, 40, 0));
    pass(86_400).await;
    assert!((38..=40).contains(&begun(1)), "a deletion may have hit one");
}

#[tokio::test(start_paused = true)]
async fn late_records_appear_long_after_their_start() {
    let simulator = simulator(|options| {
        options.records = 0;
        options.live = 10.0;
    });
    pass(3600).await;
    let late =
        simulator.edit(|world| world.records_from(0).filter(|r| r.start < NOW - 300_000).count());
    assert!((20..400).contains(&late), "{late}");
}

#[tokio::test(start_paused = true)]
async fn edits_show_at_once_and_are_counted() {
    let simulator = simulator(|options| options.records = 10);
    let id = 0xabc;
    simulator.edit(|world| {
        let pool = world.directory_mut().add_pool("tests");
        let user = world.directory_mut().add_user("tester");
        let record = Record { pool: Some(pool), user: Some(user), ..Record::new(id, NOW - 5) };
        assert!(world.insert(record.clone()));
        assert!(!world.insert(record), "the id exists");
    });
    let one = format!("{LIST}/{}", hex(id));
    let (status, row) = json(&simulator, &one).await;
    assert_eq!((status, &row["status"]), (StatusCode::OK, &"RECORDING".into()));
    assert_eq!(row["username"], "tester");
    assert!(row.get("end_time").is_none() && row.get("video_filename").is_none());
    simulator.edit(|world| assert!(world.set_status(id, Status::UploadCompleted)));
    let (_, row) = json(&simulator, &one).await;
    assert_eq!(row["status"], "UPLOAD_COMPLETED");
    assert_eq!(row["video_file_sha256"].as_str().unwrap().len(), 64);
    simulator.edit(|world| assert!(world.hide(id) && !world.hide(id)));
    assert_eq!(json(&simulator, &one).await.0, 404);
    assert_flows_balance(&simulator);
    simulator.edit(|world| assert!(world.show(id) && !world.show(id)));
    assert_eq!(json(&simulator, &one).await.0, 200);
    simulator.edit(|world| assert!(world.delete(id) && !world.delete(id) && !world.show(id)));
    assert_eq!(json(&simulator, &one).await.0, 404);
    assert_flows_balance(&simulator);
    simulator.edit(|world| assert!(world.insert(Record::new(id, NOW)), "a deleted id is free"));
    assert_true(&simulator, 3).await;
}

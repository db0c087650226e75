//! Counters as they are shown: held back where they appear, folded where there are too many, and
//! going on whatever happens to the state.

use std::sync::Arc;
use std::time::Duration;

use records_api::clock::{Clock, TokioClock};
use records_api_simulator::Status;

use crate::harness::{Harness, HarnessOptions, UP};

const FAILED: &str = "workspace_screen_record_transitions_total{project=\"p\",\
                      status=\"UPLOAD_FAILED\",type=\"FULL\",pool=\"_none\"}";

fn state() -> (tempfile::TempDir, HarnessOptions) {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = HarnessOptions::new(50);
    setup.options.odd_share = 0.0;
    setup.state = Some(folder.path().join("p.redb"));
    (folder, setup)
}

async fn polled(harness: &Harness) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
}

fn fails(harness: &Harness) {
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
}

fn shown(harness: &Harness, sample: &str) -> Option<f64> {
    harness.shown().get(sample).copied()
}

/// A first failure, counted after the baseline by a process that holds counters back.
async fn first_failure() -> (tempfile::TempDir, Harness) {
    let (folder, mut setup) = state();
    setup.poll.counter_hold = Duration::from_secs(120);
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    fails(&harness);
    polled(&harness).await;
    (folder, harness)
}

#[tokio::test(start_paused = true)]
async fn a_series_that_appears_shows_nothing_first_and_after_a_start_its_last_value() {
    let (_folder, harness) = first_failure().await;
    // Whoever asks late sees the same: an increase must have a beginning.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(shown(&harness, FAILED), Some(0.0), "increase() must see the first failure");
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(shown(&harness, FAILED), Some(0.0), "a second Prometheus sees it too");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(shown(&harness, FAILED), Some(1.0));
    fails(&harness);
    polled(&harness).await;
    assert_eq!(shown(&harness, FAILED), Some(2.0), "it is held back once");
    fails(&harness);
    let harness = harness.restart();
    polled(&harness).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(shown(&harness, FAILED), Some(2.0), "what failed while nobody looked comes later");
    polled(&harness).await;
    assert_eq!(shown(&harness, FAILED), Some(2.0));
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(shown(&harness, FAILED), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn counters_are_there_before_any_poll() {
    let (_folder, harness) = first_failure().await;
    let harness = harness.restart();
    assert_eq!(shown(&harness, FAILED), Some(1.0));
    assert_eq!(harness.shown().get(UP), Some(&0.0));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limits_labels_are_folded_and_sums_stay_exact() {
    let (_folder, mut setup) = state();
    setup.poll.max_users = 2;
    setup.poll.max_pools = 1;
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let totals = |harness: &Harness| {
        let metrics = harness.exposed();
        let sum = |family: &str| metrics.of(family).values().sum::<f64>();
        let users = metrics.of("workspace_user_screen_records{");
        (sum("workspace_screen_records{"), sum("workspace_user_screen_records{"), users.len())
    };
    // Two users and the others, in six statuses.
    assert_eq!(totals(&harness), (50.0, 50.0, 18));
    let entered = |harness: &Harness| {
        let metrics = harness.exposed();
        [
            "workspace_screen_record_transitions_total",
            "workspace_user_screen_record_transitions_total",
        ]
        .map(|family| metrics.of(family).values().sum::<f64>())
    };
    for _ in 0..20 {
        harness.simulator().edit(|world| {
            let id = world.insert_at(world.now(), Status::UploadFailed);
            let user = world.directory_mut().add_user(&format!("new {id}"));
            world.change(id, |record| record.user = Some(user));
        });
    }
    polled(&harness).await;
    assert_eq!(entered(&harness), [20.0, 20.0]);
    let folded = "screen_records_exporter_folded_label_values{project=\"p\",label=\"user\"}";
    assert!(harness.exposed().get(folded) >= 20.0);
    let harness = harness.restart();
    assert_eq!(entered(&harness), [20.0, 20.0]);
    polled(&harness).await;
    let (kinds, users, _) = totals(&harness);
    assert_eq!((kinds, users), (70.0, 70.0));
}

#[tokio::test(start_paused = true)]
async fn what_left_the_window_in_flight_counts_once_though_the_clock_goes_back() {
    let (_folder, setup) = state();
    let harness = setup.start();
    let window = i64::try_from(harness.setup.poll.window.as_millis()).unwrap();
    harness
        .simulator()
        .edit(|world| world.insert_at(world.now() - window + 60_000, Status::Uploading));
    let expired = |harness: &Harness| -> f64 {
        let counters = harness.shown().into_iter();
        let expired = counters.filter(|(name, _)| name.contains("_expired_in_flight_total"));
        expired.map(|(_, value)| value).sum()
    };
    polled(&harness).await;
    let before = expired(&harness);
    tokio::time::sleep(Duration::from_secs(60)).await;
    polled(&harness).await;
    assert_eq!(expired(&harness), before + 1.0);
    let now = harness.clock.now_millis() - 240_000;
    let harness = harness.restart_at(Arc::new(TokioClock::starting_at(now)));
    polled(&harness).await;
    assert_eq!(expired(&harness), before + 1.0);
    tokio::time::sleep(Duration::from_secs(240)).await;
    polled(&harness).await;
    assert_eq!(expired(&harness), before + 1.0, "it left before");
}

#[tokio::test(start_paused = true)]
async fn what_was_folded_is_shown_when_the_limits_are_raised_though_nothing_changed() {
    let (_folder, mut setup) = state();
    setup.poll.max_users = 2;
    setup.poll.max_pools = 1;
    let mut harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    harness.setup.poll.max_users = 1000;
    harness.setup.poll.max_pools = 1000;
    let harness = harness.restart();
    harness.assert_polls_right("raised").await;
    let metrics = harness.exposed();
    let folded = metrics.of("screen_records_exporter_folded_label_values");
    assert_eq!(folded.values().sum::<f64>(), 0.0);
    for (gauge, counter) in [
        ("workspace_user_screen_records{", "workspace_user_screen_record_transitions_total{"),
        ("workspace_screen_records{", "workspace_screen_record_transitions_total{"),
    ] {
        let counters = metrics.of(counter);
        for name in metrics.of(gauge).keys() {
            let counted = name.replace(gauge, counter);
            assert!(counters.contains_key(&counted), "increase() must see {counted} at 0");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_start_moves_on_has_not_left_the_window() {
    let (_folder, setup) = state();
    let harness = setup.start();
    let window = i64::try_from(harness.setup.poll.window.as_millis()).unwrap();
    let id = harness
        .simulator()
        .edit(|world| world.insert_at(world.now() - window + 40_000, Status::Uploading));
    polled(&harness).await;
    harness.simulator().edit(|world| world.change(id, |record| record.start += 3_600_000));
    polled(&harness).await;
    let counters = harness.exposed().of("workspace_screen_records_expired_in_flight_total");
    assert_eq!(counters.values().sum::<f64>(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_time_since_which_is_counted_is_that_of_the_first_poll() {
    let since = |harness: &Harness| {
        let name = "workspace_screen_records_counting_since_timestamp_seconds{project=\"p\"}";
        harness.shown().get(name).copied()
    };
    let (_folder, options) = state();
    let harness = options.start();
    assert_eq!(since(&harness), None);
    let begun = harness.clock_seconds();
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(since(&harness), Some(begun));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(harness.poll().await, Ok(()));
    let harness = harness.restart();
    assert_eq!(since(&harness), Some(begun), "before the first poll of a process, too");
}

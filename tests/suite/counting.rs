//! Counters as they are shown: held back where they appear, folded where there are too many, and
//! going on whatever happens to the state.

use std::sync::Arc;
use std::time::Duration;

use records_api::clock::{Clock, TokioClock};
use records_api_simulator::Status;

use crate::setting::{Setting, UP, Wishes};

const FAILED: &str = "workspace_screen_record_transitions_total{project=\"p\",\
                      status=\"UPLOAD_FAILED\",type=\"FULL\",pool=\"_none\"}";

fn state() -> (tempfile::TempDir, Wishes) {
    let folder = tempfile::tempdir().unwrap();
    let mut wishes = Wishes::new(50);
    wishes.options.odd_share = 0.0;
    wishes.state = Some(folder.path().join("p.redb"));
    (folder, wishes)
}

async fn polled(setting: &Setting) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(setting.poll().await, Ok(()));
}

fn fails(setting: &Setting) {
    setting.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
}

fn shown(setting: &Setting, sample: &str) -> Option<f64> {
    setting.shown().get(sample).copied()
}

/// A first failure, counted after the baseline by a process that holds counters back.
async fn first_failure() -> (tempfile::TempDir, Setting) {
    let (folder, mut wishes) = state();
    wishes.poll.counter_hold = Duration::from_secs(120);
    let setting = wishes.start();
    assert_eq!(setting.poll().await, Ok(()));
    fails(&setting);
    polled(&setting).await;
    (folder, setting)
}

#[tokio::test(start_paused = true)]
async fn a_series_that_appears_shows_nothing_first_and_after_a_start_its_last_value() {
    let (_folder, setting) = first_failure().await;
    // Whoever asks late sees the same: an increase must have a beginning.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(shown(&setting, FAILED), Some(0.0), "increase() must see the first failure");
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(shown(&setting, FAILED), Some(0.0), "a second Prometheus sees it too");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(shown(&setting, FAILED), Some(1.0));
    fails(&setting);
    polled(&setting).await;
    assert_eq!(shown(&setting, FAILED), Some(2.0), "it is held back once");
    fails(&setting);
    let setting = setting.restart();
    polled(&setting).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(shown(&setting, FAILED), Some(2.0), "what failed while nobody looked comes later");
    polled(&setting).await;
    assert_eq!(shown(&setting, FAILED), Some(2.0));
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(shown(&setting, FAILED), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn counters_are_there_before_any_poll() {
    let (_folder, setting) = first_failure().await;
    let setting = setting.restart();
    assert_eq!(shown(&setting, FAILED), Some(1.0));
    assert_eq!(setting.shown().get(UP), Some(&0.0));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limits_labels_are_folded_and_sums_stay_exact() {
    let (_folder, mut wishes) = state();
    wishes.poll.max_users = 2;
    wishes.poll.max_pools = 1;
    let setting = wishes.start();
    assert_eq!(setting.poll().await, Ok(()));
    let totals = |setting: &Setting| {
        let metrics = setting.exposed();
        let sum = |family: &str| metrics.of(family).values().sum::<f64>();
        let users = metrics.of("workspace_user_screen_records{");
        (sum("workspace_screen_records{"), sum("workspace_user_screen_records{"), users.len())
    };
    // Two users and the others, in six statuses.
    assert_eq!(totals(&setting), (50.0, 50.0, 18));
    let entered = |setting: &Setting| {
        let metrics = setting.exposed();
        [
            "workspace_screen_record_transitions_total",
            "workspace_user_screen_record_transitions_total",
        ]
        .map(|family| metrics.of(family).values().sum::<f64>())
    };
    for _ in 0..20 {
        setting.simulator().edit(|world| {
            let id = world.insert_at(world.now(), Status::UploadFailed);
            let user = world.cast_mut().user(&format!("new {id}"));
            world.change(id, |record| record.user = Some(user));
        });
    }
    polled(&setting).await;
    assert_eq!(entered(&setting), [20.0, 20.0]);
    let folded = "screen_records_exporter_folded_label_values{project=\"p\",label=\"user\"}";
    assert!(setting.exposed().get(folded) >= 20.0);
    let setting = setting.restart();
    assert_eq!(entered(&setting), [20.0, 20.0]);
    polled(&setting).await;
    let (kinds, users, _) = totals(&setting);
    assert_eq!((kinds, users), (70.0, 70.0));
}

#[tokio::test(start_paused = true)]
async fn what_left_the_window_in_flight_counts_once_though_the_clock_goes_back() {
    let (_folder, wishes) = state();
    let setting = wishes.start();
    let window = i64::try_from(setting.wishes.poll.window.as_millis()).unwrap();
    setting
        .simulator()
        .edit(|world| world.insert_at(world.now() - window + 60_000, Status::Uploading));
    let expired = |setting: &Setting| -> f64 {
        let counters = setting.shown().into_iter();
        let expired = counters.filter(|(name, _)| name.contains("_expired_in_flight_total"));
        expired.map(|(_, value)| value).sum()
    };
    polled(&setting).await;
    let before = expired(&setting);
    tokio::time::sleep(Duration::from_secs(60)).await;
    polled(&setting).await;
    assert_eq!(expired(&setting), before + 1.0);
    let now = setting.clock.now_millis() - 240_000;
    let setting = setting.restart_at(Arc::new(TokioClock::starting_at(now)));
    polled(&setting).await;
    assert_eq!(expired(&setting), before + 1.0);
    tokio::time::sleep(Duration::from_secs(240)).await;
    polled(&setting).await;
    assert_eq!(expired(&setting), before + 1.0, "it left before");
}

#[tokio::test(start_paused = true)]
async fn what_was_folded_is_shown_when_the_limits_are_raised_though_nothing_changed() {
    let (_folder, mut wishes) = state();
    wishes.poll.max_users = 2;
    wishes.poll.max_pools = 1;
    let mut setting = wishes.start();
    assert_eq!(setting.poll().await, Ok(()));
    setting.wishes.poll.max_users = 1000;
    setting.wishes.poll.max_pools = 1000;
    let setting = setting.restart();
    setting.assert_polls_right("raised").await;
    let metrics = setting.exposed();
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
    let (_folder, wishes) = state();
    let setting = wishes.start();
    let window = i64::try_from(setting.wishes.poll.window.as_millis()).unwrap();
    let id = setting
        .simulator()
        .edit(|world| world.insert_at(world.now() - window + 40_000, Status::Uploading));
    polled(&setting).await;
    setting.simulator().edit(|world| world.change(id, |record| record.start += 3_600_000));
    polled(&setting).await;
    let counters = setting.exposed().of("workspace_screen_records_expired_in_flight_total");
    assert_eq!(counters.values().sum::<f64>(), 0.0);
}

//! Replicas that follow a shared log show what its leader shows, whatever they have missed.

use std::sync::Arc;
use std::time::Duration;

use records_api_simulator::Status;
use screen_records_exporter::collector::Collector;
use screen_records_exporter::project::{Currency, Users};
use tokio::time::Instant;

use crate::harness::{Harness, HarnessOptions, Samples, UP, is_counter, shown_by};
use crate::memory_log::MemoryLog;

const HOLD: u64 = 120;
const FAILED: &str =
    "workspace_screen_record_transitions_total{project=\"p\",status=\"UPLOAD_FAILED\"";

/// A project that leads a shared log.
async fn begin(records: usize, change: impl FnOnce(&mut HarnessOptions)) -> (Harness, MemoryLog) {
    let log = MemoryLog::default();
    let mut setup = HarnessOptions::new(records).reading_everything();
    setup.options.odd_share = 0.0;
    setup.limits.max_requests_per_second = 1000.0;
    setup.log = Some(log.clone());
    change(&mut setup);
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    (harness, log)
}

/// Applies the log, and returns what the replica then shows.
fn followed(log: &MemoryLog, follower: &Arc<Collector>) -> Samples {
    let project = &follower.projects()[0];
    log.follow(project);
    project.set_currency(Instant::now(), Currency::Current);
    shown_by(follower)
}

/// Sum of the failed uploads that are shown as counted.
fn failed(shown: &Samples) -> f64 {
    shown.iter().filter(|(name, _)| name.starts_with(FAILED)).map(|(_, value)| value).sum()
}

/// Lets uploads fail that are new, and polls after so many seconds.
async fn poll_after(harness: &Harness, seconds: u64, failures: i64) {
    harness.simulator().edit(|world| {
        for number in 0..failures {
            world.insert_at(world.now() - number * 1000, Status::UploadFailed);
        }
    });
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(harness.poll().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn followers_pass_a_log_that_is_rewritten() {
    let (harness, log) = begin(3000, |_| ()).await;
    let (close, far) = (harness.follower(), harness.follower());
    let ids: Vec<_> = harness
        .simulator()
        .edit(|world| world.records_from(i64::MIN).map(|record| record.id).collect());
    let (mut rewrites, mut frames) = (0, log.len());
    for round in 0..40 {
        let status = [Status::UploadFailed, Status::UploadCompleted][round % 2];
        harness.simulator().edit(|world| {
            for id in &ids {
                world.set_status(*id, status);
            }
        });
        poll_after(&harness, 30, 1).await;
        rewrites += usize::from(log.len() < frames);
        frames = log.len();
        let shown = harness.shown();
        assert_eq!(followed(&log, &close), shown, "round {round}");
        if round % 7 == 0 {
            assert_eq!(followed(&log, &far), shown, "round {round}");
            assert_eq!(followed(&log, &harness.follower()), shown, "a new one in round {round}");
        }
    }
    assert!(rewrites >= 2, "{rewrites} rewrites do not test much");
}

#[tokio::test(start_paused = true)]
async fn a_failed_poll_shows_on_all_replicas() {
    let (harness, log) = begin(20, |_| ()).await;
    let follower = harness.follower();
    assert_eq!(followed(&log, &follower)[UP].to_bits(), 1.0_f64.to_bits());
    harness.set_faults(&["status=500"]);
    assert!(harness.poll().await.is_err());
    let shown = followed(&log, &follower);
    assert_eq!(shown[UP].to_bits(), 0.0_f64.to_bits());
    assert_eq!(shown, harness.shown());
    harness.set_faults(&[]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(followed(&log, &follower), harness.shown());
}

#[tokio::test(start_paused = true)]
async fn holds_end_with_a_commit_on_all_replicas() {
    let (harness, log) = begin(20, |setup| {
        setup.poll.counter_hold = Duration::from_secs(HOLD);
        setup.poll.max_users = 0;
    })
    .await;
    let follower = harness.follower();
    // Series that were there from the first poll on are held for as long.
    for _ in 0..4 {
        poll_after(&harness, 30, 1).await;
        assert_eq!(failed(&harness.shown()), failed(&followed(&log, &follower)));
    }
    poll_after(&harness, 30, 0).await;
    assert_eq!(failed(&harness.shown()).to_bits(), 4.0_f64.to_bits());
    // Without a commit, no time ends a hold.
    let shown = harness.shown();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(harness.shown(), shown);
    assert_eq!(followed(&log, &follower), shown);
    // Another replica begins to lead: no series goes back.
    let next = harness.restart();
    assert_eq!(next.shown(), shown);
    poll_after(&next, 30, 1).await;
    assert_eq!(failed(&next.shown()).to_bits(), 5.0_f64.to_bits());
    assert_eq!(followed(&log, &follower), next.shown());
}

#[tokio::test(start_paused = true)]
async fn counters_are_held_after_a_gap_without_commits() {
    let (harness, log) = begin(20, |setup| {
        setup.poll.counter_hold = Duration::from_secs(HOLD);
    })
    .await;
    let follower = harness.follower();
    for _ in 0..6 {
        poll_after(&harness, 30, 1).await;
    }
    let before = failed(&harness.shown());
    assert_eq!(before.to_bits(), 6.0_f64.to_bits());
    // Two leases of 15 s and three intervals of 30 s.
    poll_after(&harness, 2 * 15 + 3 * 30 + 1, 3).await;
    for held in [&harness.shown(), &followed(&log, &follower)] {
        assert_eq!(failed(held).to_bits(), before.to_bits(), "held at the last durable value");
    }
    for _ in 0..3 {
        poll_after(&harness, 30, 1).await;
        assert_eq!(failed(&harness.shown()).to_bits(), before.to_bits());
    }
    poll_after(&harness, 30, 0).await;
    for shown in [&harness.shown(), &followed(&log, &follower)] {
        assert_eq!(failed(shown).to_bits(), (before + 6.0).to_bits());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_log_keeps_the_hold_of_a_failed_poll() {
    let (harness, log) = begin(20, |setup| {
        setup.poll.counter_hold = Duration::from_secs(HOLD);
    })
    .await;
    for _ in 0..6 {
        poll_after(&harness, 30, 1).await;
    }
    tokio::time::sleep(Duration::from_secs(2 * 15 + 3 * 30 + 1)).await;
    harness.set_faults(&["status=500"]);
    assert!(harness.poll().await.is_err());
    harness.set_faults(&[]);
    log.restore(&harness.project);
    let follower = harness.follower();
    assert_eq!(followed(&log, &follower), harness.shown());
    let before = failed(&harness.shown());
    poll_after(&harness, 60, 3).await;
    assert_eq!(failed(&harness.shown()).to_bits(), before.to_bits(), "they are held");
    assert_eq!(followed(&log, &follower), harness.shown());
}

#[tokio::test(start_paused = true)]
async fn the_next_leader_removes_the_names_that_it_does_not_show() {
    let (mut harness, log) = begin(200, |_| ()).await;
    let name = harness.simulator().edit(|world| {
        let user = world.records_from(i64::MIN).find_map(|record| record.user).unwrap();
        world.directory().user_name(user).to_owned()
    });
    assert!(log.contains(&name), "{name}");
    harness.setup.poll.users = Users::dropped();
    let next = harness.restart();
    assert!(log.contains(&name), "nothing was committed yet");
    poll_after(&next, 30, 1).await;
    assert!(!log.contains(&name), "{name}");
}

#[tokio::test(start_paused = true)]
async fn counters_are_left_out_while_nobody_knows_whether_they_are_the_last() {
    let (harness, log) = begin(20, |_| ()).await;
    let follower = harness.follower();
    let known = followed(&log, &follower);
    assert!(known.keys().any(|name| is_counter(name)));
    let project = &follower.projects()[0];
    let unknown = || Currency::unanswered("no answer", "wait", None);
    project.set_currency(Instant::now(), unknown());
    let shown = shown_by(&follower);
    assert_eq!(shown[UP].to_bits(), 0.0_f64.to_bits());
    assert!(!shown.keys().any(|name| is_counter(name)), "{shown:?}");
    let gauge = |name: &&String| !is_counter(name) && **name != UP;
    assert!(known.keys().filter(gauge).eq(shown.keys().filter(gauge)));
    // The leader serves them until its lease ends.
    let until = Instant::now() + Duration::from_secs(10);
    let leading = Currency::unanswered("no answer", "wait", Some(until));
    project.set_currency(Instant::now(), leading);
    let counters = |shown: &Samples| shown.iter().filter(|(name, _)| is_counter(name)).count();
    assert_eq!(counters(&shown_by(&follower)), counters(&known));
    assert_eq!(shown_by(&follower)[UP].to_bits(), 0.0_f64.to_bits());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(counters(&shown_by(&follower)), 0);
    // An answer to an earlier question changes nothing.
    let earlier = Instant::now() - Duration::from_secs(60);
    project.set_currency(earlier, Currency::Current);
    assert_eq!(counters(&shown_by(&follower)), 0);
    assert_eq!(followed(&log, &follower), known);
}

//! The world changes between two pages of a poll: every record that stays as it is, is counted once
//! and right; one that changes is shown as it was or as it is; the next poll shows the truth.

use std::time::Duration;

use records_api::clock::Clock;
use records_api_simulator::{Endpoint, OverLimit, Status, World};

use crate::harness::{DAY, Harness, HarnessOptions, but_down};

const RECORDS: usize = 900;

/// What is done to the world after a page: a name, and the change by the rows of that page.
type Change = fn(&mut World, &[u128]);

const CHANGES: [(&str, Change); 8] = [
    ("a row comes at the end", |world, _| {
        world.insert_at(world.now(), Status::Recording);
    }),
    ("rows come in the middle, ahead of the cursor", |world, rows| {
        let start = start_of(world, rows.last());
        for n in 1..40 {
            world.insert_at(start + n * 60_000, Status::UploadCompleted);
        }
    }),
    ("rows come in the middle, behind the cursor", |world, rows| {
        let start = start_of(world, rows.first());
        for n in 1..40 {
            world.insert_at(start - n * 60_000, Status::UploadCompleted);
        }
    }),
    ("the page is deleted behind the cursor", |world, rows| {
        for id in rows {
            world.delete(*id);
        }
    }),
    ("half of the page is deleted", |world, rows| {
        for id in rows.iter().step_by(2) {
            world.delete(*id);
        }
    }),
    ("rows are deleted ahead of the cursor", |world, rows| {
        let start = start_of(world, rows.last());
        let ahead: Vec<u128> = world.records_from(start + 1).map(|record| record.id).collect();
        for id in ahead.iter().take(30) {
            world.delete(*id);
        }
    }),
    ("what was read changes its status", |world, rows| {
        for id in rows {
            world.set_status(*id, Status::UploadFailed);
        }
    }),
    ("what comes next changes its status", |world, rows| {
        let start = start_of(world, rows.last());
        let ahead: Vec<u128> = world.records_from(start + 1).map(|record| record.id).collect();
        for id in ahead.iter().take(30) {
            world.set_status(*id, Status::RecFailed);
        }
    }),
];

fn start_of(world: &World, id: Option<&u128>) -> i64 {
    id.and_then(|id| world.record(*id)).map_or(world.now(), |record| record.start)
}

fn setup(limit_max: usize, burst: u32, seed: u64) -> HarnessOptions {
    let mut setup = HarnessOptions::new(RECORDS).reading_everything();
    setup.options.seed = seed;
    setup.options.burst = burst;
    setup.options.window = 13 * DAY;
    setup.options.dialect.limit_max = limit_max;
    setup.options.dialect.limit_over = OverLimit::Clamp;
    setup
}

/// Ids and fate of the records that the world has now, by id.
fn stock(harness: &Harness) -> std::collections::BTreeMap<u128, Status> {
    harness.simulator().edit(|world| {
        world.records_from(i64::MIN).map(|record| (record.id, record.status)).collect()
    })
}

fn shown_of(harness: &Harness, status: Status) -> f64 {
    let label = format!("status=\"{}\"", status.code());
    let records = harness
        .shown()
        .into_iter()
        .filter(|(name, _)| name.starts_with("workspace_screen_records{") && name.contains(&label));
    records.map(|(_, value)| value).sum()
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_counted_once_whatever_happens_around_it() {
    for (name, change) in CHANGES {
        for (limit_max, burst) in [(100, 0), (100, 130), (30, 0), (1000, 0)] {
            for page in [1, 2, 4] {
                let what = format!("{name}, after page {page} of {limit_max}, burst {burst}");
                let harness = setup(limit_max, burst, page).start();
                harness.assert_polls_right(&what).await;
                let (before, shown) = (stock(&harness), harness.shown());
                harness.simulator().after_request(Endpoint::Records, move |turn, world| {
                    if turn.number == page {
                        change(world, turn.rows);
                    }
                });
                let result = harness.poll().await;
                harness.simulator().clear_hooks();
                let after = stock(&harness);
                if result.is_ok() {
                    assert_between(&harness, &before, &after, &what);
                } else {
                    assert_eq!(harness.shown(), but_down(shown), "{what}");
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
                harness.assert_polls_right(&what).await;
            }
        }
    }
}

/// Each status has at least the records that are in it before and after, and at most those that
/// are in it before or after.
fn assert_between(
    harness: &Harness,
    before: &std::collections::BTreeMap<u128, Status>,
    after: &std::collections::BTreeMap<u128, Status>,
    what: &str,
) {
    let ids: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let (mut total_least, mut total_most) = (0.0, 0.0);
    for status in [
        Status::Recording,
        Status::RecCompleted,
        Status::RecFailed,
        Status::Uploading,
        Status::UploadCompleted,
        Status::UploadFailed,
    ] {
        let is = |stock: &std::collections::BTreeMap<u128, Status>, id: &u128| {
            stock.get(id) == Some(&status)
        };
        let least = ids.iter().filter(|id| is(before, id) && is(after, id)).count() as f64;
        let most = ids.iter().filter(|id| is(before, id) || is(after, id)).count() as f64;
        let shown = shown_of(harness, status);
        assert!((least..=most).contains(&shown), "{what}: {status:?} {least} {shown} {most}");
    }
    for id in &ids {
        let stays = before.contains_key(id) && after.contains_key(id);
        total_least += f64::from(u8::from(stays));
        total_most += 1.0;
    }
    let shown = harness.counted();
    assert!((total_least..=total_most).contains(&shown), "{what}: {total_least} {shown}");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_lives_while_it_is_read_is_right_when_it_rests() {
    for seed in 0..6 {
        let mut setup = setup(100, 0, seed);
        setup.options.live = 40.0;
        setup.options.latency = Duration::from_millis(400);
        setup.limits.max_requests_per_second = 10.0;
        let harness = setup.start();
        for _ in 0..10 {
            assert_eq!(harness.poll().await, Ok(()), "seed {seed}");
            tokio::time::sleep(Duration::from_secs(45)).await;
        }
        assert!(harness.counted() > RECORDS as f64, "it lives");
        assert!(harness.clock.now_millis() > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lags_behind_shows_an_earlier_truth_and_never_a_mixture_of_ids() {
    let harness = setup(1000, 0, 1).start();
    harness.assert_polls_right("before").await;
    harness.set_faults(&["kind=stale,rate=0.5"]);
    let before = stock(&harness);
    harness.simulator().edit(|world| {
        let ids: Vec<u128> = world.records_from(i64::MIN).map(|record| record.id).collect();
        for id in ids.iter().step_by(7) {
            world.set_status(*id, Status::UploadFailed);
        }
    });
    let after = stock(&harness);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        if harness.poll().await.is_ok() {
            assert_between(&harness, &before, &after, "lagging");
        }
    }
    harness.set_faults(&[]);
    harness.assert_polls_right("after").await;
}

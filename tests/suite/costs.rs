//! What a poll asks of the API: it follows what changed, not what there is.

use std::time::Duration;

use records_api::clock::Clock;
use records_api_simulator::{DefaultOrder, Endpoint, Status, StatusFilter, TotalCount};

use crate::harness::{DAY, HarnessOptions};

#[tokio::test(start_paused = true)]
async fn a_poll_of_a_window_at_rest_makes_six_requests_at_most() {
    // `RECORDS=1000000` for one more window.
    let more = std::env::var("RECORDS").ok().map(|text| (text.parse().unwrap(), 1000));
    let windows = [(1000, 1000), (1000, 100), (20_000, 1000), (20_000, 100), (100_000, 1000)];
    for (records, limit_max) in windows.into_iter().chain(more) {
        let harness = HarnessOptions::settled(records, |setup| {
            setup.options.dialect.limit_max = limit_max;
            // Reconciliation comes on top: not within this test.
            setup.poll.reconcile_interval = 30 * DAY;
        });
        assert_eq!(harness.poll().await, Ok(()));
        let requests = harness.polls(5, 30).await;
        assert!(
            requests.iter().all(|n| *n <= 6),
            "{records} in pages of {limit_max}: {requests:?}"
        );
        harness.assert_polls_right("at rest").await;
        assert_eq!(harness.mode(), "incremental");
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_read_again_within_the_interval_for_the_pages_that_it_takes() {
    let harness = HarnessOptions::settled(10_000, |setup| setup.options.dialect.limit_max = 100);
    assert_eq!(harness.poll().await, Ok(()));
    let requests = harness.polls(120, 30).await;
    // 10,000 records in slices of 90, six requests each time.
    let (sum, most) = (requests.iter().sum::<usize>(), requests.iter().max().unwrap());
    assert!(sum < 120 * 6 + 10_000 / 90 * 3 / 2, "{sum}: {requests:?}");
    assert!(*most <= 12, "{requests:?}");
    assert!(harness.oldest_age() <= 3660.0, "{} s", harness.oldest_age());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_announces_shows_within_the_interval() {
    let harness = HarnessOptions::settled(10_000, |setup| setup.options.dialect.limit_max = 100);
    assert_eq!(harness.poll().await, Ok(()));
    let (old, failed) = harness.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        let failed = ids[300];
        world.set_status(failed, Status::UploadFailed);
        (ids[1000..1500].to_vec(), failed)
    });
    harness.polls(125, 30).await;
    harness.assert_polls_right("a failure deep in the window").await;
    harness.simulator().edit(|world| {
        world.set_status(failed, Status::UploadCompleted);
    });
    harness.polls(125, 30).await;
    harness.assert_polls_right("that is solved").await;
    harness.simulator().edit(|world| {
        for id in old {
            world.delete(id);
        }
    });
    harness.polls(2, 30).await;
    harness.assert_polls_right("five hundred deletions, which the count gives away").await;
    harness.simulator().edit(|world| {
        world.insert_at(world.now() - 2 * 86_400_000, Status::UploadFailed);
    });
    harness.polls(2, 30).await;
    harness.assert_polls_right("a record that comes two days late").await;
}

#[tokio::test(start_paused = true)]
async fn without_filter_counts_and_order_it_is_exact_and_says_what_it_does_without() {
    for (filter, count, expected) in [
        (StatusFilter::Refused, TotalCount::Right, "no_status_filter"),
        (StatusFilter::Ignored, TotalCount::Right, "no_status_filter"),
        (StatusFilter::Documented, TotalCount::Missing, "no_counts"),
        (StatusFilter::Refused, TotalCount::Missing, "no_status_filter"),
    ] {
        let mut setup = HarnessOptions::new(3000);
        setup.options.dialect.limit_max = 100;
        setup.options.dialect.status_filter = filter;
        setup.options.dialect.total_count = count;
        setup.options.dialect.default_order = DefaultOrder::Shuffled;
        let harness = setup.start();
        let ids: Vec<_> = harness
            .simulator()
            .edit(|world| world.records_from(i64::MIN).map(|record| record.id).collect());
        assert_eq!(harness.poll().await, Ok(()));
        for turn in 0..3 {
            harness.simulator().edit(|world| {
                world.insert_at(world.now(), Status::Recording);
                let flights = ids.iter().filter(|id| {
                    world.record(**id).is_some_and(|record| record.status.in_flight())
                });
                if let Some(id) = flights.copied().nth(turn) {
                    world.set_status(id, Status::UploadFailed);
                }
            });
            tokio::time::sleep(Duration::from_secs(30)).await;
            harness.assert_polls_right(&format!("{filter:?} {count:?} {turn}")).await;
        }
        assert_eq!(harness.mode(), expected, "{filter:?} {count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_lives_costs_what_changes_and_what_is_read_again() {
    let mut setup = HarnessOptions::new(100_000);
    setup.options.dialect.limit_max = 100;
    // One in a hundred records changes each hour.
    setup.options.live = 1000.0 / 3600.0;
    setup.limits.max_requests_per_second = 1000.0;
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let requests = harness.polls(120, 30).await;
    // What comes late or is deleted shows in a count, and is searched for.
    let sum: usize = requests.iter().sum();
    assert!(sum <= 120 * 20, "{} on average: {requests:?}", sum / 120);
    assert_eq!(harness.mode(), "incremental");
}

#[tokio::test(start_paused = true)]
async fn what_a_count_gives_away_is_searched_for_and_shows_at_the_second_poll() {
    for (total_count, most) in [(TotalCount::Right, 50), (TotalCount::Off, 90)] {
        let harness = HarnessOptions::settled(20_000, |setup| {
            setup.options.dialect.limit_max = 100;
            setup.options.dialect.total_count = total_count;
            setup.poll.reconcile_interval = 30 * DAY;
        });
        assert_eq!(harness.poll().await, Ok(()));
        // A count that is always wrong is found out first.
        harness.polls(4, 30).await;
        let ids: Vec<_> = harness
            .simulator()
            .edit(|world| world.records_from(i64::MIN).map(|record| record.id).collect());
        let edits: [(&str, &dyn Fn()); 5] = [
            ("a failure", &|| {
                harness.simulator().edit(|world| {
                    world.set_status(ids[5000], Status::UploadFailed);
                });
            }),
            ("its solution", &|| {
                harness.simulator().edit(|world| {
                    world.set_status(ids[5000], Status::UploadCompleted);
                });
            }),
            ("deletions in two places", &|| {
                harness.simulator().edit(|world| {
                    ids[300..310].iter().chain(&ids[9000..9500]).for_each(|id| {
                        world.delete(*id);
                    });
                });
            }),
            ("a record that comes two days late", &|| {
                harness.simulator().edit(|world| {
                    world.insert_at(world.now() - 2 * 86_400_000, Status::UploadFailed);
                });
            }),
            ("one that lies at the edge of the window", &|| {
                harness.simulator().edit(|world| {
                    world.insert_at(world.now() - 15 * 86_400_000 + 120_000, Status::RecFailed);
                });
            }),
        ];
        for (what, edit) in edits {
            edit();
            let asked = harness.polls(1, 30).await[0];
            assert!(asked <= 10, "{asked} requests for {what}, {total_count:?}");
            let before = harness.asked();
            tokio::time::sleep(Duration::from_secs(30)).await;
            harness.assert_polls_right(&format!("{what}, {total_count:?}")).await;
            let asked = harness.asked() - before;
            assert!(asked <= most, "{asked} requests for {what}, {total_count:?}");
        }
        let requests = harness.polls(5, 30).await;
        assert!(requests[3..].iter().all(|asked| *asked <= 10), "{requests:?}, {total_count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_just_before_the_window_costs_no_counts() {
    let harness = HarnessOptions::settled(5000, |setup| setup.options.dialect.limit_max = 100);
    harness.simulator().edit(|world| {
        world.insert_at(world.now() / 1000 * 1000 - 15 * 86_400_000 - 500, Status::RecFailed);
    });
    harness.assert_polls_right("at first").await;
    harness.polls(3, 30).await;
    assert_eq!(harness.mode(), "incremental");
}

#[tokio::test(start_paused = true)]
async fn counts_that_mean_nothing_are_left_alone() {
    let harness = HarnessOptions::settled(20_000, |setup| {
        setup.options.dialect.limit_max = 100;
        setup.options.dialect.total_count = TotalCount::Page;
        setup.poll.reconcile_interval = 30 * DAY;
    });
    assert_eq!(harness.poll().await, Ok(()));
    let requests = harness.polls(20, 30).await;
    assert!(requests.iter().sum::<usize>() <= 1000, "{requests:?}");
    assert!(requests[10..].iter().all(|asked| *asked <= 12), "{requests:?}");
    assert_eq!(harness.mode(), "no_counts");
}

/// Largest age of the oldest reading over polls, once per pause.
async fn oldest(records: usize, page: usize, pause: u64, hours: u64) -> f64 {
    let harness = HarnessOptions::settled(records, |setup| setup.options.dialect.limit_max = page);
    assert_eq!(harness.poll().await, Ok(()));
    let mut most: f64 = 0.0;
    for _ in 0..hours * 3600 / pause {
        harness.polls(1, pause).await;
        most = most.max(harness.oldest_age());
    }
    most
}

#[tokio::test(start_paused = true)]
async fn each_record_is_read_within_the_interval_in_windows_of_a_few_pages() {
    let mut ages = Vec::new();
    for records in [3200, 5000, 7000] {
        ages.push((records, oldest(records, 1000, 30, 4).await));
    }
    assert!(ages.iter().all(|(_, age)| *age <= 3660.0), "{ages:?}");
}

#[tokio::test(start_paused = true)]
async fn each_record_is_read_within_the_interval_when_polls_are_rare() {
    let mut ages = Vec::new();
    for minutes in [7, 13, 20, 30, 40, 50] {
        ages.push((minutes, oldest(10_000, 100, minutes * 60, 8).await));
    }
    // Right after each poll nothing is older than an interval, but for what had no poll.
    assert!(ages.iter().all(|(_, age)| *age <= 3660.0), "{ages:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_count_shows_is_seen_within_the_interval() {
    let harness = HarnessOptions::settled(3200, |_| {});
    assert_eq!(harness.poll().await, Ok(()));
    let id = harness.simulator().edit(|world| world.records_from(i64::MIN).nth(500).unwrap().id);
    // Its size changes right after it was read.
    let changed = std::sync::Arc::new(std::sync::Mutex::new(None));
    let note = changed.clone();
    harness.simulator().after_request(Endpoint::Records, move |turn, world| {
        let mut changed = note.lock().unwrap();
        if changed.is_none() && turn.rows.contains(&id) {
            let now = world.now();
            *changed = Some(now);
            world.change(id, |r| {
                r.size = Some(r.size.unwrap_or(0) + 1_000_000);
                r.update = now;
            });
        }
    });
    let mut seen = 0;
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let begun = harness.clock.now_millis();
        assert_eq!(harness.poll().await, Ok(()));
        let when = *changed.lock().unwrap();
        if let Some(when) = when
            && harness.figures() == harness.truth(begun)
        {
            seen = (begun - when) / 1000;
            break;
        }
    }
    assert!((1..=3630).contains(&seen), "seen after {seen} s");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_read_the_window_again() {
    let folder = tempfile::tempdir().unwrap();
    let harness = HarnessOptions::settled(20_000, |setup| {
        setup.options.dialect.limit_max = 100;
        setup.state = Some(folder.path().join("p.redb"));
    });
    assert_eq!(harness.poll().await, Ok(()));
    let before = harness.polls(180, 30).await;
    let harness = harness.restart();
    let after = harness.polls(5, 30).await;
    assert!(after.iter().all(|n| *n <= 20), "{:?} then {after:?}", &before[175..]);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_what_is_overdue_is_read_at_once() {
    let harness = HarnessOptions::settled(10_000, |setup| setup.options.dialect.limit_max = 100);
    assert_eq!(harness.poll().await, Ok(()));
    harness.polls(110, 30).await;
    harness.set_faults(&["status=404"]);
    tokio::time::sleep(Duration::from_secs(95 * 60)).await;
    harness.set_faults(&[]);
    let asked = harness.polls(1, 30).await;
    let mut ages = Vec::new();
    for _ in 0..12 {
        harness.polls(10, 30).await;
        ages.push(harness.oldest_age().round());
    }
    assert!(ages[0] <= 3660.0, "{asked:?} requests, then ages {ages:?}");
}

#[tokio::test(start_paused = true)]
async fn restarts_do_not_let_what_was_read_grow_old() {
    for (pause, hours) in [(20 * 60, 12), (30, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let mut harness = HarnessOptions::settled(10_000, |setup| {
            setup.options.dialect.limit_max = 100;
            setup.state = Some(folder.path().join("p.redb"));
        });
        assert_eq!(harness.poll().await, Ok(()));
        let mut ages = Vec::new();
        for turn in 0..hours * 3600 / pause {
            harness.polls(1, pause).await;
            ages.push(harness.oldest_age());
            if turn % 2 == 1 {
                harness = harness.restart();
            }
        }
        let most = ages.iter().copied().fold(0.0, f64::max);
        assert!(most <= 3660.0, "{most} s, polls every {pause} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_nobody_can_read_costs_no_counts() {
    let harness = HarnessOptions::settled(5000, |setup| setup.poll.reconcile_interval = 30 * DAY);
    harness.set_faults(&["kind=rows,as=text,share=0.0005"]);
    assert_eq!(harness.poll().await, Ok(()));
    harness.polls(6, 30).await;
    assert_eq!(harness.mode(), "incremental");
    let requests = harness.polls(3, 30).await;
    assert!(requests.iter().all(|asked| *asked <= 6), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_window_at_rest_costs_six_requests_though_it_lived_at_first() {
    let harness = HarnessOptions::settled(5000, |setup| setup.poll.reconcile_interval = 30 * DAY);
    harness.simulator().after_request(Endpoint::Records, |turn, world| {
        if turn.number == 2 {
            world.insert_at(world.now(), Status::UploadCompleted);
        }
    });
    assert_eq!(harness.poll().await, Ok(()));
    harness.simulator().clear_hooks();
    // The first of them finds out that the counts are right.
    let asked = harness.polls(6, 30).await;
    assert!(asked[1..].iter().all(|asked| *asked <= 6), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_long_absence_a_large_window_is_caught_up_with_over_several_polls() {
    let harness = HarnessOptions::settled(12_000, |setup| {
        setup.options.dialect.limit_max = 20;
        setup.limits.page_size = 20;
    });
    assert_eq!(harness.poll().await, Ok(()));
    tokio::time::sleep(Duration::from_secs(5 * 3600)).await;
    let changed = harness.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        for id in ids.iter().skip(40).step_by(1700) {
            world.set_status(*id, Status::UploadFailed);
        }
        world.insert_at(world.now() - 7_000_000, Status::UploadCompleted);
        ids.len()
    });
    // 600 pages, of which a poll reads a hundred again.
    let requests = harness.polls(9, 30).await;
    assert!(requests.iter().all(|n| *n < 220), "{changed}: {requests:?}");
    assert!(harness.oldest_age() < 3700.0, "{} s: {requests:?}", harness.oldest_age());
    harness.assert_polls_right("after it has caught up").await;
}

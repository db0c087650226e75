//! What a poll asks of the API: it follows what changed, not what there is.

use std::time::Duration;

use records_api::clock::Clock;
use records_api_simulator::{DefaultOrder, Endpoint, Status, StatusFilter, TotalCount};

use crate::setting::{DAY, Wishes};

#[tokio::test(start_paused = true)]
async fn a_poll_of_a_window_at_rest_makes_six_requests_at_most() {
    // `RECORDS=1000000` for one more window.
    let more = std::env::var("RECORDS").ok().map(|text| (text.parse().unwrap(), 1000));
    let windows = [(1000, 1000), (1000, 100), (20_000, 1000), (20_000, 100), (100_000, 1000)];
    for (records, limit_max) in windows.into_iter().chain(more) {
        let setting = Wishes::settled(records, |wishes| {
            wishes.options.dialect.limit_max = limit_max;
            // Reconciliation comes on top: not within this test.
            wishes.poll.reconcile_interval = 30 * DAY;
        });
        assert_eq!(setting.poll().await, Ok(()));
        let requests = setting.polls(5, 30).await;
        assert!(
            requests.iter().all(|n| *n <= 6),
            "{records} in pages of {limit_max}: {requests:?}"
        );
        setting.assert_polls_right("at rest").await;
        assert_eq!(setting.mode(), "incremental");
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_read_again_within_the_interval_for_the_pages_that_it_takes() {
    let setting = Wishes::settled(10_000, |wishes| wishes.options.dialect.limit_max = 100);
    assert_eq!(setting.poll().await, Ok(()));
    let requests = setting.polls(120, 30).await;
    // 10,000 records in slices of 90, six requests each time.
    let (sum, most) = (requests.iter().sum::<usize>(), requests.iter().max().unwrap());
    assert!(sum < 120 * 6 + 10_000 / 90 * 3 / 2, "{sum}: {requests:?}");
    assert!(*most <= 12, "{requests:?}");
    assert!(setting.oldest_age() <= 3660.0, "{} s", setting.oldest_age());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_announces_shows_within_the_interval() {
    let setting = Wishes::settled(10_000, |wishes| wishes.options.dialect.limit_max = 100);
    assert_eq!(setting.poll().await, Ok(()));
    let (old, failed) = setting.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        let failed = ids[300];
        world.set_status(failed, Status::UploadFailed);
        (ids[1000..1500].to_vec(), failed)
    });
    setting.polls(125, 30).await;
    setting.assert_polls_right("a failure deep in the window").await;
    setting.simulator().edit(|world| {
        world.set_status(failed, Status::UploadCompleted);
    });
    setting.polls(125, 30).await;
    setting.assert_polls_right("that is solved").await;
    setting.simulator().edit(|world| {
        for id in old {
            world.delete(id);
        }
    });
    setting.polls(2, 30).await;
    setting.assert_polls_right("five hundred deletions, which the count gives away").await;
    setting.simulator().edit(|world| {
        world.insert_at(world.now() - 2 * 86_400_000, Status::UploadFailed);
    });
    setting.polls(2, 30).await;
    setting.assert_polls_right("a record that comes two days late").await;
}

#[tokio::test(start_paused = true)]
async fn without_filter_counts_and_order_it_is_exact_and_says_what_it_does_without() {
    for (filter, count, expected) in [
        (StatusFilter::Refused, TotalCount::Right, "no_status_filter"),
        (StatusFilter::Ignored, TotalCount::Right, "no_status_filter"),
        (StatusFilter::Documented, TotalCount::Missing, "no_counts"),
        (StatusFilter::Refused, TotalCount::Missing, "no_status_filter"),
    ] {
        let mut wishes = Wishes::new(3000);
        wishes.options.dialect.limit_max = 100;
        wishes.options.dialect.status_filter = filter;
        wishes.options.dialect.total_count = count;
        wishes.options.dialect.default_order = DefaultOrder::Shuffled;
        let setting = wishes.start();
        let ids: Vec<_> = setting
            .simulator()
            .edit(|world| world.records_from(i64::MIN).map(|record| record.id).collect());
        assert_eq!(setting.poll().await, Ok(()));
        for turn in 0..3 {
            setting.simulator().edit(|world| {
                world.insert_at(world.now(), Status::Recording);
                let flights = ids.iter().filter(|id| {
                    world.record(**id).is_some_and(|record| record.status.in_flight())
                });
                if let Some(id) = flights.copied().nth(turn) {
                    world.set_status(id, Status::UploadFailed);
                }
            });
            tokio::time::sleep(Duration::from_secs(30)).await;
            setting.assert_polls_right(&format!("{filter:?} {count:?} {turn}")).await;
        }
        assert_eq!(setting.mode(), expected, "{filter:?} {count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_lives_costs_what_changes_and_what_is_read_again() {
    let mut wishes = Wishes::new(100_000);
    wishes.options.dialect.limit_max = 100;
    // One in a hundred records changes each hour.
    wishes.options.live = 1000.0 / 3600.0;
    wishes.limits.max_requests_per_second = 1000.0;
    let setting = wishes.start();
    assert_eq!(setting.poll().await, Ok(()));
    let requests = setting.polls(120, 30).await;
    // What comes late or is deleted shows in a count, and is searched for.
    let sum: usize = requests.iter().sum();
    println!("{sum} {requests:?}");
    assert!(sum <= 120 * 20, "{} on average: {requests:?}", sum / 120);
    assert_eq!(setting.mode(), "incremental");
}

#[tokio::test(start_paused = true)]
async fn what_a_count_gives_away_is_searched_for_and_shows_at_the_second_poll() {
    for (total_count, most) in [(TotalCount::Right, 50), (TotalCount::Off, 90)] {
        let setting = Wishes::settled(20_000, |wishes| {
            wishes.options.dialect.limit_max = 100;
            wishes.options.dialect.total_count = total_count;
            wishes.poll.reconcile_interval = 30 * DAY;
        });
        assert_eq!(setting.poll().await, Ok(()));
        // A count that is always wrong is found out first.
        setting.polls(4, 30).await;
        let ids: Vec<_> = setting
            .simulator()
            .edit(|world| world.records_from(i64::MIN).map(|record| record.id).collect());
        let edits: [(&str, &dyn Fn()); 5] = [
            ("a failure", &|| {
                setting.simulator().edit(|world| {
                    world.set_status(ids[5000], Status::UploadFailed);
                });
            }),
            ("its solution", &|| {
                setting.simulator().edit(|world| {
                    world.set_status(ids[5000], Status::UploadCompleted);
                });
            }),
            ("deletions in two places", &|| {
                setting.simulator().edit(|world| {
                    ids[300..310].iter().chain(&ids[9000..9500]).for_each(|id| {
                        world.delete(*id);
                    });
                });
            }),
            ("a record that comes two days late", &|| {
                setting.simulator().edit(|world| {
                    world.insert_at(world.now() - 2 * 86_400_000, Status::UploadFailed);
                });
            }),
            ("one that lies at the edge of the window", &|| {
                setting.simulator().edit(|world| {
                    world.insert_at(world.now() - 15 * 86_400_000 + 120_000, Status::RecFailed);
                });
            }),
        ];
        for (what, edit) in edits {
            edit();
            let asked = setting.polls(1, 30).await[0];
            assert!(asked <= 10, "{asked} requests for {what}, {total_count:?}");
            let before = setting.asked();
            tokio::time::sleep(Duration::from_secs(30)).await;
            setting.assert_polls_right(&format!("{what}, {total_count:?}")).await;
            let asked = setting.asked() - before;
            assert!(asked <= most, "{asked} requests for {what}, {total_count:?}");
        }
        let requests = setting.polls(5, 30).await;
        assert!(requests[3..].iter().all(|asked| *asked <= 10), "{requests:?}, {total_count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_just_before_the_window_costs_no_counts() {
    let setting = Wishes::settled(5000, |wishes| wishes.options.dialect.limit_max = 100);
    setting.simulator().edit(|world| {
        world.insert_at(world.now() / 1000 * 1000 - 15 * 86_400_000 - 500, Status::RecFailed);
    });
    setting.assert_polls_right("at first").await;
    setting.polls(3, 30).await;
    assert_eq!(setting.mode(), "incremental");
}

#[tokio::test(start_paused = true)]
async fn counts_that_mean_nothing_are_left_alone() {
    let setting = Wishes::settled(20_000, |wishes| {
        wishes.options.dialect.limit_max = 100;
        wishes.options.dialect.total_count = TotalCount::Page;
        wishes.poll.reconcile_interval = 30 * DAY;
    });
    assert_eq!(setting.poll().await, Ok(()));
    let requests = setting.polls(20, 30).await;
    assert!(requests.iter().sum::<usize>() <= 1000, "{requests:?}");
    assert!(requests[10..].iter().all(|asked| *asked <= 12), "{requests:?}");
    assert_eq!(setting.mode(), "no_counts");
}

/// Largest age of the oldest reading over polls, once per pause.
async fn oldest(records: usize, page: usize, pause: u64, hours: u64) -> f64 {
    let setting = Wishes::settled(records, |wishes| wishes.options.dialect.limit_max = page);
    assert_eq!(setting.poll().await, Ok(()));
    let mut most: f64 = 0.0;
    for _ in 0..hours * 3600 / pause {
        setting.polls(1, pause).await;
        most = most.max(setting.oldest_age());
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
    let setting = Wishes::settled(3200, |_| {});
    assert_eq!(setting.poll().await, Ok(()));
    let id = setting.simulator().edit(|world| world.records_from(i64::MIN).nth(500).unwrap().id);
    // Its size changes right after it was read.
    let changed = std::sync::Arc::new(std::sync::Mutex::new(None));
    let note = changed.clone();
    setting.simulator().after_request(Endpoint::Records, move |turn, world| {
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
        let begun = setting.clock.now_millis();
        assert_eq!(setting.poll().await, Ok(()));
        let when = *changed.lock().unwrap();
        if let Some(when) = when
            && setting.figures() == setting.truth(begun)
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
    let setting = Wishes::settled(20_000, |wishes| {
        wishes.options.dialect.limit_max = 100;
        wishes.state = Some(folder.path().join("p.redb"));
    });
    assert_eq!(setting.poll().await, Ok(()));
    let before = setting.polls(180, 30).await;
    let setting = setting.restart();
    let after = setting.polls(5, 30).await;
    assert!(after.iter().all(|n| *n <= 20), "{:?} then {after:?}", &before[175..]);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_what_is_overdue_is_read_at_once() {
    let setting = Wishes::settled(10_000, |wishes| wishes.options.dialect.limit_max = 100);
    assert_eq!(setting.poll().await, Ok(()));
    setting.polls(110, 30).await;
    setting.set_faults(&["status=404"]);
    tokio::time::sleep(Duration::from_secs(95 * 60)).await;
    setting.set_faults(&[]);
    let asked = setting.polls(1, 30).await;
    let mut ages = Vec::new();
    for _ in 0..12 {
        setting.polls(10, 30).await;
        ages.push(setting.oldest_age().round());
    }
    assert!(ages[0] <= 3660.0, "{asked:?} requests, then ages {ages:?}");
}

#[tokio::test(start_paused = true)]
async fn restarts_do_not_let_what_was_read_grow_old() {
    for (pause, hours) in [(20 * 60, 12), (30, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let mut setting = Wishes::settled(10_000, |wishes| {
            wishes.options.dialect.limit_max = 100;
            wishes.state = Some(folder.path().join("p.redb"));
        });
        assert_eq!(setting.poll().await, Ok(()));
        let mut ages = Vec::new();
        for turn in 0..hours * 3600 / pause {
            setting.polls(1, pause).await;
            ages.push(setting.oldest_age());
            if turn % 2 == 1 {
                setting = setting.restart();
            }
        }
        let most = ages.iter().copied().fold(0.0, f64::max);
        assert!(most <= 3660.0, "{most} s, polls every {pause} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_nobody_can_read_costs_no_counts() {
    let setting = Wishes::settled(5000, |wishes| wishes.poll.reconcile_interval = 30 * DAY);
    setting.set_faults(&["kind=rows,as=text,share=0.0005"]);
    assert_eq!(setting.poll().await, Ok(()));
    setting.polls(6, 30).await;
    assert_eq!(setting.mode(), "incremental");
    let requests = setting.polls(3, 30).await;
    assert!(requests.iter().all(|asked| *asked <= 6), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_window_at_rest_costs_six_requests_though_it_lived_at_first() {
    let setting = Wishes::settled(5000, |wishes| wishes.poll.reconcile_interval = 30 * DAY);
    setting.simulator().after_request(Endpoint::Records, |turn, world| {
        if turn.number == 2 {
            world.insert_at(world.now(), Status::UploadCompleted);
        }
    });
    assert_eq!(setting.poll().await, Ok(()));
    setting.simulator().clear_hooks();
    // The first of them finds out that the counts are right.
    let asked = setting.polls(6, 30).await;
    assert!(asked[1..].iter().all(|asked| *asked <= 6), "{asked:?}");
}

//! What a poll asks of the API: it follows what changed, not what there is.

use std::time::Duration;

use screen_records_exporter::simulator::{DefaultOrder, Status, StatusFilter, TotalCount};

use crate::setting::{DAY, Setting, Wishes};

/// A window in which nothing is in flight.
fn settled(records: usize, change: impl FnOnce(&mut Wishes)) -> Setting {
    let mut wishes = Wishes::new(records);
    wishes.options.odd_share = 0.0;
    wishes.limits.max_requests_per_second = 1000.0;
    change(&mut wishes);
    let setting = wishes.start();
    setting.simulator().edit(|world| {
        let flights = world.records_from(i64::MIN).filter(|record| record.status.in_flight());
        for id in flights.map(|record| record.id).collect::<Vec<_>>() {
            world.set_status(id, Status::UploadCompleted);
        }
    });
    setting
}

/// Requests of the polls that follow, one every so often.
async fn requests(setting: &Setting, polls: usize, pause: u64) -> Vec<usize> {
    let mut requests = Vec::new();
    for _ in 0..polls {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let before = setting.asked();
        assert_eq!(setting.poll().await, Ok(()));
        requests.push(setting.asked() - before);
    }
    requests
}

fn mode(setting: &Setting) -> String {
    let modes = setting.exposed().of("screen_records_exporter_sync_mode");
    let (name, _) = modes.into_iter().find(|(_, value)| *value == 1.0).unwrap();
    name.split("mode=\"").nth(1).unwrap().trim_end_matches("\"}").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_a_window_at_rest_makes_six_requests_at_most() {
    // `RECORDS=1000000` for one more window.
    let more = std::env::var("RECORDS").ok().map(|text| (text.parse().unwrap(), 1000));
    let windows = [(1000, 1000), (1000, 100), (20_000, 1000), (20_000, 100), (100_000, 1000)];
    for (records, limit_max) in windows.into_iter().chain(more) {
        let setting = settled(records, |wishes| {
            wishes.options.dialect.limit_max = limit_max;
            // Reconciliation comes on top: not within this test.
            wishes.poll.reconcile_interval = 30 * DAY;
        });
        assert_eq!(setting.poll().await, Ok(()));
        let requests = requests(&setting, 5, 30).await;
        assert!(
            requests.iter().all(|n| *n <= 6),
            "{records} in pages of {limit_max}: {requests:?}"
        );
        setting.assert_polls_right("at rest").await;
        assert_eq!(mode(&setting), "incremental");
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_read_again_within_the_interval_for_the_pages_that_it_takes() {
    let setting = settled(10_000, |wishes| wishes.options.dialect.limit_max = 100);
    assert_eq!(setting.poll().await, Ok(()));
    let requests = requests(&setting, 120, 30).await;
    // 10,000 records in slices of 90, six requests each time.
    let (sum, most) = (requests.iter().sum::<usize>(), requests.iter().max().unwrap());
    assert!(sum < 120 * 6 + 10_000 / 90 * 3 / 2, "{sum}: {requests:?}");
    assert!(*most <= 12, "{requests:?}");
    let oldest = setting
        .exposed()
        .get("workspace_screen_records_oldest_read_timestamp_seconds{project=\"p\"}");
    let now = setting.clock_seconds();
    assert!(now - oldest <= 3660.0, "{} s", now - oldest);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_announces_shows_within_the_interval() {
    let setting = settled(10_000, |wishes| wishes.options.dialect.limit_max = 100);
    assert_eq!(setting.poll().await, Ok(()));
    let (old, failed) = setting.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        let failed = ids[300];
        world.set_status(failed, Status::UploadFailed);
        (ids[1000..1500].to_vec(), failed)
    });
    requests(&setting, 125, 30).await;
    setting.assert_polls_right("a failure deep in the window").await;
    setting.simulator().edit(|world| {
        world.set_status(failed, Status::UploadCompleted);
    });
    requests(&setting, 125, 30).await;
    setting.assert_polls_right("that is solved").await;
    setting.simulator().edit(|world| {
        for id in old {
            world.delete(id);
        }
    });
    requests(&setting, 2, 30).await;
    setting.assert_polls_right("five hundred deletions, which the count gives away").await;
    setting.simulator().edit(|world| {
        world.insert_at(world.now() - 2 * 86_400_000, Status::UploadFailed);
    });
    requests(&setting, 2, 30).await;
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
        assert_eq!(mode(&setting), expected, "{filter:?} {count:?}");
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
    let requests = requests(&setting, 120, 30).await;
    // What comes late or is deleted shows in a count, and is searched for.
    let sum: usize = requests.iter().sum();
    println!("{sum} {requests:?}");
    assert!(sum <= 120 * 20, "{} on average: {requests:?}", sum / 120);
    assert_eq!(mode(&setting), "incremental");
}

#[tokio::test(start_paused = true)]
async fn what_a_count_gives_away_is_searched_for_and_shows_at_the_second_poll() {
    for (total_count, most) in [(TotalCount::Right, 50), (TotalCount::Off, 90)] {
        let setting = settled(20_000, |wishes| {
            wishes.options.dialect.limit_max = 100;
            wishes.options.dialect.total_count = total_count;
            wishes.poll.reconcile_interval = 30 * DAY;
        });
        assert_eq!(setting.poll().await, Ok(()));
        // A count that is always wrong is found out first.
        requests(&setting, 4, 30).await;
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
            let asked = requests(&setting, 1, 30).await[0];
            assert!(asked <= 10, "{asked} requests for {what}, {total_count:?}");
            let before = setting.asked();
            tokio::time::sleep(Duration::from_secs(30)).await;
            setting.assert_polls_right(&format!("{what}, {total_count:?}")).await;
            let asked = setting.asked() - before;
            assert!(asked <= most, "{asked} requests for {what}, {total_count:?}");
        }
        let requests = requests(&setting, 5, 30).await;
        assert!(requests[3..].iter().all(|asked| *asked <= 10), "{requests:?}, {total_count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_just_before_the_window_costs_no_counts() {
    let setting = settled(5000, |wishes| wishes.options.dialect.limit_max = 100);
    setting.simulator().edit(|world| {
        world.insert_at(world.now() / 1000 * 1000 - 15 * 86_400_000 - 500, Status::RecFailed);
    });
    setting.assert_polls_right("at first").await;
    requests(&setting, 3, 30).await;
    assert_eq!(mode(&setting), "incremental");
}

#[tokio::test(start_paused = true)]
async fn counts_that_mean_nothing_are_left_alone() {
    let setting = settled(20_000, |wishes| {
        wishes.options.dialect.limit_max = 100;
        wishes.options.dialect.total_count = TotalCount::Page;
        wishes.poll.reconcile_interval = 30 * DAY;
    });
    assert_eq!(setting.poll().await, Ok(()));
    let requests = requests(&setting, 20, 30).await;
    assert!(requests.iter().sum::<usize>() <= 1000, "{requests:?}");
    assert!(requests[10..].iter().all(|asked| *asked <= 12), "{requests:?}");
    assert_eq!(mode(&setting), "no_counts");
}

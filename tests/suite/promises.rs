//! Promises that were broken once by hostile or odd histories: each with the case that broke it.

use std::time::Duration;

use screen_records_exporter::clock::Clock;
use screen_records_exporter::simulator::{
    Endpoint, OverLimit, Record, Status, StatusFilter, TotalCount,
};

use crate::setting::{DAY, Setting, UP, Wishes};

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

fn ids(setting: &Setting) -> Vec<u128> {
    setting.simulator().edit(|world| world.records_from(i64::MIN).map(|r| r.id).collect())
}

async fn polls(setting: &Setting, polls: usize, pause: u64) -> Vec<usize> {
    let mut requests = Vec::new();
    for _ in 0..polls {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let before = setting.asked();
        assert_eq!(setting.poll().await, Ok(()));
        requests.push(setting.asked() - before);
    }
    requests
}

fn age(setting: &Setting) -> f64 {
    let oldest = setting
        .exposed()
        .get("workspace_screen_records_oldest_read_timestamp_seconds{project=\"p\"}");
    setting.clock_seconds() - oldest
}

fn entered(setting: &Setting) -> f64 {
    setting.exposed().of("workspace_screen_record_transitions_total{").values().sum()
}

fn mode(setting: &Setting) -> String {
    let modes = setting.exposed().of("screen_records_exporter_sync_mode");
    let (name, _) = modes.into_iter().find(|(_, value)| *value == 1.0).unwrap();
    name.split("mode=\"").nth(1).unwrap().trim_end_matches("\"}").to_owned()
}

/// Largest age of the oldest reading over polls, once per pause.
async fn oldest(records: usize, page: usize, pause: u64, hours: u64) -> f64 {
    let setting = settled(records, |wishes| wishes.options.dialect.limit_max = page);
    assert_eq!(setting.poll().await, Ok(()));
    let mut most: f64 = 0.0;
    for _ in 0..hours * 3600 / pause {
        polls(&setting, 1, pause).await;
        most = most.max(age(&setting));
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
    let setting = settled(3200, |_| {});
    assert_eq!(setting.poll().await, Ok(()));
    let id = ids(&setting)[500];
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
async fn a_settled_record_whose_update_time_goes_back_shows_within_two_intervals() {
    for count in [TotalCount::Right, TotalCount::Missing] {
        let setting = settled(3000, |wishes| {
            wishes.options.dialect.limit_max = 100;
            wishes.options.dialect.total_count = count;
        });
        assert_eq!(setting.poll().await, Ok(()));
        let all = ids(&setting);
        setting.simulator().edit(|world| {
            world.change(all[1000], |r| {
                r.status = Status::UploadFailed;
                r.update -= 60_000;
            });
        });
        polls(&setting, 500, 30).await;
        let begun = setting.clock_seconds();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let _ = begun;
        setting.assert_polls_right(&format!("four hours later, {count:?}")).await;
        assert_eq!(entered(&setting), 1.0);
    }
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Ids that `kind=rows,share=0.0001` hits.
fn bad_ids(count: usize) -> Vec<u128> {
    let hits = |id: u128| {
        let (high, low) = ((id >> 64) as u64, u64::try_from(id & u128::from(u64::MAX)).unwrap());
        let draw = mix(high ^ mix(low)) >> 11;
        (draw as f64 / (1_u64 << 53) as f64) < 0.0001
    };
    (1..u128::MAX).filter(|id| hits(*id)).take(count).collect()
}

#[tokio::test(start_paused = true)]
async fn a_few_broken_rows_side_by_side_do_not_fail_every_other_poll() {
    let setting = settled(20_000, |_| {});
    setting.simulator().edit(|world| {
        let now = world.now();
        for (n, id) in bad_ids(12).into_iter().enumerate() {
            let mut record = Record::new(id, now - 60_000 + i64::try_from(n).unwrap() * 1000);
            record.status = Status::UploadCompleted;
            record.end = Some(now);
            world.insert(record);
        }
    });
    setting.set_faults(&["kind=rows,as=bad-start,share=0.0001"]);
    assert_eq!(setting.poll().await, Ok(()), "0.06% of the rows");
    let mut results = Vec::new();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let before = setting.asked();
        let ok = setting.poll().await.is_ok();
        results.push((ok, setting.asked() - before));
    }
    assert!(results.iter().all(|(ok, _)| *ok), "{results:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_read_the_window_again() {
    let folder = tempfile::tempdir().unwrap();
    let setting = settled(20_000, |wishes| {
        wishes.options.dialect.limit_max = 100;
        wishes.state = Some(folder.path().join("p.redb"));
    });
    assert_eq!(setting.poll().await, Ok(()));
    let before = polls(&setting, 180, 30).await;
    let setting = setting.restart();
    let after = polls(&setting, 5, 30).await;
    assert!(after.iter().all(|n| *n <= 20), "{:?} then {after:?}", &before[175..]);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_shows_at_the_next_poll_though_some_start_in_the_future() {
    let setting = settled(5000, |_| {});
    setting.simulator().edit(|world| {
        let now = world.now();
        for n in 0..150 {
            world.insert_at(now + 86_400_000 + n * 1000, Status::UploadCompleted);
        }
    });
    setting.assert_polls_right("first").await;
    setting.simulator().edit(|world| world.insert_at(world.now(), Status::RecFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    setting.assert_polls_right("a failure that is new").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_shows_at_the_next_poll_in_a_burst() {
    let setting = settled(5000, |_| {});
    setting.assert_polls_right("first").await;
    let now = setting.simulator().edit(|world| world.now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    setting.simulator().edit(|world| {
        for n in 0..300 {
            world.insert_at(now + 10_000 + n * 50, Status::Recording);
        }
    });
    setting.assert_polls_right("a burst").await;
    // Began in the same burst, failed at once, visible two seconds later than the others.
    setting.simulator().edit(|world| world.insert_at(now + 12_000, Status::RecFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    setting.assert_polls_right("a failure that is new").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_without_filter_and_counts() {
    let setting = settled(5000, |wishes| {
        wishes.options.dialect.status_filter = StatusFilter::Refused;
        wishes.options.dialect.total_count = TotalCount::Missing;
    });
    setting.assert_polls_right("first").await;
    polls(&setting, 2, 30).await;
    let now = setting.simulator().edit(|world| world.now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    setting.simulator().edit(|world| {
        for n in 0..300 {
            world.insert_at(now + 10_000 + n * 50, Status::UploadCompleted);
        }
    });
    setting.assert_polls_right("a burst").await;
    setting.simulator().edit(|world| world.insert_at(now + 12_000, Status::Recording));
    polls(&setting, 20, 30).await;
    setting.assert_polls_right("a recording that is new, ten minutes later").await;
}

fn large(change: impl FnOnce(&mut Wishes)) -> (Setting, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut wishes = Wishes::new(20_000);
    wishes.options.odd_share = 0.0;
    wishes.options.dialect.limit_max = 10;
    wishes.limits.page_size = 10;
    wishes.limits.max_requests_per_second = 100.0;
    wishes.state = Some(folder.path().join("p.redb"));
    change(&mut wishes);
    (wishes.start(), folder)
}

async fn poll_in_vain(setting: &Setting, seconds: u64) {
    let failing = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        setting.set_faults(&["status=404"]);
    };
    let (polled, ()) = tokio::join!(setting.poll(), failing);
    assert!(polled.is_err());
    setting.set_faults(&[]);
}

#[tokio::test(start_paused = true)]
async fn parts_with_many_rejected_rows_are_not_gone_on_from() {
    for restarts in [true, false] {
        let (mut setting, _folder) = large(|_| {});
        setting.set_faults(&["kind=rows,as=bad-start,share=0.3"]);
        poll_in_vain(&setting, 5).await;
        if restarts {
            setting = setting.restart();
        }
        // From now on every row is fine.
        let begun = setting.clock.now_millis();
        let polled = setting.poll().await;
        println!("{polled:?} {}", setting.counted());
        if polled.is_ok() {
            let right = setting.figures() == setting.truth(begun);
            polls(&setting, 130, 30).await;
            assert!(
                right && entered(&setting) == 0.0,
                "restarts {restarts}: right {right}, counted {}",
                entered(&setting)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_recording_is_deleted_where_nobody_counts() {
    for count in [TotalCount::Missing, TotalCount::Off, TotalCount::Right] {
        let setting = settled(5000, |wishes| wishes.options.dialect.total_count = count);
        let id = setting.simulator().edit(|world| world.insert_at(world.now(), Status::Recording));
        setting.assert_polls_right("first").await;
        polls(&setting, 5, 30).await;
        setting.simulator().edit(|world| world.delete(id));
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut results = Vec::new();
        for _ in 0..4 {
            results.push(setting.poll().await.map_err(|f| f.what));
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        println!("A11 {count:?} {results:?}");
        assert!(count == TotalCount::Missing || results.iter().all(Result::is_ok));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_size_that_is_forgotten_within_a_poll_does_not_cost_the_status_filter() {
    let mut wishes = Wishes::new(5000);
    wishes.options.odd_share = 0.0;
    wishes.options.dialect.limit_max = 100;
    wishes.options.dialect.limit_over = OverLimit::Refuse;
    wishes.options.latency = Duration::from_millis(500);
    let setting = wishes.start();
    let begun = tokio::time::Instant::now();
    assert_eq!(setting.poll().await, Ok(()));
    // Somewhere in its first second the page size was granted.
    let mut modes = Vec::new();
    for turn in 0..20 {
        let at = begun + Duration::from_millis(3_590_000 + turn * 700);
        tokio::time::sleep_until(at).await;
        assert_eq!(setting.poll().await, Ok(()));
        modes.push(mode(&setting));
    }
    assert!(modes.iter().all(|mode| mode == "incremental"), "{modes:?}");
}

#[tokio::test(start_paused = true)]
async fn first_sync_with_another_filter_or_window_in_the_middle() {
    for turn in 0..4 {
        let (mut setting, _folder) = large(|wishes| {
            if turn == 3 {
                wishes.poll.window = 10 * DAY;
            }
        });
        poll_in_vain(&setting, 5).await;
        match turn {
            0 => {
                setting.wishes.poll.filter.record_type =
                    Some(screen_records_exporter::record::RecordType::Full);
            }
            1 => setting.wishes.poll.window = 5 * DAY,
            2 => setting.wishes.poll.window = 13 * DAY,
            _ => setting.wishes.poll.window = 14 * DAY,
        }
        let setting = setting.restart();
        if turn == 0 {
            assert_eq!(setting.poll().await, Ok(()));
            let all = setting.simulator().edit(|world| {
                world.records_from(i64::MIN).filter(|r| r.kind.code() == "FULL").count()
            });
            assert_eq!(setting.counted(), all as f64);
        } else {
            setting.assert_polls_right(&format!("turn {turn}")).await;
        }
        polls(&setting, 3, 30).await;
        assert_eq!(entered(&setting), 0.0, "turn {turn}");
        assert_eq!(setting.exposed().get(UP), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_what_is_overdue_is_read_at_once() {
    let setting = settled(10_000, |wishes| wishes.options.dialect.limit_max = 100);
    assert_eq!(setting.poll().await, Ok(()));
    polls(&setting, 110, 30).await;
    setting.set_faults(&["status=404"]);
    tokio::time::sleep(Duration::from_secs(95 * 60)).await;
    setting.set_faults(&[]);
    let asked = polls(&setting, 1, 30).await;
    let mut ages = Vec::new();
    for _ in 0..12 {
        polls(&setting, 10, 30).await;
        ages.push(age(&setting).round());
    }
    assert!(ages[0] <= 3660.0, "{asked:?} requests, then ages {ages:?}");
}

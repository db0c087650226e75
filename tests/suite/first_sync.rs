//! The first sync of a large window: part by part, through failures and restarts.

use std::time::Duration;

use records_api::record::RecordType;
use records_api_simulator::{StartBound, Status, TotalCount};

use crate::harness::{DAY, Harness, HarnessOptions, UP};

/// 20 parts of 100 pages of 10 records.
fn large(change: impl FnOnce(&mut HarnessOptions)) -> (Harness, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = HarnessOptions::new(20_000);
    setup.options.dialect.limit_max = 10;
    setup.limits.page_size = 10;
    setup.limits.max_requests_per_second = 100.0;
    setup.state = Some(folder.path().join("p.redb"));
    change(&mut setup);
    (setup.start(), folder)
}

fn progress(harness: &Harness) -> f64 {
    harness.exposed().get("screen_records_exporter_first_sync_progress_ratio{project=\"p\"}")
}

/// Polls, but the API fails after so many seconds.
async fn poll_in_vain(harness: &Harness, seconds: u64) {
    let failing = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        harness.set_faults(&["status=404"]);
    };
    let (polled, ()) = tokio::join!(harness.poll(), failing);
    assert!(polled.is_err());
    harness.set_faults(&[]);
    assert_eq!(harness.exposed().get(UP), 0.0);
    assert!(harness.exposed().of("workspace_screen_records{").is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_where_it_was_after_failures_and_restarts_and_counts_nothing() {
    let (mut harness, _folder) = large(|_| {});
    let mut reached = 0.0;
    for turn in 0..4 {
        poll_in_vain(&harness, 5).await;
        assert!(progress(&harness) > reached, "turn {turn}: {reached} {}", progress(&harness));
        reached = progress(&harness);
        let stored = harness.exposed().get("screen_records_exporter_store_records{project=\"p\"}");
        assert!(stored > 0.0, "turn {turn}: the parts are on disk");
        // What was read is not what is there in the end.
        harness.simulator().edit(|world| {
            let mut flights = world.records_from(i64::MIN).filter(|r| r.status.in_flight());
            let flight = flights.next().map(|record| record.id);
            drop(flights);
            if let Some(id) = flight {
                world.set_status(id, Status::UploadFailed);
            }
            world.insert_at(world.now(), Status::Recording);
        });
        if turn % 2 == 1 {
            harness = harness.restart();
        }
    }
    harness.assert_polls_right("in the end").await;
    assert_eq!(progress(&harness), 1.0);
    // 2,000 pages, the parts that were broken off, and a page to see where each part begins.
    assert!(harness.asked() < 2800, "{}", harness.asked());
    assert_eq!(harness.transitions(), 0.0);
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.assert_polls_right("and goes on").await;
    assert_eq!(harness.transitions(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn it_is_exact_in_every_dialect() {
    for (bound, count) in [
        (StartBound::Start, TotalCount::Off),
        (StartBound::Start, TotalCount::Page),
        (StartBound::Start, TotalCount::Missing),
        (StartBound::Interval, TotalCount::Right),
        (StartBound::End, TotalCount::Right),
    ] {
        let (harness, _folder) = large(|setup| {
            setup.options.records = 5000;
            setup.options.dialect.start_bound = bound;
            setup.options.dialect.total_count = count;
        });
        harness.assert_polls_right(&format!("{bound:?} {count:?}")).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        harness.assert_polls_right(&format!("{bound:?} {count:?} again")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_begins_again_asks_for_what_changed_meanwhile() {
    let (harness, _folder) = large(|setup| {
        setup.options.records = 5000;
        setup.options.odd_share = 0.0;
    });
    harness.assert_polls_right("at first").await;
    harness.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        world.delete(ids[1000]);
        world.insert_at(world.now() - 60_000, Status::UploadFailed);
    });
    let harness = harness.restart();
    let before = harness.asked();
    assert_eq!(harness.poll().await, Ok(()));
    let asked = harness.asked() - before;
    assert!(asked < 60, "{asked} requests");
    assert_eq!(harness.transitions(), 1.0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.assert_polls_right("a deletion that the counts of two polls give away").await;
    // After hours without a poll everything may have changed. It is read again over a few polls.
    let harness = harness.restart();
    tokio::time::sleep(Duration::from_secs(8 * 3600)).await;
    let before = harness.asked();
    harness.assert_polls_right("after hours").await;
    harness.polls(7, 30).await;
    assert!(harness.asked() - before > 500);
    assert!(harness.oldest_age() < 600.0, "{}", harness.oldest_age());
}

#[tokio::test(start_paused = true)]
async fn parts_with_many_rejected_rows_are_not_gone_on_from() {
    for restarts in [true, false] {
        let (mut harness, _folder) = large(|setup| setup.options.odd_share = 0.0);
        harness.set_faults(&["kind=rows,as=bad-start,share=0.3"]);
        poll_in_vain(&harness, 5).await;
        if restarts {
            harness = harness.restart();
        }
        // From now on every row is fine, but those of the parts were not.
        let error = harness.poll().await.unwrap_err().what;
        assert!(error.contains("rows could not be understood"), "{error}");
        harness.assert_polls_right(&format!("the next time, restarts {restarts}")).await;
        harness.polls(130, 30).await;
        assert_eq!(harness.transitions(), 0.0, "restarts {restarts}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_keeps_nothing_of_another_filter_or_window_in_the_middle() {
    for turn in 0..4 {
        let (mut harness, _folder) = large(|setup| {
            setup.options.odd_share = 0.0;
            if turn == 3 {
                setup.poll.window = 10 * DAY;
            }
        });
        poll_in_vain(&harness, 5).await;
        match turn {
            0 => {
                harness.setup.poll.filter.record_type = Some(RecordType::Full);
            }
            1 => harness.setup.poll.window = 5 * DAY,
            2 => harness.setup.poll.window = 13 * DAY,
            _ => harness.setup.poll.window = 14 * DAY,
        }
        let harness = harness.restart();
        if turn == 0 {
            assert_eq!(harness.poll().await, Ok(()));
            let all = harness.simulator().edit(|world| {
                world.records_from(i64::MIN).filter(|r| r.kind.code() == "FULL").count()
            });
            assert_eq!(harness.counted(), all as f64);
        } else {
            harness.assert_polls_right(&format!("turn {turn}")).await;
        }
        harness.polls(3, 30).await;
        assert_eq!(harness.transitions(), 0.0, "turn {turn}");
        assert_eq!(harness.exposed().get(UP), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_costs_few_of_the_pages_before_it() {
    for (latency, after) in [(20, 37), (300, 83), (90, 61)] {
        let (harness, _folder) = large(|setup| {
            setup.options.latency = Duration::from_millis(latency);
            setup.limits.max_retries = 0;
        });
        let mut polls = 0;
        let stored =
            || harness.exposed().get("screen_records_exporter_store_records{project=\"p\"}");
        let mut reached = 0.0;
        // Every poll reads fewer pages than a part has.
        while progress(&harness) < 0.9 && polls < 600 {
            harness.set_faults(&[&format!("status=404,after={after}")]);
            let failed = harness.poll().await.is_err();
            assert!(!failed || stored() >= reached, "{polls}: {reached}");
            reached = stored();
            polls += 1;
        }
        harness.set_faults(&[]);
        harness.assert_polls_right("after all of the failures").await;
        assert_eq!(harness.transitions(), 0.0, "a first sync counts nothing");
        assert!(polls < 600, "{latency} ms: {reached} after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_differs_in_the_middle_of_a_part_changes_nothing() {
    // The first part has ten records, since the world begins a day after the window does.
    for (after, complete_parts) in [(1, 0.0), (47, 10.0), (96, 10.0)] {
        let (harness, _folder) = large(|setup| setup.clock_jumps_after = Some(after));
        let failure = harness.poll().await.unwrap_err();
        assert!(failure.what.contains("clock"), "{}", failure.what);
        let stored = harness.exposed().get("screen_records_exporter_store_records{project=\"p\"}");
        assert_eq!(stored, complete_parts, "after {after} requests");
    }
}

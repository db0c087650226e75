//! Rows without a status, type, pool or user: values that the API leaves out for a while.

use std::time::Duration;

use records_api_simulator::{Status, StatusFilter};

use crate::harness::{Harness, HarnessOptions, Samples};

const DEFECTS: [&str; 4] = ["null-status", "empty-status", "odd-status", "null-labels"];
const STATUS_DEFECTS: [&str; 3] = ["null-status", "empty-status", "odd-status"];

/// Polls once, half a minute later, while rows have a defect.
async fn poll_amid(harness: &Harness, defect: &str, share: f64) {
    harness.set_faults(&[&format!("kind=rows,as={defect},share={share}")]);
    poll(harness).await;
    harness.set_faults(&[]);
}

async fn poll(harness: &Harness) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
}

fn fail(harness: &Harness, failures: i64, status: Status) {
    harness.simulator().edit(|world| {
        for n in 0..failures {
            world.insert_at(world.now() - n * 1000, status);
        }
    });
}

/// Everything about records except the times of the poll.
fn shown(harness: &Harness) -> Samples {
    let mut shown = harness.shown();
    shown.retain(|name, value| !name.contains("_timestamp_seconds{") && *value != 0.0);
    shown
}

fn sum(harness: &Harness, family: &str) -> f64 {
    harness.exposed().of(family).values().sum()
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_missing_for_some_polls_is_kept() {
    for defect in STATUS_DEFECTS {
        for share in [0.3, 1.0] {
            let mut setup = HarnessOptions::new(0).reading_everything();
            setup.options.odd_share = 0.0;
            let harness = setup.start();
            fail(&harness, 40, Status::UploadCompleted);
            poll(&harness).await;
            fail(&harness, 7, Status::UploadFailed);
            fail(&harness, 3, Status::Recording);
            poll(&harness).await;
            let before = shown(&harness);
            assert_eq!(sum(&harness, "workspace_screen_records_unresolved{"), 7.0);
            for _ in 0..2 {
                poll_amid(&harness, defect, share).await;
                assert_eq!(shown(&harness), before, "{defect} {share}");
            }
            poll(&harness).await;
            assert_eq!(shown(&harness), before, "{defect} {share}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_whose_status_was_missing_at_the_baseline_are_not_counted() {
    for defect in STATUS_DEFECTS {
        let harness = HarnessOptions::new(0).reading_everything().start();
        fail(&harness, 23, Status::UploadFailed);
        fail(&harness, 11, Status::RecFailed);
        poll_amid(&harness, defect, 0.6).await;
        assert!(harness.exposed().of("workspace_screen_records{").len() > 6);
        poll(&harness).await;
        assert_eq!(harness.transitions(), 0.0, "{defect}");
        assert_eq!(sum(&harness, "workspace_screen_records_unresolved{"), 0.0, "{defect}");
        assert_eq!(sum(&harness, "workspace_screen_record_file_size_bytes_count{"), 0.0);
        // A later failure of such a record is counted.
        harness.simulator().edit(|world| {
            let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
            for id in &ids[..5] {
                world.set_status(*id, Status::Uploading);
            }
        });
        poll(&harness).await;
        assert_eq!(harness.transitions(), 5.0, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_status_of_a_new_record_is_counted_when_it_is_read() {
    for defect in STATUS_DEFECTS {
        let mut setup = HarnessOptions::new(30).reading_everything();
        setup.options.odd_share = 0.0;
        let folder = tempfile::tempdir().unwrap();
        setup.state = Some(folder.path().join("p.redb"));
        let harness = setup.start();
        poll(&harness).await;
        let earlier = harness.transitions();
        fail(&harness, 9, Status::RecFailed);
        poll_amid(&harness, defect, 1.0).await;
        assert_eq!(sum(&harness, "workspace_screen_records_seen_total{"), 9.0, "{defect}");
        assert_eq!(harness.transitions(), earlier, "{defect}: no status was read");
        let harness = harness.restart();
        poll(&harness).await;
        assert_eq!(harness.transitions(), earlier + 9.0, "{defect}");
        assert_eq!(sum(&harness, "workspace_screen_records_seen_total{"), 9.0, "{defect}");
        assert_eq!(sum(&harness, "workspace_screen_records_unresolved{"), 9.0, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn type_pool_and_user_that_are_missing_move_gauges_and_no_counters() {
    let mut setup = HarnessOptions::new(60).reading_everything();
    setup.options.odd_share = 0.0;
    let harness = setup.start();
    poll(&harness).await;
    fail(&harness, 6, Status::UploadFailed);
    poll(&harness).await;
    let (before, counted) = (shown(&harness), harness.transitions());
    poll_amid(&harness, "null-labels", 0.5).await;
    assert_ne!(shown(&harness), before, "the gauges follow the read");
    assert_eq!(harness.transitions(), counted);
    assert_eq!(sum(&harness, "workspace_screen_records_unresolved{"), 6.0);
    poll(&harness).await;
    assert_eq!(shown(&harness), before);
}

/// In a window of many pages, polls list the records in flight by their status.
#[tokio::test(start_paused = true)]
async fn missing_values_do_not_change_the_sync_mode() {
    for defect in DEFECTS {
        let harness = HarnessOptions::settled(900, |setup| setup.limits.page_size = 100);
        poll(&harness).await;
        fail(&harness, 17, Status::Uploading);
        poll(&harness).await;
        let before = harness.polls(1, 30).await[0];
        let counted = harness.transitions();
        for share in [0.1, 1.0] {
            poll_amid(&harness, defect, share).await;
            assert_eq!(harness.mode(), "incremental", "{defect} {share}");
        }
        assert_eq!(harness.polls(1, 30).await[0], before, "{defect}");
        assert_eq!(harness.transitions(), counted, "{defect}");
        // Labels that a slice of the window was read without return when the slice is read again.
        if defect != "null-labels" {
            harness.assert_polls_right(defect).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_by_status_keeps_records_whose_status_is_missing() {
    for defect in STATUS_DEFECTS {
        let mut setup = HarnessOptions::new(0).reading_everything();
        setup.options.dialect.status_filter = StatusFilter::All;
        setup.poll.filter.status = Some(records_api::record::Status::RecFailed);
        let harness = setup.start();
        fail(&harness, 13, Status::RecFailed);
        poll(&harness).await;
        fail(&harness, 4, Status::RecFailed);
        poll(&harness).await;
        let before = shown(&harness);
        assert_eq!(harness.counted(), 17.0);
        for share in [0.4, 1.0] {
            poll_amid(&harness, defect, share).await;
            assert_eq!(shown(&harness), before, "{defect} {share}");
        }
        poll(&harness).await;
        assert_eq!(shown(&harness), before, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_first_read_without_a_status_is_read_again_by_the_next_poll() {
    let harness = HarnessOptions::settled(900, |setup| setup.limits.page_size = 100);
    poll(&harness).await;
    // It was listed late: neither the newest rows nor the last minutes include it.
    harness.simulator().edit(|world| {
        world.insert_at(world.now() - 5 * 24 * 3_600_000, Status::RecFailed);
    });
    let family = "workspace_screen_records_seen_total{";
    let (seen, counted) = (sum(&harness, family), harness.transitions());
    harness.set_faults(&["kind=rows,as=null-status,share=1"]);
    for _ in 0..5 {
        if sum(&harness, family) == seen {
            poll(&harness).await;
        }
    }
    assert_eq!(sum(&harness, family), seen + 1.0, "the count reveals the record");
    poll(&harness).await;
    harness.set_faults(&[]);
    assert_eq!(harness.transitions(), counted);
    poll(&harness).await;
    assert_eq!(harness.transitions(), counted + 1.0);
}

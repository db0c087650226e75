//! Limits that are reached: each shows as a failed poll, a metric or a line in the log.

use std::time::Duration;

use records_api_simulator::Status;
use screen_records_exporter::project::{PollOptions, ProjectConfig};
use screen_records_exporter::snapshot::Failure;

use crate::answers::{page_of, row};
use crate::harness::{Harness, HarnessOptions, UP, is_counter, script};

fn assert_too_many(failure: &Failure, limit: usize) {
    let what = format!("the window has more than {limit} records, the limit of `poll.max_records`");
    assert_eq!(failure.what, what);
    for key in ["`poll.window`", "`projects.filter`", "`poll.max_records`"] {
        assert!(failure.remedy.contains(key), "{}", failure.remedy);
    }
}

fn set_max_records(harness: &Harness, max_records: usize) {
    let earlier = harness.project.config();
    let options = PollOptions { max_records, ..earlier.options.clone() };
    let labels = (*earlier.labels).clone();
    harness.project.replace_config(ProjectConfig::new(labels, options, earlier.client.clone()));
}

fn begin(harness: &Harness, records: i64) {
    harness.simulator().edit(|world| {
        for n in 0..records {
            world.insert_at(world.now() - n * 1000, Status::UploadFailed);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_window_with_more_records_than_the_limit_fails_the_poll() {
    let harness = HarnessOptions::settled(1300, |setup| setup.poll.max_records = 1299);
    let failure = harness.poll().await.unwrap_err();
    assert_too_many(&failure, 1299);
    assert_eq!(harness.shown().get(UP), Some(&0.0));
    assert_eq!(harness.counted(), 0.0);
    set_max_records(&harness, 1300);
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.counted(), 1300.0);
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_changes_keeps_to_the_limit() {
    let harness = HarnessOptions::settled(1490, |setup| {
        setup.limits.page_size = 100;
        setup.poll.max_records = 1500;
    });
    assert_eq!(harness.poll().await, Ok(()));
    begin(&harness, 10);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
    let counters = |harness: &Harness| -> Vec<_> {
        harness.shown().into_iter().filter(|(name, _)| is_counter(name)).collect()
    };
    let before = counters(&harness);
    begin(&harness, 3);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_too_many(&harness.poll().await.unwrap_err(), 1500);
        assert_eq!(counters(&harness), before);
    }
    let entered = harness.transitions();
    set_max_records(&harness, 1503);
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.transitions(), entered + 3.0);
}

#[tokio::test(start_paused = true)]
async fn a_first_sync_in_parts_keeps_to_the_limit() {
    let harness = HarnessOptions::settled(2100, |setup| {
        setup.limits.page_size = 10;
        setup.poll.max_records = 1500;
    });
    for _ in 0..2 {
        assert_too_many(&harness.poll().await.unwrap_err(), 1500);
        assert_eq!(harness.shown().get(UP), Some(&0.0));
    }
    set_max_records(&harness, 12_000_000);
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!((harness.counted(), harness.transitions()), (2100.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn statuses_and_types_that_are_folded_are_counted() {
    let more = |n| format!(",\"status\":\"ODD_{n:02}\",\"type\":\"KIND_{:02}\"", n % 19);
    let rows: Vec<_> = (0..31).rev().map(|n| row(&n.to_string(), n, &more(n))).collect();
    let harness = HarnessOptions::default()
        .start_at(script(move |_, request| (200, page_of(&rows, request))));
    assert_eq!(harness.poll().await, Ok(()));
    let folded = |label: &str| {
        let name = "screen_records_exporter_folded_label_values";
        harness.exposed().get(&format!("{name}{{project=\"p\",label=\"{label}\"}}"))
    };
    assert_eq!((folded("status"), folded("type")), (15.0, 3.0));
    assert_eq!((folded("user"), folded("pool")), (0.0, 0.0));
}

//! Answers that cannot be interpreted in the place of records that are known.

use records_api_simulator::Status;

use crate::harness::{HarnessOptions, Samples, UP, but_down};

/// Rows that are not records.
const GARBAGE: [&str; 6] = ["[[[]]]", "null", "7", "\"row\"", "{}", "{\"id\":\"a\"}"];

fn body(total_count: usize, rows: &[&str]) -> String {
    format!("{{\"total_count\":{total_count},\"screen_records\":[{}]}}", rows.join(","))
}

/// Polls a window of `records` twice more while every answer about records is `answer`, and once
/// after that.
async fn shown_amid(records: usize, answer: String) -> (Samples, Samples, Samples) {
    let harness = HarnessOptions::settled(records, |_| {});
    harness.assert_polls_right("before").await;
    let before = harness.shown();
    harness.answer_with(Some(answer));
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        let failure = harness.poll().await.expect_err("rows that cannot be read");
        assert!(failure.what.contains("could not be understood"), "{}", failure.what);
    }
    let amid = harness.shown();
    harness.answer_with(None);
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadCompleted));
    harness.assert_polls_right("afterwards").await;
    (before, amid, harness.shown())
}

#[tokio::test(start_paused = true)]
async fn pages_of_rows_that_are_not_records_empty_no_window() {
    // One page, several pages, and a window that is read by its changes.
    for records in [3, 70, 730, 5300] {
        for (number, row) in GARBAGE.into_iter().enumerate() {
            let rows = vec![row; 1 + 4 * number];
            let (before, amid, _) = shown_amid(records, body(rows.len(), &rows)).await;
            assert_eq!(amid, but_down(before), "{records} records, {row}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_shrinks_to_rejected_rows_hides_nothing() {
    let harness = HarnessOptions::settled(420, |setup| {
        *setup = setup.clone().reading_everything();
    });
    harness.assert_polls_right("before").await;
    let before = harness.shown();
    // Fewer than ten rejected rows do not fail a poll by their number.
    for count in [6, 2, 1] {
        harness.set_faults(&["kind=rows,as=no-start,share=1"]);
        harness.simulator().edit(|world| {
            let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
            for id in ids.into_iter().skip(count) {
                world.hide(id);
            }
        });
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        assert!(harness.poll().await.is_err(), "{count} rows");
        assert_eq!(harness.shown()[UP], 0.0);
        assert_eq!(harness.shown(), but_down(before.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_can_be_read_does_not_let_the_others_empty_a_window() {
    let old = "{\"id\":\"old\",\"start_time\":\"2001-01-01 00:00:00\"}";
    let new = "{\"id\":\"new\",\"start_time\":\"2026-11-20 11:00:00\"}";
    for (records, readable, garbage) in
        [(420, old, 10), (60, old, 3), (420, new, 1), (77, new, 6), (5300, old, 9), (5300, new, 4)]
    {
        let rows: Vec<_> =
            std::iter::once(readable).chain(std::iter::repeat_n("[[[]]]", garbage)).collect();
        let harness = HarnessOptions::settled(records, |_| {});
        harness.assert_polls_right("before").await;
        let counted = harness.counted();
        harness.answer_with(Some(body(rows.len(), &rows)));
        for _ in 0..3 {
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
            let before = harness.asked();
            let polled = harness.poll().await;
            // An API that ignores the offset returns the same rows for ever.
            let asked = harness.asked() - before;
            assert!(asked < 1000, "{records} {readable} {garbage}: {asked} requests");
            assert!(harness.counted() >= counted, "{records} {readable} {garbage}: {polled:?}");
        }
    }
}

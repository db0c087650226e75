//! Servers that hide records where two cursors meet, or deep in a list.

use std::time::Duration;

use bytes::Bytes;

use crate::answers::{page_of, row};
use crate::harness::{HarnessOptions, script};

/// Some rows of the last twelve hours, and what a server makes of them.
fn half_a_day(count: i64) -> Vec<(i64, String)> {
    let rows = (0..count).map(|n| row(&n.to_string(), n * (12 * 3_600_000 / count), ""));
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    rows
}

/// A window that these rows fill by half, so that several cursors read it.
fn filled() -> HarnessOptions {
    let mut setup = HarnessOptions::default();
    setup.poll.window = Duration::from_secs(21 * 3600);
    setup.limits.page_size = 100;
    setup.limits.max_requests_per_second = 10_000.0;
    setup
}

fn offset_of(request: &http::Request<Bytes>) -> usize {
    let query = request.uri().query().unwrap_or_default();
    let offset = query.split('&').find_map(|pair| pair.strip_prefix("offset="));
    offset.unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn first_pages_that_lose_their_rows_hide_no_record() {
    for every in 2..12 {
        let rows = half_a_day(30_000);
        let transport = script(move |number, request| {
            // From the second request on each so many first pages in a row are empty, twice.
            let loses = number > 0 && offset_of(request) == 0 && (number / 2).is_multiple_of(every);
            let rows: &[_] = if loses { &[] } else { &rows };
            (200, page_of(rows, request))
        });
        let harness = filled().start_at(transport);
        let polled = harness.poll().await;
        assert!(polled.is_err() || harness.counted() == 30_000.0, "{every}: {}", harness.counted());
    }
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_means_a_later_moment_hides_nothing_between_two_cursors() {
    for hours in [1, 5, 8] {
        // The rows say what they said; only the comparison is another.
        let shifted = |(ago, row): (i64, String)| (ago + hours * 3_600_000, row);
        let rows: Vec<_> = half_a_day(30_000).into_iter().map(shifted).collect();
        let transport = script(move |_, request| (200, page_of(&rows, request)));
        let harness = filled().start_at(transport);
        assert_eq!(harness.poll().await, Ok(()));
        assert_eq!(harness.counted(), 30_000.0, "{hours}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_cut_where_it_is_deep_fails_the_poll() {
    // A group of equal starts, or an API that compares intervals, keeps the reader at an offset.
    let mut rows: Vec<_> = (0..4000).map(|n| row(&n.to_string(), 7_000_000, "")).collect();
    rows.extend((0..4000).map(|n| row(&format!("later {n}"), 6_000_000 - n, "")));
    for (deepest, succeeds) in [(3000, false), (5000, true), (9000, true)] {
        let rows = rows.clone();
        let transport = script(move |_, request| {
            let body = page_of(&rows, request);
            let is_deep = offset_of(request) >= deepest;
            let count = body.rsplit_once(',').map_or("", |(_, count)| count);
            let emptied = format!("{{\"screen_records\":[],{count}");
            (200, if is_deep { emptied } else { body })
        });
        let harness = filled().start_at(transport);
        let polled = harness.poll().await;
        assert_eq!(polled.is_ok(), succeeds, "{deepest}: {polled:?}");
        assert_eq!(harness.counted(), if succeeds { 8000.0 } else { 0.0 }, "{deepest}");
    }
}

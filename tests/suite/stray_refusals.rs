//! Refusals (400) that are about something else than the page size or the status filter: they cost a
//! few requests, and nothing is concluded from them for long.

use std::collections::BTreeSet;

use records_api_simulator::{OverLimit, Status, StatusFilter, TotalCount};

use crate::harness::{DAY, Harness, HarnessOptions};

const PAGE_SIZE: &str = "screen_records_exporter_page_size{project=\"p\"}";

/// A window of which 1,500 records are in flight, in pages of 200 rows.
fn in_flight(change: impl FnOnce(&mut HarnessOptions)) -> Harness {
    let harness = HarnessOptions::settled(4000, |setup| {
        setup.limits.page_size = 200;
        setup.poll.reconcile_interval = 30 * DAY;
        change(setup);
    });
    harness.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        for id in &ids[ids.len() - 1500..] {
            world.set_status(*id, Status::Recording);
        }
    });
    harness
}

fn page_size(harness: &Harness) -> f64 {
    harness.exposed().get(PAGE_SIZE)
}

#[tokio::test(start_paused = true)]
async fn polls_after_stray_refusals_cost_what_they_did_before() {
    let harness = in_flight(|_| {});
    assert_eq!(harness.poll().await, Ok(()));
    let usual = *harness.polls(4, 30).await.iter().max().unwrap();
    for refusals in [3, 7, 12] {
        for place in [0, 1, usual / 2] {
            let what = format!("{refusals} refusals after {place} requests");
            harness.set_faults(&[&format!("status=400,times={refusals},after={place}")]);
            // A request that is refused in all sizes fails the poll.
            let mut failed = 0;
            let before = harness.asked();
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                if harness.poll().await.is_ok() {
                    break;
                }
                failed += 1;
                assert!(failed <= 2, "{what}");
            }
            let polls = failed + 1;
            let most = usual * polls + 2 * refusals + 10;
            assert!(harness.asked() - before <= most, "{what}: {}", harness.asked() - before);
            harness.set_faults(&[]);
            // A list that was refused may be tried once more.
            let requests = harness.polls(3, 30).await;
            assert!(requests.iter().all(|n| *n <= usual + 6), "{what}: {requests:?}, {usual}");
            assert!(requests[2] <= usual, "{what}: {requests:?}, {usual}");
            assert_eq!(page_size(&harness), 200.0, "{what}");
            assert_eq!(harness.mode(), "incremental", "{what}");
            harness.assert_polls_right(&what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_page_size_is_found_and_tested_again_ever_more_rarely() {
    let harness = in_flight(|setup| {
        setup.options.dialect.limit_max = 70;
        setup.options.dialect.limit_over = OverLimit::Refuse;
        // Pages that are read again test the size.
        setup.poll.reconcile_interval = DAY / 24;
    });
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(page_size(&harness), 50.0);
    harness.polls(120, 30).await;
    let requests = harness.exposed().of("screen_records_exporter_api_requests_total");
    let refused = requests.iter().filter(|(name, _)| name.contains("code=\"400\""));
    let refused: f64 = refused.map(|(_, count)| *count).sum();
    // Four of them find the limit.
    assert!((8.0..=14.0).contains(&refused), "{requests:?}");
    assert_eq!(page_size(&harness), 50.0);
    harness.assert_polls_right("pages of another size").await;
}

#[tokio::test(start_paused = true)]
async fn the_status_filter_is_given_up_only_for_as_long_as_it_is_refused() {
    let harness = in_flight(|setup| setup.options.dialect.total_count = TotalCount::Missing);
    assert_eq!(harness.poll().await, Ok(()));
    let requests = harness.polls(2, 30).await[1];
    // Three lists are refused, and so is the one that is repeated.
    for (refusals, mode) in [(1, None), (4, Some("no_status_filter"))] {
        let mut modes = BTreeSet::new();
        for place in 0..requests {
            harness.set_faults(&[&format!("status=400,after={place},times={refusals}")]);
            harness.assert_polls_right(&format!("{refusals} refusals after {place}")).await;
            modes.insert(harness.mode());
            harness.set_faults(&[]);
            harness.polls(2, 30).await;
            assert_eq!(harness.mode(), "no_counts", "{refusals} after {place}");
        }
        let expected = mode.into_iter().chain(["no_counts"]).map(str::to_owned);
        assert_eq!(modes, expected.collect(), "{refusals}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_status_filter_is_tried_again_ever_more_rarely() {
    let harness = in_flight(|setup| {
        setup.options.dialect.status_filter = StatusFilter::Refused;
    });
    assert_eq!(harness.poll().await, Ok(()));
    let requests = harness.polls(120, 30).await;
    let usual = *requests.iter().min().unwrap();
    let tests = requests.iter().filter(|n| **n > usual).count();
    assert!((3..=10).contains(&tests), "{tests}: {requests:?}");
    assert_eq!(harness.mode(), "no_status_filter");
}

//! Refusals (400) that are about something else than the page size or the status filter: they cost a
//! few requests, and nothing is concluded from them for long.

use records_api_simulator::{OverLimit, Status};

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

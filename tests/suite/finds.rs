//! What a poll finds out that asks for changes only: what is new, late, doubtful or broken.

use std::time::Duration;

use records_api_simulator::{Fault, OverLimit, Record, Status, StatusFilter, TotalCount};

use crate::harness::HarnessOptions;

#[tokio::test(start_paused = true)]
async fn a_settled_record_whose_update_time_goes_back_shows_in_the_end() {
    for count in [TotalCount::Right, TotalCount::Missing] {
        let harness = HarnessOptions::settled(3000, |setup| {
            setup.options.dialect.limit_max = 100;
            setup.options.dialect.total_count = count;
        });
        assert_eq!(harness.poll().await, Ok(()));
        let id =
            harness.simulator().edit(|world| world.records_from(i64::MIN).nth(1000).unwrap().id);
        harness.simulator().edit(|world| {
            world.change(id, |r| {
                r.status = Status::UploadFailed;
                r.update -= 60_000;
            });
        });
        harness.polls(125, 30).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        harness.assert_polls_right(&format!("an hour later, {count:?}")).await;
        assert_eq!(harness.transitions(), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_broken_rows_side_by_side_do_not_fail_every_other_poll() {
    let harness = HarnessOptions::settled(20_000, |_| {});
    let fault = "kind=rows,as=bad-start,share=0.0001";
    // The fault hits some ids: they are those of the newest records.
    let ids: Vec<_> =
        (1..).filter(|id| fault.parse::<Fault>().unwrap().hits(*id)).take(12).collect();
    harness.simulator().edit(|world| {
        for (id, start) in ids.into_iter().zip((world.now() - 60_000..).step_by(1000)) {
            let mut record = Record::new(id, start);
            record.status = Status::UploadCompleted;
            record.end = Some(world.now());
            world.insert(record);
        }
    });
    harness.set_faults(&[fault]);
    assert_eq!(harness.poll().await, Ok(()), "0.06% of the rows");
    harness.polls(6, 30).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_shows_at_the_next_poll_though_some_start_in_the_future() {
    let harness = HarnessOptions::settled(5000, |_| {});
    harness.simulator().edit(|world| {
        let now = world.now();
        for n in 0..150 {
            world.insert_at(now + 86_400_000 + n * 1000, Status::UploadCompleted);
        }
    });
    harness.assert_polls_right("first").await;
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::RecFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.assert_polls_right("a failure that is new").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_shows_at_the_next_poll_in_a_burst() {
    let harness = HarnessOptions::settled(5000, |_| {});
    harness.assert_polls_right("first").await;
    let now = harness.simulator().edit(|world| world.now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.simulator().edit(|world| {
        for n in 0..300 {
            world.insert_at(now + 10_000 + n * 50, Status::Recording);
        }
    });
    harness.assert_polls_right("a burst").await;
    // Began in the same burst, failed at once, visible two seconds later than the others.
    harness.simulator().edit(|world| world.insert_at(now + 12_000, Status::RecFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.assert_polls_right("a failure that is new").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_without_filter_and_counts() {
    let harness = HarnessOptions::settled(5000, |setup| {
        setup.options.dialect.status_filter = StatusFilter::Refused;
        setup.options.dialect.total_count = TotalCount::Missing;
    });
    harness.assert_polls_right("first").await;
    harness.polls(2, 30).await;
    let now = harness.simulator().edit(|world| world.now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.simulator().edit(|world| {
        for n in 0..300 {
            world.insert_at(now + 10_000 + n * 50, Status::UploadCompleted);
        }
    });
    harness.assert_polls_right("a burst").await;
    harness.simulator().edit(|world| world.insert_at(now + 12_000, Status::Recording));
    harness.polls(20, 30).await;
    harness.assert_polls_right("a recording that is new, ten minutes later").await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_recording_is_deleted_where_nobody_counts() {
    for count in [TotalCount::Missing, TotalCount::Off, TotalCount::Right] {
        let harness =
            HarnessOptions::settled(5000, |setup| setup.options.dialect.total_count = count);
        let id = harness.simulator().edit(|world| world.insert_at(world.now(), Status::Recording));
        harness.assert_polls_right("first").await;
        harness.polls(5, 30).await;
        harness.simulator().edit(|world| world.delete(id));
        harness.polls(4, 30).await;
        harness.assert_polls_right(&format!("{count:?}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_size_that_is_forgotten_within_a_poll_does_not_cost_the_status_filter() {
    let mut setup = HarnessOptions::new(5000);
    setup.options.odd_share = 0.0;
    setup.options.dialect.limit_max = 100;
    setup.options.dialect.limit_over = OverLimit::Refuse;
    setup.options.latency = Duration::from_millis(500);
    let harness = setup.start();
    let begun = tokio::time::Instant::now();
    assert_eq!(harness.poll().await, Ok(()));
    // Somewhere in its first second the page size was granted.
    let mut modes = Vec::new();
    for turn in 0..20 {
        let at = begun + Duration::from_millis(3_590_000 + turn * 700);
        tokio::time::sleep_until(at).await;
        assert_eq!(harness.poll().await, Ok(()));
        modes.push(harness.mode());
    }
    assert!(modes.iter().all(|mode| mode == "incremental"), "{modes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_poll_fails_with_any_of_its_requests() {
    let harness = HarnessOptions::settled(5000, |setup| setup.limits.max_retries = 0);
    assert_eq!(harness.poll().await, Ok(()));
    let requests = harness.polls(2, 30).await[1];
    assert!(requests >= 5, "{requests}: what is new, three lists, a count");
    for number in 0..requests {
        harness.set_faults(&[&format!("status=503,after={number},times=1")]);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(harness.poll().await.is_err(), "request {number} of {requests}");
        harness.set_faults(&[]);
        harness.polls(1, 30).await;
    }
}

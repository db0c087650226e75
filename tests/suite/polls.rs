//! Whole polls against the simulated API: when they happen, what they may ask, what they share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use records_api::clock::{Clock, TokioClock};
use records_api_simulator::TotalCount;
use screen_records_exporter::project::PollMode;
use tokio::time::Instant;

use crate::answers::row;
use crate::harness::{HarnessOptions, NOW, Samples, TOKEN, UP, but_down, script};

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_left_alone_for_five_minutes_unless_they_change() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "wrong").unwrap();
    let mut setup = HarnessOptions::new(100);
    setup.options.token = Some(TOKEN.to_owned());
    setup.token_file = Some(file.path().to_owned());
    let harness = setup.start();
    assert!(harness.poll().await.unwrap_err().what.contains("answered 401"));
    let asked = || harness.asked();
    assert_eq!(asked(), 1);
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let error = harness.poll().await.unwrap_err().what;
        assert!(error.contains("next attempt in "), "{error}");
    }
    assert_eq!(asked(), 1);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(harness.poll().await.is_err());
    assert_eq!(asked(), 2);
    std::fs::write(file.path(), TOKEN).unwrap();
    assert_eq!(harness.poll().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_a_wrong_token_costs_at_most_thirteen_requests() {
    let mut setup = HarnessOptions::new(100);
    setup.options.token = Some("another".to_owned());
    let harness = setup.start();
    for _ in 0..240 {
        harness.scrape(Duration::from_secs(9)).await;
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
    let asked = harness.asked();
    assert!((2..=13).contains(&asked), "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_requests_than_configured() {
    let mut setup = HarnessOptions::new(5000);
    setup.limits.page_size = 50;
    setup.limits.max_requests_per_second = 10.0;
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let begun = harness.transport.begun();
    assert!(begun.len() > 100);
    for (index, begin) in begun.iter().enumerate().skip(10) {
        let span = begin.duration_since(begun[index - 10]);
        assert!(span >= Duration::from_millis(999), "{span:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_requests_are_under_way_at_once_as_configured_and_no_more() {
    for most in [1, 2, 4, 7] {
        let mut setup = HarnessOptions::new(5000);
        setup.limits.page_size = 50;
        setup.limits.max_concurrent_requests = most;
        let harness = setup.start();
        assert_eq!(harness.poll().await, Ok(()));
        assert_eq!(harness.transport.most_at_once(), most);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_more_goes_out_once_the_api_has_refused_or_asked_for_a_pause() {
    for fault in ["status=401", "status=403", "status=429,retry-after=40"] {
        let mut setup = HarnessOptions::new(5000);
        setup.limits.page_size = 50;
        setup.options.latency_jitter = Duration::from_millis(15);
        let harness = setup.start();
        harness.set_faults(&[&format!("{fault},after=20")]);
        let polled = tokio::time::timeout(Duration::from_secs(30), harness.poll()).await;
        assert!(polled.is_err() || polled.is_ok_and(|polled| polled.is_err()));
        // The first that is refused, and those that were under way beside it.
        assert!(harness.asked() <= 20 + 4, "{fault}: {}", harness.asked());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_api_asks_for_is_kept() {
    let harness = HarnessOptions::new(2500).start();
    harness.set_faults(&["status=429,retry-after=40,after=1,times=1"]);
    let begun = Instant::now();
    assert_eq!(harness.poll().await, Ok(()));
    assert!(begun.elapsed() >= Duration::from_secs(40));
    let metrics = harness.scrape(Duration::ZERO).await;
    let waited = metrics.get("screen_records_exporter_api_throttled_seconds_total{project=\"p\"}");
    assert!(waited >= 39.0, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_more_than_five_minutes_fail_the_poll() {
    for (ahead, expected) in [(200, Ok(())), (400, Err(()))] {
        let mut setup = HarnessOptions::new(100);
        setup.ahead = Duration::from_secs(ahead);
        let result = setup.start().poll().await;
        assert_eq!(result.clone().map_err(|_| ()), expected, "{result:?}");
        if let Err(error) = result {
            assert!(error.what.starts_with("this machine's clock is 6m "), "{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_malformed_rows_fail_the_poll_and_few_are_counted_and_keep_their_last_state() {
    for kind in ["null", "text", "no-id", "no-start", "bad-start"] {
        let harness = HarnessOptions::new(2000).start();
        assert_eq!(harness.poll().await, Ok(()));
        let whole = harness.shown();
        let fault = format!("kind=rows,as={kind},share=0.2");
        harness.set_faults(&[&fault]);
        let error = harness.poll().await.unwrap_err().what;
        assert!(error.contains("rows could not be understood"), "{error}");
        let fault = format!("kind=rows,as={kind},share=0.003");
        harness.set_faults(&[&fault]);
        assert_eq!(harness.poll().await, Ok(()), "{kind}");
        let metrics = harness.scrape(Duration::ZERO).await;
        let rejected: f64 = metrics.of("screen_records_exporter_rejected_records").values().sum();
        assert!((1.0..=20.0).contains(&rejected), "{kind}: {rejected}");
        let total = |shown: &Samples| -> f64 {
            let records = shown.iter().filter(|(n, _)| n.starts_with("workspace_screen_records{"));
            records.map(|(_, value)| value).sum()
        };
        let lost = total(&whole) - total(&harness.shown());
        // With an id a rejected row keeps its place; without one nobody knows whose it is.
        let expected = if kind.ends_with("start") { 0.0 } else { rejected };
        assert_eq!(lost, expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_is_told_of_until_it_is_read_again_and_no_longer() {
    let mut setup = HarnessOptions::new(5000);
    setup.options.odd_share = 0.0;
    setup.options.dialect.limit_max = 100;
    // A count would give away what is missing.
    setup.options.dialect.total_count = TotalCount::Missing;
    let harness = setup.start();
    let rejected = || {
        let rejected = harness.exposed().of("screen_records_exporter_rejected_records");
        rejected.values().sum::<f64>()
    };
    harness.set_faults(&["kind=rows,as=text,share=0.003"]);
    assert_eq!(harness.poll().await, Ok(()));
    assert!(rejected() > 4.0);
    harness.set_faults(&[]);
    let mut shown = Vec::new();
    for _ in 0..125 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(harness.poll().await, Ok(()));
        shown.push(rejected());
    }
    assert!(shown.is_sorted_by(|earlier, later| earlier >= later), "{shown:?}");
    assert!(shown[20] > 0.0, "{shown:?}");
    assert_eq!(shown.last(), Some(&0.0), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_limit_fails_the_poll() {
    let mut setup = HarnessOptions::new(2000);
    setup.limits.max_response_bytes = 100_000;
    let error = setup.start().poll().await.unwrap_err().what;
    assert!(error.contains("larger than 100000 bytes (`api.max_response_bytes`)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pools_that_may_not_be_read_cost_their_names_only() {
    for forbid in [false, true] {
        let mut setup = HarnessOptions::new(500);
        setup.options.forbid_pools = forbid;
        setup.poll.pool_names = true;
        let harness = setup.start();
        assert_eq!(harness.poll().await, Ok(()));
        let names =
            harness.shown().keys().filter(|n| n.starts_with("workspace_desktop_pool_info")).count();
        assert_eq!(names == 0, forbid);
        assert_eq!(harness.shown()[UP], 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn scrapes_share_a_poll_wait_no_longer_than_they_may_and_never_for_the_first() {
    let mut setup = HarnessOptions::new(3000);
    setup.options.latency = Duration::from_secs(3);
    setup.limits.max_requests_per_second = 100.0;
    let harness = setup.start();
    let begun = Instant::now();
    let first = harness.scrape(Duration::from_secs(9)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for the first sync");
    assert_eq!(first.get(UP), 0.0);
    assert!(first.of("workspace_screen_records{").is_empty());
    tokio::time::sleep(Duration::from_secs(60)).await;

    let requests = harness.asked();
    let begun = Instant::now();
    let scrapes = (0..10).map(|n| harness.scrape(Duration::from_secs(1 + n)));
    let all = futures_util::future::join_all(scrapes).await;
    assert!(begun.elapsed() <= Duration::from_secs(10));
    for metrics in &all {
        assert_eq!(metrics.get(UP), 1.0);
        assert!(!metrics.of("workspace_screen_records{").is_empty());
    }
    // Less than would let this scrape start another one.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let metrics = harness.scrape(Duration::ZERO).await;
    let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
    assert_eq!(metrics.get(polls), 2.0);
    let figure = "screen_records_exporter_poll_api_requests{project=\"p\"}";
    assert_eq!((harness.asked() - requests) as f64, metrics.get(figure), "one poll for all");
    assert!(harness.clock.now_millis() > NOW);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_make_polls_rarer_up_to_five_minutes() {
    let harness = HarnessOptions::new(50).start();
    harness.set_faults(&["status=404"]);
    let mut gaps = Vec::new();
    let mut last = Instant::now();
    let mut asked = 0;
    while gaps.len() < 9 {
        harness.scrape(Duration::ZERO).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = harness.asked();
        if now > asked {
            gaps.push(last.elapsed().as_secs());
            (last, asked) = (Instant::now(), now);
        }
    }
    assert!(gaps[1] >= 27 && gaps[1] <= 31, "{gaps:?}");
    assert!(gaps.windows(2).skip(1).all(|pair| pair[1] >= pair[0]), "{gaps:?}");
    assert!(gaps[8] >= 298 && gaps[8] <= 303, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_breaks_off_is_a_failure_and_the_next_one_runs() {
    let harness = HarnessOptions::new(300).start();
    assert_eq!(harness.poll().await, Ok(()));
    let whole = harness.shown();
    harness.transport.breaks.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let metrics = harness.scrape(Duration::from_secs(5)).await;
    let failed = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";
    assert_eq!(metrics.get(failed), 1.0);
    assert_eq!(harness.shown(), but_down(whole));
    assert_eq!(harness.project.status().failure.unwrap().what, "the poll panicked");
    harness.transport.breaks.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    harness.scrape(Duration::from_secs(5)).await;
    assert_eq!(harness.shown()[UP], 1.0);
}

#[tokio::test(start_paused = true)]
async fn in_background_mode_polls_follow_each_other_without_a_scrape() {
    let mut setup = HarnessOptions::new(300);
    setup.poll.mode = PollMode::Background;
    let harness = setup.start();
    harness.project.start();
    tokio::time::sleep(Duration::from_secs(95)).await;
    let metrics = harness.scrape(Duration::ZERO).await;
    let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
    assert_eq!(metrics.get(polls), 4.0, "at 0, 27, 54 and 81 seconds");
}

/// A clock that somebody sets anew while the process runs.
#[derive(Debug)]
struct Reset {
    clock: TokioClock,
    by_millis: AtomicI64,
}

impl Clock for Reset {
    fn now_millis(&self) -> i64 {
        self.clock.now_millis() + self.by_millis.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_grows_old_though_the_clock_is_set_back() {
    let harness = HarnessOptions::new(300).start();
    let clock = Reset { clock: TokioClock::starting_at(NOW), by_millis: AtomicI64::new(0) };
    let clock = Arc::new(clock);
    let collector = harness.setup.run(&harness.transport, &clock);
    let project = &collector.projects()[0];
    assert_eq!(project.poll_once().await.failure, None);
    clock.by_millis.store(-3_600_000, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert!(project.poll_once().await.failure.unwrap().what.contains("clock"));
    assert!(project.view().shown().is_some(), "younger than `poll.max_staleness`");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(project.view().shown().is_none(), "older than `poll.max_staleness`");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_finds_a_complete_state_is_in_no_first_sync() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = HarnessOptions::new(3000);
    setup.state = Some(folder.path().join("p.redb"));
    let harness = setup.start();
    assert_eq!(harness.mode(), "first_sync");
    assert_eq!(harness.poll().await, Ok(()));
    let mode = harness.mode();
    let harness = harness.restart();
    assert_eq!(harness.mode(), mode);
    let progress = "screen_records_exporter_first_sync_progress_ratio{project=\"p\"}";
    assert_eq!(harness.exposed().get(progress), 1.0);
}

#[tokio::test(start_paused = true)]
async fn names_that_the_api_does_not_have_are_asked_for_once_an_hour() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let rows = ["gone", "folded"]
        .map(|pool| row(pool, 60_000, &format!(",\"desktop_pool_id\":\"{pool}\"")).1);
    let transport = script(move |_, request| {
        if request.uri().path().ends_with("desktop-pools") {
            counted.fetch_add(1, Ordering::Relaxed);
            return (200, "{\"desktop_pools\":[]}".to_owned());
        }
        (200, format!("{{\"screen_records\":[{}],\"total_count\":2}}", rows.join(",")))
    });
    let mut setup = HarnessOptions::default();
    (setup.poll.pool_names, setup.poll.max_pools) = (true, 1);
    let harness = setup.start_at(transport);
    harness.polls(110, 30).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    harness.polls(20, 30).await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

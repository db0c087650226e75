//! Every fault at the first page, in the middle and at the last, once and lasting: what is shown is
//! right, or the last snapshot with `up` 0, or no figures; never a part, never zeros.

use std::time::Duration;

use records_api::clock::Clock;

use crate::harness::{Harness, HarnessOptions, UP, but_down};

/// What a fault that strikes once does to the poll. One that lasts fails it, but for the last.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Once {
    /// Another attempt in the same poll brings the answer.
    CostsAnAttempt,
    /// Asking again would do harm or help nobody: the poll fails.
    FailsThePoll,
    /// One or the other, by where it strikes: a short page that drips is there in time.
    Depends,
    /// Neither once nor lasting does it any harm.
    IsHarmless,
}

use Once::{CostsAnAttempt, Depends, FailsThePoll, IsHarmless};

const FAULTS: &[(&str, Once)] = &[
    // With 400 a smaller page is tried.
    ("status=400", CostsAnAttempt),
    ("status=401", FailsThePoll),
    ("status=401,shape=nested-code", FailsThePoll),
    ("status=401,shape=nested,encoding=utf-16le", FailsThePoll),
    ("status=401,code=APIGW.0307,message=The token must be updated.", FailsThePoll),
    ("status=403", FailsThePoll),
    ("status=403,shape=encoded", FailsThePoll),
    ("status=404,shape=html", FailsThePoll),
    ("status=405", FailsThePoll),
    ("status=429", CostsAnAttempt),
    ("status=429,window=1-minute", CostsAnAttempt),
    ("status=429,window=none", CostsAnAttempt),
    ("status=429,retry-after=2", CostsAnAttempt),
    ("status=429,retry-after-date=30", CostsAnAttempt),
    ("status=429,shape=empty", CostsAnAttempt),
    ("status=500", CostsAnAttempt),
    ("status=500,shape=code,encoding=latin-1", CostsAnAttempt),
    ("status=502,shape=html", CostsAnAttempt),
    ("status=503,shape=camel", CostsAnAttempt),
    ("status=504,shape=empty", CostsAnAttempt),
    ("kind=error-body", CostsAnAttempt),
    ("kind=error-body,shape=nested,encoding=utf-16be", CostsAnAttempt),
    ("kind=echo", FailsThePoll),
    ("kind=echo,as=json-escaped,status=403", FailsThePoll),
    ("kind=echo,as=url,status=404", FailsThePoll),
    ("kind=html", CostsAnAttempt),
    ("kind=list", CostsAnAttempt),
    ("kind=empty-object", CostsAnAttempt),
    ("kind=empty-body", CostsAnAttempt),
    ("kind=truncated", CostsAnAttempt),
    ("kind=deep,at=row", IsHarmless),
    ("kind=deep,at=page", IsHarmless),
    ("kind=deep,at=top", CostsAnAttempt),
    ("kind=encoding,as=utf-16le", CostsAnAttempt),
    ("kind=encoding,as=utf-16be", CostsAnAttempt),
    ("kind=encoding,as=bom", IsHarmless),
    ("kind=huge,bytes=3000000", FailsThePoll),
    ("kind=redirect,to=same", FailsThePoll),
    ("kind=redirect,to=other,status=307", FailsThePoll),
    ("kind=hang", CostsAnAttempt),
    ("kind=reset", CostsAnAttempt),
    ("kind=drip", Depends),
    ("kind=no-rows", Depends),
    ("kind=duplicates,share=0.3", IsHarmless),
    ("kind=rows,as=outside,count=40", Depends),
    ("kind=stale", IsHarmless),
];

/// A poll takes a handful of pages.
fn harness() -> Harness {
    let mut setup = HarnessOptions::new(4000).reading_everything();
    // Some records began before the window, for the rows that were not asked for.
    setup.options.window = Duration::from_secs(20 * 24 * 3600);
    setup.limits.max_response_bytes = 2 << 20;
    setup.start()
}

/// The place of the fault: requests that are left alone before it.
fn places(requests: usize) -> [usize; 3] {
    [0, requests / 2, requests - 1]
}

async fn assert_recovers(harness: &Harness, what: &str) {
    harness.set_faults(&[]);
    // The refusals of a 401 or 403 have been forgotten by then.
    tokio::time::sleep(Duration::from_secs(301)).await;
    harness.assert_polls_right(what).await;
    assert_eq!(harness.shown()[UP], 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_strikes_once_costs_an_attempt_or_the_poll_and_never_a_record() {
    for (fault, once) in FAULTS {
        let harness = harness();
        harness.assert_polls_right(fault).await;
        for place in places(harness.asked()) {
            let what = format!("{fault} at request {place}");
            let before = harness.shown();
            harness.set_faults(&[&format!("{fault},after={place},times=1,endpoint=records")]);
            let begun = harness.clock.now_millis();
            let result = harness.poll().await;
            let succeeds = match once {
                CostsAnAttempt | IsHarmless => true,
                FailsThePoll => false,
                Depends => result.is_ok(),
            };
            assert_eq!(result.is_ok(), succeeds, "{what}: {result:?}");
            if succeeds {
                assert_eq!(harness.figures(), harness.truth(begun), "{what}");
            } else {
                assert_eq!(harness.shown(), but_down(before), "{what}");
            }
            assert_recovers(&harness, &what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_lasts_shows_the_last_snapshot_whole_then_nothing_and_then_recovers() {
    for (fault, once) in FAULTS {
        let harness = harness();
        harness.assert_polls_right(fault).await;
        for place in places(harness.asked()) {
            let what = format!("{fault} from request {place}");
            let before = harness.shown();
            harness.set_faults(&[&format!("{fault},after={place},endpoint=records")]);
            let begun = harness.clock.now_millis();
            let result = harness.poll().await;
            if *once == IsHarmless || *once == Depends && result.is_ok() {
                assert_eq!(result, Ok(()), "{what}");
                assert_eq!(harness.figures(), harness.truth(begun), "{what}");
                continue;
            }
            let failure = result.expect_err(&what);
            assert!(!failure.remedy.is_empty(), "{what}");
            let asked = failure.request.as_deref().unwrap_or_default();
            assert!(asked.starts_with("/v2/0123abcd/screen-records?limit="), "{what}: {asked}");
            assert_eq!(harness.shown(), but_down(before), "{what}");
            tokio::time::sleep(Duration::from_secs(601)).await;
            let names = [
                "counting_since_timestamp_seconds",
                "snapshot_timestamp_seconds",
                "up",
                "window_seconds",
            ];
            let names = names.map(|n| format!("workspace_screen_records_{n}{{project=\"p\"}}"));
            assert_eq!(harness.gauges(), names, "{what}");
            assert_eq!(harness.shown()[UP], 0.0, "{what}");
            assert_recovers(&harness, &what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_the_first_poll_shows_no_figure_at_all() {
    for (fault, once) in FAULTS.iter().filter(|(_, once)| !matches!(once, IsHarmless | Depends)) {
        for place in [0, 3] {
            let harness = harness();
            harness.set_faults(&[&format!("{fault},after={place},endpoint=records")]);
            assert!(harness.poll().await.is_err(), "{fault} {once:?}");
            let names = ["up", "window_seconds"];
            let names = names.map(|n| format!("workspace_screen_records_{n}{{project=\"p\"}}"));
            assert_eq!(harness.gauges(), names, "{fault}");
            assert_recovers(&harness, fault).await;
        }
    }
}

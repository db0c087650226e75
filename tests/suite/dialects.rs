//! Every way in which the API may read its own documents: what is shown is the truth, whole, or
//! the poll fails and says why.
//!
//! Whatever acts on pages and their order is tried in every combination; what acts on single
//! values is drawn for each of them. `DIALECTS=20000 cargo test --test suite dialects::` draws
//! as many mixtures of everything, with other histories.

use std::time::Duration;

use clap::ValueEnum;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use records_api::record::Status;
use records_api_simulator::{
    DefaultOrder, Dialect, MissingValue, OverLimit, SortSupport, StartBound, StatusFilter, Ties,
    TimeFormat, TotalCount, Vocabulary,
};

use crate::harness::{DAY, Harness, HarnessOptions, NOW, UP};

fn one_of<T: Copy>(rng: &mut Xoshiro256PlusPlus, all: &[T]) -> T {
    all[rng.random_range(0..all.len())]
}

fn any<T: ValueEnum + Copy>(rng: &mut Xoshiro256PlusPlus) -> T {
    one_of(rng, T::value_variants())
}

/// What each record's row looks like, drawn; how pages are made, as given.
fn dialect(
    rng: &mut Xoshiro256PlusPlus,
    (limit_max, limit_over): (usize, OverLimit),
    (start_bound, default_order, ties): (StartBound, DefaultOrder, Ties),
    total_count: TotalCount,
) -> Dialect {
    Dialect {
        limit_max,
        limit_over,
        start_bound,
        default_order,
        ties,
        total_count,
        times: any::<TimeFormat>(rng),
        vocabulary: any::<Vocabulary>(rng),
        status_filter: any::<StatusFilter>(rng),
        missing: any::<MissingValue>(rng),
        missing_pool: any::<MissingValue>(rng),
        ..Dialect::default()
    }
}

const LIMITS: [(usize, OverLimit); 6] = [
    (1000, OverLimit::Refuse),
    (100, OverLimit::Clamp),
    (100, OverLimit::Refuse),
    (30, OverLimit::Clamp),
    (5, OverLimit::Refuse),
    (1, OverLimit::Refuse),
];

/// The contract's premise: the count is right, or records of equal start keep their order.
fn is_within_the_premise(dialect: &Dialect) -> bool {
    let counts = matches!(dialect.total_count, TotalCount::Right | TotalCount::Text);
    counts || dialect.ties == Ties::Stable
}

async fn assert_right(harness: &Harness, dialect: &Dialect, what: &str) {
    match harness.poll().await {
        Ok(()) => assert_eq!(harness.figures(), harness.truth(NOW), "{what}: {dialect:?}"),
        Err(failure) => {
            assert!(!is_within_the_premise(dialect), "{what}: {dialect:?}: {}", failure.what);
            assert_eq!(harness.counted(), 0.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_dialect_of_pages_gives_the_truth_of_the_api() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    for limit in LIMITS {
        for bound in StartBound::value_variants() {
            for order in DefaultOrder::value_variants() {
                for ties in Ties::value_variants() {
                    for total in TotalCount::value_variants() {
                        let order = (*bound, *order, *ties);
                        let dialect = dialect(&mut rng, limit, order, *total);
                        let few = limit.0 < 10;
                        let mut setup = HarnessOptions::new(if few { 90 } else { 350 });
                        setup.options.seed = rng.random();
                        setup.options.burst = if few { 20 } else { 120 };
                        setup.options.dialect = dialect.clone();
                        assert_right(&setup.start(), &dialect, "").await;
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_mixture_of_dialects_and_histories_is_shown_whole_and_exact() {
    let mixtures = std::env::var("DIALECTS").map_or(40, |text| text.parse().unwrap());
    for seed in 0..mixtures {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let limit = one_of(&mut rng, &LIMITS);
        let order = (any(&mut rng), any(&mut rng), any(&mut rng));
        let total = any(&mut rng);
        let dialect = dialect(&mut rng, limit, order, total);
        let mut setup =
            HarnessOptions::new(rng.random_range(0..if limit.0 < 100 { 500 } else { 3000 }));
        setup.options.seed = seed;
        setup.options.window = rng.random_range(1..18) * DAY;
        setup.options.burst = one_of(&mut rng, &[0, 3, 120]);
        setup.options.odd_share = one_of(&mut rng, &[0.0, 0.1]);
        setup.options.hostile_names = rng.random_bool(0.5);
        setup.options.failure_share = 0.1;
        setup.options.latency = Duration::from_millis(rng.random_range(0..50));
        setup.options.latency_jitter = Duration::from_millis(30);
        setup.options.dialect = dialect.clone();
        setup.poll.window = rng.random_range(1..16) * DAY;
        setup.limits.page_size = one_of(&mut rng, &[7, 100, 1000]);
        setup.limits.max_requests_per_second = 100.0;
        let harness = setup.start();
        assert_right(&harness, &dialect, &format!("seed {seed}")).await;
        if dialect.total_count == TotalCount::Right && harness.shown()[UP] == 1.0 {
            let reported =
                harness.exposed().get("workspace_screen_records_reported{project=\"p\"}");
            assert_eq!(reported, harness.counted(), "seed {seed}: {dialect:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn five_thousand_desktops_that_begin_at_nine_are_all_counted() {
    for ties in Ties::value_variants() {
        for limit in [(1000, OverLimit::Refuse), (100, OverLimit::Clamp)] {
            let mut setup = HarnessOptions::new(6000);
            setup.options.burst = 5000;
            (setup.options.dialect.limit_max, setup.options.dialect.limit_over) = limit;
            setup.options.dialect.ties = *ties;
            setup.options.latency = Duration::from_millis(1);
            setup.limits.max_requests_per_second = 1000.0;
            let harness = setup.start();
            harness.assert_polls_right(&format!("{ties:?} {limit:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_does_not_sort_is_right_by_its_default_order_or_fails_and_says_so() {
    for order in DefaultOrder::value_variants() {
        for limit in LIMITS {
            let mut setup = HarnessOptions::new(2500);
            let dialect = &mut setup.options.dialect;
            (dialect.limit_max, dialect.limit_over) = limit;
            dialect.default_order = *order;
            dialect.sort = SortSupport::Ignored;
            let harness = setup.start();
            if *order == DefaultOrder::Asc {
                harness.assert_polls_right(&format!("{limit:?}")).await;
                continue;
            }
            let failure = harness.poll().await.unwrap_err();
            // What goes back by single rows looks like rows that move.
            let says_so = ["does not sort by start_time", "change faster than they can be read"];
            let says_so = says_so.iter().any(|text| failure.what.contains(text));
            assert!(says_so, "{order:?} {limit:?}: {}", failure.what);
            assert_eq!(harness.shown()[UP], 0.0);
            assert_eq!(harness.counted(), 0.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_filter_is_honoured_checked_or_refused_with_a_remedy() {
    for filter in StatusFilter::value_variants() {
        for status in [Status::Uploading, Status::UploadFailed] {
            let mut setup = HarnessOptions::new(2500);
            setup.options.failure_share = 0.1;
            setup.options.dialect.status_filter = *filter;
            setup.poll.filter.status = Some(status);
            let harness = setup.start();
            let is_refused = match filter {
                StatusFilter::Documented => status == Status::UploadFailed,
                StatusFilter::All | StatusFilter::Ignored => false,
                StatusFilter::Refused => true,
            };
            let result = harness.poll().await;
            if is_refused {
                let failure = result.unwrap_err();
                assert!(failure.what.contains("answered 400"), "{}", failure.what);
                assert!(failure.remedy.contains("projects.filter"), "{}", failure.remedy);
                assert_eq!(harness.counted(), 0.0);
                continue;
            }
            assert_eq!(result, Ok(()), "{filter:?}");
            let of_status = format!("status=\"{}\"", status.code());
            let records = |samples: crate::harness::Samples| -> Vec<(String, f64)> {
                let records = samples.into_iter().filter(|(name, value)| {
                    name.starts_with("workspace_screen_records") && *value > 0.0
                });
                records.filter(|(name, _)| name.contains(&of_status)).collect()
            };
            let (shown, truth) = (harness.figures(), harness.truth(NOW));
            let elsewhere = harness.counted();
            assert_eq!(records(shown.clone()), records(truth), "{filter:?}");
            let own: f64 = records(shown)
                .iter()
                .filter(|(name, _)| name.starts_with("workspace_screen_records{"))
                .map(|(_, value)| value)
                .sum();
            assert_eq!(own, elsewhere, "nothing of another status is shown");
            let reported = "workspace_screen_records_reported{project=\"p\"}";
            let is_known = harness.shown().contains_key(reported);
            assert_eq!(is_known, *filter != StatusFilter::Ignored, "a count of other records");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_living_api_does_not_talk_the_page_size_down() {
    for (records, live, latency) in [(2, 2.0, 500), (3, 40.0, 100), (3000, 8.0, 200)] {
        let mut setup = HarnessOptions::new(records);
        setup.options.live = live;
        setup.options.latency = Duration::from_millis(latency);
        let harness = setup.start();
        for _ in 0..20 {
            assert_eq!(harness.poll().await, Ok(()));
            assert_eq!(harness.project.page_size(), 1000);
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    }
}

//! Polls of an API at which recordings start, end and are uploaded while the poll reads.

use std::collections::VecDeque;
use std::time::Duration;

use records_api_simulator::{Endpoint, OverLimit, Status, TotalCount};
use tokio::time::Instant;

use crate::harness::{DAY, Harness, HarnessOptions};

/// Recordings that start all the time, and how the API lists them.
#[derive(Debug, Clone, Copy)]
struct Load {
    per_second: u32,
    /// Time that each answer takes, in milliseconds.
    latency: u64,
    counts: TotalCount,
    /// Time from the start of a recording until the API lists it, in milliseconds; negative if the
    /// clocks of the desktops are ahead.
    listed_after: i64,
}

/// Requests and seconds of one poll.
#[derive(Debug, Clone, Copy)]
struct Cost {
    requests: usize,
    seconds: f64,
}

/// Statuses of a recording after it started, and the seconds after the start at which it enters
/// them.
const LIFE: [(u64, Status); 3] =
    [(20, Status::RecCompleted), (25, Status::Uploading), (35, Status::UploadCompleted)];
const LATENCIES: [u64; 3] = [20, 500, 1000];
const RATES: [u32; 4] = [1, 5, 20, 100];

impl Load {
    fn start(self, change: impl FnOnce(&mut HarnessOptions)) -> Harness {
        HarnessOptions::settled(5000, |setup| {
            setup.options.latency = Duration::from_millis(self.latency);
            setup.options.dialect.total_count = self.counts;
            setup.limits.max_requests_per_second = 10.0;
            // Reconciliation comes on top: not here.
            setup.poll.reconcile_interval = 30 * DAY;
            change(setup);
        })
    }

    /// Starts recordings, and moves them through their statuses. Does not end.
    async fn run(self, harness: &Harness) {
        let mut lives: [VecDeque<(Instant, u128)>; 3] = Default::default();
        loop {
            tokio::time::sleep(Duration::from_micros(1_000_000 / u64::from(self.per_second))).await;
            let now = Instant::now();
            harness.simulator().edit(|world| {
                let start = world.now() - self.listed_after;
                let id = world.insert_at(start, Status::Recording);
                for ((seconds, _), life) in LIFE.iter().zip(&mut lives) {
                    life.push_back((now + Duration::from_secs(*seconds), id));
                }
                for ((_, status), life) in LIFE.iter().zip(&mut lives) {
                    while let Some((_, id)) = life.front().copied().filter(|(due, _)| *due <= now) {
                        life.pop_front();
                        world.set_status(id, *status);
                    }
                }
            });
        }
    }

    /// Polls every 30 seconds under the load, and asserts that every poll ends and succeeds.
    async fn costs(self, harness: &Harness, polls: usize) -> Vec<Cost> {
        let polling = async {
            let mut costs = Vec::new();
            for poll in 0..polls {
                let (before, began) = (harness.asked(), Instant::now());
                let ended = tokio::time::timeout(Duration::from_secs(300), harness.poll()).await;
                let ended = ended.unwrap_or_else(|_| panic!("poll {poll} of {self:?} has no end"));
                assert_eq!(ended, Ok(()), "poll {poll} of {self:?}");
                let (requests, seconds) = (harness.asked() - before, began.elapsed().as_secs_f64());
                costs.push(Cost { requests, seconds });
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            costs
        };
        tokio::select! {
            costs = polling => costs,
            () = self.run(harness) => unreachable!("recordings start all the time"),
        }
    }
}

/// All combinations of rates, latencies, and APIs with counts and without.
fn loads() -> impl Iterator<Item = Load> {
    let counts = [TotalCount::Right, TotalCount::Missing];
    counts.into_iter().flat_map(|counts| {
        LATENCIES.into_iter().flat_map(move |latency| {
            let load = move |per_second| Load { per_second, latency, counts, listed_after: 0 };
            RATES.into_iter().map(load)
        })
    })
}

/// Asserts that a project shows the truth once nothing happens any more. Returns what a poll costs
/// then, with as many records in flight.
async fn assert_right_at_rest(harness: &Harness, load: Load) -> Cost {
    for _ in 0..2 {
        assert_eq!(harness.poll().await, Ok(()), "{load:?}");
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    let (before, began) = (harness.asked(), Instant::now());
    harness.assert_polls_right(&format!("at rest after {load:?}")).await;
    Cost { requests: harness.asked() - before, seconds: began.elapsed().as_secs_f64() }
}

/// The dearest of some polls.
fn dearest(costs: &[Cost]) -> Cost {
    let most = |most: Cost, cost: &Cost| Cost {
        requests: most.requests.max(cost.requests),
        seconds: most.seconds.max(cost.seconds),
    };
    costs.iter().fold(Cost { requests: 0, seconds: 0.0 }, most)
}

#[tokio::test(start_paused = true)]
async fn a_poll_under_load_ends_after_a_few_answers() {
    println!("| an answer | new a second | counts | dearest of seven polls | at rest |");
    for load in loads() {
        let harness = load.start(|_| {});
        // Records that arrive at a constant rate give pages of equal size.
        harness.simulator().after_request(Endpoint::Records, |turn, _| {
            let is_full =
                ["limit=1&", "limit=1000&"].iter().any(|limit| turn.query.contains(limit));
            assert!(is_full, "a page size was concluded: {}", turn.query);
        });
        let costs = load.costs(&harness, 8).await;
        let rest = assert_right_at_rest(&harness, load).await;
        let Load { per_second, latency, counts, .. } = load;
        let most = dearest(&costs[1..]);
        println!(
            "| {latency} ms | {per_second} | {counts:?} | {} in {:.1} s | {} in {:.1} s |",
            most.requests, most.seconds, rest.requests, rest.seconds
        );
        // New records, lists, records that left them, counts, and the search for a difference.
        let answers = 12.0 * latency as f64 / 1000.0;
        assert!(most.seconds <= answers + most.requests as f64 / 10.0, "{load:?}: {costs:?}");
        assert!(most.requests <= 40, "{load:?}: {costs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_end_whatever_the_clocks_counts_or_pages_are() {
    for (per_second, listed_after, latency) in [
        (3, 0, 400),
        (15, 0, 700),
        (40, 2000, 250),
        (11, 45_000, 900),
        (7, 100_000, 600),
        (9, -20_000, 800),
        (4, -3_600_000, 300),
    ] {
        for counts in [TotalCount::Right, TotalCount::Missing, TotalCount::Page, TotalCount::Off] {
            for limit_max in [10, 100, 1000] {
                let load = Load { per_second, latency, counts, listed_after };
                let harness = load.start(|setup| {
                    setup.options.dialect.limit_max = limit_max;
                    setup.options.dialect.limit_over = OverLimit::Clamp;
                    setup.limits.max_requests_per_second = 1000.0;
                });
                load.costs(&harness, 4).await;
                assert_right_at_rest(&harness, load).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_takes_longer_than_a_snapshot_may_be_old_is_shown_as_such() {
    let load = Load { per_second: 1, latency: 700, counts: TotalCount::Right, listed_after: 0 };
    let harness = load.start(|setup| setup.poll.max_staleness = Duration::from_millis(900));
    let watch = async {
        let running = || harness.project.status().poll.map(|poll| poll.is_long);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(running(), Some(false));
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(running(), Some(true));
    };
    let (ended, ()) = tokio::join!(harness.poll(), watch);
    assert_eq!(ended, Ok(()));
    assert_eq!(harness.project.status().poll, None);
}

//! Random failures of replicas, connections and the database. `tests/replicas/run` runs them for longer.

use std::sync::Arc;
use std::time::Duration;

use postgresql_server::{Loss, Proxy};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::cluster::{Cluster, ClusterOptions, background, own};
use super::upstream::Upstream;
use super::watcher::{Scraped, Watcher};

const REPLICAS: usize = 3;
const PROJECTS: usize = 4;
/// Longer than the lease, so that some leaders are replaced.
const LONGEST: u64 = 5000;

/// Something that was broken, and is repaired at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Stopped,
    Paused,
    Unreachable,
    Delayed,
}

#[derive(Debug, Default)]
struct Counts {
    kills: usize,
    stops: usize,
    pauses: usize,
    cuts: usize,
    partitions: usize,
    delays: usize,
    database_crashes: usize,
    database_stops: usize,
}

struct Chaos {
    cluster: Cluster,
    rng: Xoshiro256PlusPlus,
    broken: [Option<(Broken, Instant)>; REPLICAS],
    counts: Counts,
}

impl Chaos {
    fn later(&mut self) -> Instant {
        Instant::now() + Duration::from_millis(self.rng.random_range(50..LONGEST))
    }

    async fn repair(&mut self, number: usize) {
        let Some((broken, _)) = self.broken[number].take() else { return };
        let replica = &mut self.cluster.replicas[number];
        match broken {
            Broken::Stopped => replica.start().await,
            Broken::Paused => replica.resume(),
            Broken::Unreachable => replica.proxy.pause(false),
            Broken::Delayed => replica.proxy.delay(Duration::ZERO),
        }
    }

    /// Breaks something of a replica in which nothing is broken.
    async fn break_replica(&mut self, number: usize) {
        let until = self.later();
        let replica = &mut self.cluster.replicas[number];
        let broken = match self.rng.random_range(0..8) {
            0 | 1 => {
                replica.kill();
                self.counts.kills += 1;
                Broken::Stopped
            }
            2 => {
                replica.stop().await;
                self.counts.stops += 1;
                Broken::Stopped
            }
            3 | 4 => {
                replica.pause();
                self.counts.pauses += 1;
                Broken::Paused
            }
            5 => {
                replica.proxy.pause(true);
                self.counts.partitions += 1;
                Broken::Unreachable
            }
            6 => {
                replica.proxy.delay(Duration::from_millis(self.rng.random_range(10..400)));
                self.counts.delays += 1;
                Broken::Delayed
            }
            _ => {
                replica.proxy.cut();
                self.counts.cuts += 1;
                return;
            }
        };
        self.broken[number] = Some((broken, until));
    }

    async fn break_database(&mut self) {
        if self.rng.random_bool(0.5) {
            self.cluster.server.crash();
            self.counts.database_crashes += 1;
        } else {
            self.cluster.server.stop();
            self.counts.database_stops += 1;
        }
        let pause = Duration::from_millis(self.rng.random_range(0..LONGEST));
        tokio::time::sleep(pause).await;
        self.cluster.server.run().await;
    }

    async fn step(&mut self) {
        for number in 0..REPLICAS {
            if self.broken[number].is_some_and(|(_, until)| until <= Instant::now()) {
                self.repair(number).await;
            }
        }
        let number = self.rng.random_range(0..REPLICAS);
        match self.rng.random_range(0..60) {
            0 => self.break_database().await,
            1..12 if self.broken[number].is_none() => self.break_replica(number).await,
            12..16 => {
                let losses = [Loss::Statement, Loss::Answer, Loss::Silence];
                let loss = losses[self.rng.random_range(0..losses.len())];
                let count = self.rng.random_range(1..4);
                self.cluster.replicas[number].proxy.lose_commits(loss, count);
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(self.rng.random_range(20..300))).await;
    }

    /// Describes what happened.
    async fn report(&self, scraped: Scraped) -> String {
        let proxies = || self.cluster.replicas.iter().map(|replica| &replica.proxy);
        let metrics = self.cluster.replicas[0].metrics().await;
        let projects = self.cluster.projects();
        let epochs: f64 = projects.iter().map(|name| metrics.get(&own("state_epoch", name))).sum();
        let (commits, lost): (usize, usize) =
            (proxies().map(Proxy::commits).sum(), proxies().map(Proxy::lost).sum());
        let Scraped { answers, without_counters, failed, fenced, takeovers } = scraped;
        let changed = epochs - projects.len() as f64;
        format!(
            "{:?}\ncommits: {commits}, of which statement or answer was lost: {lost}, fenced: {fenced}\n\
             changes of leaders: {changed}, takeovers: {takeovers}\n\
             scrapes: {answers}, of which without counters: {without_counters}; failed: {failed}\n",
            self.counts
        )
    }
}

/// Changes records until this task is aborted.
async fn change(upstreams: Vec<Arc<Upstream>>) {
    loop {
        for upstream in &upstreams {
            upstream.change(1);
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

/// `SCREEN_RECORDS_TEST_CHAOS_SECONDS` and `SCREEN_RECORDS_TEST_CHAOS_SEED` set how long and which. The counts are
/// written to the file `SCREEN_RECORDS_TEST_CHAOS_REPORT`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_failures_neither_lose_an_entry_nor_count_one_twice() {
    let seconds = crate::state::number("SCREEN_RECORDS_TEST_CHAOS_SECONDS", 10);
    let seed = crate::state::number("SCREEN_RECORDS_TEST_CHAOS_SEED", 1);
    let options = ClusterOptions {
        replicas: REPLICAS,
        projects: PROJECTS,
        poll: background("500ms"),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await;
    let watcher = Watcher::start(&cluster.urls(), seed);
    let upstreams = cluster.upstreams.clone();
    let changes = tokio::spawn(change(upstreams));
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut chaos = Chaos { cluster, rng, broken: [None; REPLICAS], counts: Counts::default() };
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        chaos.step().await;
    }
    changes.abort();
    for number in 0..REPLICAS {
        chaos.repair(number).await;
        chaos.cluster.replicas[number].proxy.lose_commits(Loss::Answer, 0);
    }
    chaos.cluster.is_up().await;
    chaos.cluster.shows_the_truth().await;
    let report = chaos.report(watcher.end().await).await;
    if let Some(file) = std::env::var_os("SCREEN_RECORDS_TEST_CHAOS_REPORT") {
        std::fs::write(file, report).unwrap();
    }
}

//! Leaders of projects, and changes of leaders.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::{Cluster, ClusterOptions, LEASE, background};
use super::replica::Replica;
use super::watcher::Watcher;

/// Delay that a busy machine may add.
const NOISE: Duration = Duration::from_secs(2);

/// Two projects of which each poll reads little, with windows of many pages.
fn large_windows() -> ClusterOptions {
    ClusterOptions {
        replicas: 2,
        projects: 2,
        poll: background("10m"),
        api: "page_size = 10\n".to_owned(),
        upstream: |options| options.records = 400,
        ..ClusterOptions::default()
    }
}

/// Returns the leader of `p0`, and the other replica.
async fn leader_and_other(cluster: &Cluster) -> (usize, usize) {
    let leader = cluster.leader("p0").await;
    (leader, 1 - leader)
}

/// Waits until the other replica has polled `p0` as its leader. Returns when it led, and when the poll was served.
async fn taken_over(cluster: &Cluster, other: usize, begun: Instant) -> (Duration, Duration) {
    let replica = &cluster.replicas[other];
    let led = cluster
        .eventually("the other leads", async || {
            let leaders = cluster.leaders().await;
            (leaders["p0"] == [other]).then(|| begun.elapsed())
        })
        .await;
    let polled = cluster.eventually("the new leader polls", async || {
        let shown = replica.counters().await;
        let truth = cluster.upstreams[0].counters();
        truth.iter().all(|(name, value)| shown.get(name) == Some(value)).then(|| begun.elapsed())
    });
    (led, polled.await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_takes_over_within_the_lease_after_a_crash_and_polls_at_once() {
    let mut cluster = Cluster::start(large_windows()).await;
    let (leader, other) = leader_and_other(&cluster).await;
    let before = cluster.upstreams[0].list_requests();
    // Nobody polls for ten minutes, unless a new leader does.
    cluster.upstreams[0].change(6);
    cluster.replicas[leader].kill();
    let (led, polled) = taken_over(&cluster, other, Instant::now()).await;
    assert!(led < LEASE + Duration::from_secs(1) + NOISE, "{led:?}");
    assert!(polled < led + NOISE, "{led:?} {polled:?}");
    // The whole window has 40 pages.
    let requests = cluster.upstreams[0].list_requests() - before;
    assert!((1..20).contains(&requests), "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_takes_over_at_once_after_sigterm() {
    let options = ClusterOptions { lease: "30s".to_owned(), ..large_windows() };
    let mut cluster = Cluster::start(options).await;
    let (leader, other) = leader_and_other(&cluster).await;
    let before = cluster.upstreams[0].list_requests();
    cluster.upstreams[0].change(6);
    cluster.replicas[leader].stop().await;
    let (_, polled) = taken_over(&cluster, other, Instant::now()).await;
    // Long before the lease would have ended.
    assert!(polled < Duration::from_secs(1) + 3 * NOISE, "{polled:?}");
    let requests = cluster.upstreams[0].list_requests() - before;
    assert!((1..20).contains(&requests), "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_replicas_that_start_at_the_same_time_one_leads() {
    let options = ClusterOptions { replicas: 0, projects: 1, ..large_windows() };
    let mut cluster = Cluster::prepare(options).await;
    for number in 0..4 {
        cluster.add(number, |config| config).await;
    }
    let starts = cluster.replicas.iter_mut().map(Replica::start);
    futures_util::future::join_all(starts).await;
    cluster.is_up().await;
    for _ in 0..5 {
        let leaders = &cluster.leaders().await["p0"];
        assert_eq!(leaders.len(), 1, "{leaders:?}");
    }
    // One first sync: 40 pages, and what it needs besides.
    let requests = cluster.upstreams[0].list_requests();
    assert!(requests < 70, "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_gets_its_share_although_the_projects_poll_nearly_all_the_time() {
    let options = ClusterOptions {
        replicas: 1,
        projects: 2,
        poll: background("300ms"),
        upstream: |options| options.latency = Duration::from_millis(400),
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await;
    cluster.start_another(|config| config).await;
    let took = cluster.is_balanced("each leads one").await;
    assert!(took < 2 * LEASE + 2 * NOISE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_projects_within_two_leases_of_a_change() {
    let options = ClusterOptions {
        replicas: 1,
        projects: 7,
        poll: background("1s"),
        upstream: |options| options.records = 10,
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await;
    let watcher = Watcher::start(&cluster.urls(), 5);
    for _ in 0..2 {
        cluster.start_another(|config| config).await;
    }
    let took = cluster.is_balanced("three share").await;
    assert!(took < 2 * LEASE + NOISE, "{took:?}");
    cluster.replicas[1].stop().await;
    let took = cluster.is_balanced("two share after a stop").await;
    assert!(took < 2 * LEASE + NOISE, "{took:?}");
    cluster.replicas[2].kill();
    let took = cluster.is_balanced("one leads all after a crash").await;
    assert!(took < 2 * LEASE + NOISE, "{took:?}");
    watcher.end().await;
}

//! Requests of several replicas, compared with those of one.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::{Cluster, ClusterOptions, background, by_scrapes};
use super::replica::Replica;

/// Scrapes all replicas at once in each of some rounds, in each of which one poll is due. Returns the requests made.
async fn requests_of_scrapes(replicas: usize) -> Vec<u64> {
    let options =
        ClusterOptions { replicas, poll: by_scrapes("500ms"), ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let requests = || -> Vec<u64> { cluster.upstreams.iter().map(|api| api.requests()).collect() };
    // A replica that has just begun to lead polls at once.
    cluster.is_balanced("each leads one").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = requests();
    for _ in 0..8 {
        let scrapes = cluster.replicas.iter().map(Replica::metrics);
        futures_util::future::join_all(scrapes).await;
        // Much longer than the interval: a poll is due in each round.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    requests().iter().zip(before).map(|(after, before)| after - before).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapes_of_three_replicas_cause_as_many_requests_as_those_of_one() {
    let (one, three) = tokio::join!(requests_of_scrapes(1), requests_of_scrapes(3));
    assert!(one.iter().all(|requests| *requests >= 8), "{one:?}");
    assert_eq!(one, three);
}

/// Returns the requests made in some seconds.
async fn requests_in_background(replicas: usize) -> u64 {
    let options =
        ClusterOptions { replicas, poll: background("500ms"), ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let requests = || -> u64 { cluster.upstreams.iter().map(|api| api.requests()).sum() };
    // Replicas that have just started move projects, which polls them at once.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = requests();
    tokio::time::sleep(Duration::from_secs(5)).await;
    requests() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_make_as_many_requests_as_one_in_the_background() {
    let (one, three) = tokio::join!(requests_in_background(1), requests_in_background(3));
    // Ten polls of three projects, and one more or less at the edges.
    assert!(one >= 20 && one.abs_diff(three) <= one / 5, "{one} {three}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_of_a_follower_waits_for_the_poll_of_the_leader() {
    let options = ClusterOptions {
        replicas: 2,
        projects: 1,
        poll: by_scrapes("1s"),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await;
    let follower = &cluster.replicas[1 - cluster.leader("p0").await];
    for _ in 0..4 {
        // Much longer than the interval: a poll is due.
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.upstreams[0].change(3);
        let (truth, begun) = (cluster.upstreams[0].counters(), Instant::now());
        let shown = follower.counters().await;
        for (name, value) in &truth {
            assert_eq!(shown.get(name), Some(value), "{name} after {:?}", begun.elapsed());
        }
    }
    // Without a poll that is due, an answer does not wait.
    cluster.upstreams[0].change(3);
    let begun = Instant::now();
    follower.metrics().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_are_tried_by_one_replica() {
    let options = ClusterOptions { replicas: 2, projects: 1, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let leader = cluster.leader("p0").await;
    let fault = "status=401".parse().unwrap();
    cluster.upstreams[0].simulator.set_faults(vec![fault]);
    cluster
        .eventually("up is 0", async || {
            let metrics = cluster.replicas[1 - leader].metrics().await;
            (metrics.get("workspace_screen_records_up{project=\"p0\"}") == 0.0).then_some(())
        })
        .await;
    let before = cluster.upstreams[0].requests();
    cluster.replicas[leader].kill();
    cluster
        .eventually("the other leads", async || {
            (cluster.leaders().await["p0"] == [1 - leader]).then_some(())
        })
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.upstreams[0].requests(), before);
}

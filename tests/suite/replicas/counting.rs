//! Each entry is counted once, whatever happens to the leader.

use std::time::Duration;

use postgresql_server::{Loss, Proxy};

use super::cluster::{Cluster, ClusterOptions, LEASE, background};
use super::upstream::Samples;
use super::watcher::{Watcher, counters};

/// Makes changes for some time.
async fn change_for(cluster: &Cluster, time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        cluster.change(2);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_entry_is_counted_once_when_a_leader_is_killed() {
    let mut cluster = Cluster::start(ClusterOptions::default()).await;
    let watcher = Watcher::start(&cluster.urls(), 1);
    change_for(&cluster, Duration::from_millis(500)).await;
    let leader = cluster.leader("p0").await;
    cluster.replicas[leader].kill();
    change_for(&cluster, LEASE + Duration::from_secs(1)).await;
    cluster.replicas[leader].start().await;
    change_for(&cluster, Duration::from_millis(500)).await;
    cluster.shows_the_truth().await;
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_entry_is_counted_once_when_a_leader_is_paused_beyond_its_lease() {
    let cluster = Cluster::start(ClusterOptions::default()).await;
    let watcher = Watcher::start(&cluster.urls(), 2);
    for project in ["p0", "p1"] {
        let leader = cluster.leader(project).await;
        cluster.replicas[leader].pause();
        change_for(&cluster, LEASE + Duration::from_millis(1500)).await;
        cluster.replicas[leader].resume();
        change_for(&cluster, Duration::from_millis(500)).await;
    }
    cluster.shows_the_truth().await;
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_entry_is_counted_once_when_connections_are_cut() {
    let cluster = Cluster::start(ClusterOptions::default()).await;
    let watcher = Watcher::start(&cluster.urls(), 3);
    for round in 0..12 {
        cluster.replicas[round % 3].proxy.cut();
        change_for(&cluster, Duration::from_millis(200)).await;
    }
    cluster.shows_the_truth().await;
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_whose_statement_or_answer_is_lost_are_counted_once() {
    let cluster = Cluster::start(ClusterOptions::default()).await;
    let watcher = Watcher::start(&cluster.urls(), 4);
    for loss in [Loss::Answer, Loss::Statement, Loss::Silence] {
        let proxies = || cluster.replicas.iter().map(|replica| &replica.proxy);
        let count = if loss == Loss::Silence { 1 } else { 4 };
        let before: usize = proxies().map(Proxy::lost).sum();
        proxies().for_each(|proxy| proxy.lose_commits(loss, count));
        cluster
            .eventually("commits are lost", async || {
                cluster.change(2);
                let lost: usize = proxies().map(Proxy::lost).sum();
                (lost >= before + 3 * count).then_some(())
            })
            .await;
    }
    cluster.shows_the_truth().await;
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_does_not_know_whether_it_has_committed_shows_no_counters() {
    let options = ClusterOptions {
        replicas: 2,
        projects: 1,
        poll: background("3s"),
        lease: "30s".to_owned(),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await;
    let leader = cluster.leader("p0").await;
    let (leader, other) = (&cluster.replicas[leader], &cluster.replicas[1 - leader]);
    let polls = "screen_records_exporter_polls_total{project=\"p0\",outcome=\"success\"}";
    let before = leader.metrics().await;
    cluster
        .eventually("a poll", async || {
            (leader.metrics().await.get(polls) > before.get(polls)).then_some(())
        })
        .await;
    // The next poll commits all of these, the answer to its commit is lost, and then the network.
    cluster.change(20);
    leader.proxy.lose_commits(Loss::Silence, 1);
    cluster.eventually("the commit", async || (leader.proxy.lost() > 0).then_some(())).await;
    leader.proxy.pause(true);
    let shown = other.counters().await;
    assert!(shown.iter().any(|(name, value)| counters(&before).get(name) != Some(value)));
    assert_eq!(leader.counters().await, Samples::new());
}

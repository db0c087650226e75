//! The disk of the database is full.

use postgresql_server::ServerOptions;

use super::cluster::{Cluster, ClusterOptions};
use super::watcher::Watcher;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_polls_until_there_is_space() {
    let options = ClusterOptions {
        replicas: 2,
        projects: 1,
        server: ServerOptions { disk: Some(8 << 20), ..ServerOptions::default() },
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await;
    cluster.change(20);
    cluster.shows_the_truth().await;
    let watcher = Watcher::start(&cluster.urls(), 12);
    cluster.server.fill_disk();
    let leader = cluster.leader("p0").await;
    cluster
        .eventually("a poll fails", async || {
            cluster.change(20);
            let metrics = cluster.replicas[leader].metrics().await;
            (metrics.get("workspace_screen_records_up{project=\"p0\"}") == 0.0).then_some(())
        })
        .await;
    let log = cluster.replicas[leader].process.as_ref().unwrap();
    log.says("could not extend file").await;
    assert!(cluster.replicas[leader].text("/").await.contains("could not extend file"));
    assert!(!cluster.replicas[leader].counters().await.is_empty(), "counters stay");
    cluster.server.free_disk();
    cluster.is_up().await;
    cluster.shows_the_truth().await;
    watcher.end().await;
}

//! All replicas show the same.

use std::time::Duration;

use super::cluster::{Cluster, ClusterOptions};
use super::replica::Replica;
use super::watcher::Watcher;

const PATHS: [&str; 3] =
    ["/api/v1/failures", "/api/v1/failures?format=csv&limit=7&offset=3", "/api/v1/desktops"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_replicas_show_the_same_series_failures_and_desktops() {
    let cluster = Cluster::start(ClusterOptions::default()).await;
    for _ in 0..10 {
        cluster.change(5);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    cluster.shows_the_truth().await;
    // A commit between two scrapes changes the moments of the snapshot.
    let records = cluster
        .eventually("the same series", async || {
            let scrapes = cluster.replicas.iter().map(Replica::records);
            let records = futures_util::future::join_all(scrapes).await;
            records.iter().all(|other| *other == records[0]).then(|| records[0].clone())
        })
        .await;
    assert!(records.len() > 300, "{}", records.len());
    for path in PATHS {
        let text = cluster
            .eventually(path, async || {
                let texts = cluster.replicas.iter().map(|replica| replica.text(path));
                let texts = futures_util::future::join_all(texts).await;
                texts.iter().all(|other| *other == texts[0]).then(|| texts[0].clone())
            })
            .await;
        assert!(text.len() > 500, "{path}: {text}");
    }
}

/// Changes that are many times as large as the state, so it is written again while replicas read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_join_while_the_state_is_written_again_show_the_same() {
    let options = ClusterOptions { replicas: 2, projects: 1, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let watcher = Watcher::start(&cluster.urls(), 16);
    for round in 0..5 {
        cluster.change(2000);
        tokio::time::sleep(Duration::from_millis(400)).await;
        if round % 2 == 0 {
            cluster.start_another(|config| config).await;
        }
    }
    cluster.is_up().await;
    cluster.shows_the_truth().await;
    watcher.end().await;
}

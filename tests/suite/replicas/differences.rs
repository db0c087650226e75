//! A replica whose config differs in what is counted.

use std::time::Duration;

use super::cluster::{Cluster, ClusterOptions};
use super::replica::Replica;
use super::watcher::Watcher;

type Difference = (&'static str, fn(String) -> String);

const DIFFERENCES: [Difference; 6] = [
    ("filter", |config| format!("{config}filter = {{ username = \"user-0001\" }}\n")),
    ("project_id", |config| config.replace("\"0123abcd\"", "\"4567cdef\"")),
    ("window", |config| config.replace("[poll]\n", "[poll]\nwindow = \"10d\"\n")),
    ("hold", |config| config.replace("counter_hold = \"0s\"", "counter_hold = \"9s\"")),
    ("user", |config| format!("[labels]\nuser = \"drop\"\n{config}")),
    ("labels", |config| format!("[labels]\nmax_pools = 2\n{config}")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_count_otherwise_follow_and_report_it() {
    let options = ClusterOptions { replicas: 1, projects: 1, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    for (_, change) in DIFFERENCES {
        cluster.start_another(change).await;
    }
    // The one that does not show users lacks their counters.
    let mut urls = cluster.urls();
    urls.remove(1 + DIFFERENCES.iter().position(|(what, _)| *what == "user").unwrap());
    let watcher = Watcher::start(&urls, 11);
    for _ in 0..10 {
        cluster.change(3);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(cluster.leaders().await["p0"], [0]);
    }
    for upstream in &cluster.upstreams {
        upstream.end_records();
    }
    cluster
        .eventually("all show the leader's values", async || {
            let scrapes = cluster.replicas.iter().map(Replica::records);
            let mut records = futures_util::future::join_all(scrapes).await;
            let mut truth = cluster.truth().into_iter();
            let is_right = truth.all(|(name, value)| records[0].get(&name) == Some(&value));
            // One of them is not allowed to show users.
            for records in &mut records {
                records.retain(|name, _| !name.starts_with("workspace_user_"));
            }
            let differing = (1..records.len()).filter(|number| records[*number] != records[0]);
            (is_right && differing.count() == 0).then_some(())
        })
        .await;
    for (number, (what, _)) in DIFFERENCES.iter().enumerate() {
        let replica = &cluster.replicas[number + 1];
        cluster
            .eventually(&format!("the log reports another {what}"), async || {
                let log = replica.log();
                let mut lines = log.lines().filter(|line| line.contains("level=warn"));
                lines.any(|line| line.contains("p0") && line.contains("differ")).then_some(())
            })
            .await;
        assert!(replica.text("/").await.contains("differ"), "{what}");
    }
    assert!(!cluster.replicas[0].log().contains("differ"));
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_counts_otherwise_leads_once_no_other_is_left() {
    let options = ClusterOptions { replicas: 2, projects: 1, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let other = cluster.start_another(DIFFERENCES[0].1).await;
    let first = cluster.leader("p0").await;
    cluster.replicas[first].stop().await;
    cluster
        .eventually("the equal one leads", async || {
            (cluster.leaders().await["p0"] == [1 - first]).then_some(())
        })
        .await;
    let before = cluster.replicas[other].counters().await;
    cluster.replicas[1 - first].stop().await;
    assert_eq!(cluster.leader("p0").await, other);
    cluster.is_up().await;
    let after = cluster.replicas[other].counters().await;
    for (name, value) in &before {
        assert!(after.get(name).is_some_and(|after| after >= value), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_or_a_credential_is_not_a_difference() {
    let options = ClusterOptions { replicas: 1, projects: 2, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let changes: [fn(String) -> String; 2] = [
        |config| config.replace("min_interval = \"300ms\"", "min_interval = \"400ms\""),
        |config| {
            let (before, projects) = config.split_once("[[projects]]").unwrap();
            let (first, second) = projects.split_once("[[projects]]").unwrap();
            format!("{before}[[projects]]{second}[[projects]]{first}")
        },
    ];
    for change in changes {
        cluster.start_another(change).await;
    }
    cluster.is_up().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for replica in &cluster.replicas {
        assert!(!replica.log().contains("differ"), "{}", replica.log());
    }
}

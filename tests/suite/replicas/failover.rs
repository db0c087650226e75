//! The database goes back in time: a standby that lagged takes its place.

use std::time::Duration;

use postgresql_server::Server;

use super::cluster::{Cluster, ClusterOptions};
use super::replica::Replica;
use super::watcher::Watcher;

/// Starts two replicas, and a standby that stops when it has everything so far.
async fn pair_with_standby(projects: usize) -> (Cluster, Server) {
    let options = ClusterOptions { replicas: 2, projects, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    cluster.change(20);
    cluster.shows_the_truth().await;
    let mut standby = Server::standby_of(&cluster.server).await;
    cluster.server.is_followed_by(&standby).await;
    standby.stop();
    (cluster, standby)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_lagged_gets_the_whole_state_again() {
    let (mut cluster, mut standby) = pair_with_standby(2).await;
    let watcher = Watcher::start(&cluster.urls(), 8);
    for _ in 0..4 {
        cluster.change(10);
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    cluster.shows_the_truth().await;
    let before = cluster.replicas[0].counters().await;
    cluster.server.stop();
    standby.run().await;
    standby.promote().await;
    for replica in &cluster.replicas {
        replica.proxy.connect_to(standby.port);
        replica.proxy.cut();
    }
    cluster.change(10);
    cluster.is_up().await;
    cluster.shows_the_truth().await;
    let counts = watcher.end().await;
    assert!(counts.without_counters > 0, "{counts:?}");
    cluster
        .eventually("the log reports it", async || {
            let logs: String = cluster.replicas.iter().map(Replica::log).collect();
            logs.lines().any(|line| line.contains("back in time")).then_some(())
        })
        .await;

    // A replica that knew nothing reads it from the database.
    for replica in &mut cluster.replicas {
        replica.stop().await;
    }
    cluster.server = standby;
    let number = cluster.start_another(|config| config).await;
    let after = cluster
        .eventually("counters", async || {
            Some(cluster.replicas[number].counters().await).filter(|counters| !counters.is_empty())
        })
        .await;
    for (name, value) in &before {
        assert!(after.get(name).is_some_and(|after| after >= value), "{name}");
    }
    cluster.shows_the_truth().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_starts_on_a_database_that_went_back_follows_one_that_knew() {
    let (mut cluster, mut standby) = pair_with_standby(1).await;
    // Some of these entries cannot be found again in the API later: records that begin, and end some polls later.
    cluster.change(40);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.shows_the_truth().await;
    let before = cluster.replicas[1].counters().await;
    let watcher = Watcher::start(&cluster.urls(), 9);

    cluster.server.stop();
    standby.run().await;
    standby.promote().await;
    // Leads the old copy before a replica that knows more can look at it. Its log gets longer than that one.
    cluster.replicas[0].kill();
    cluster.replicas[0].proxy.connect_to(standby.port);
    cluster.replicas[0].start().await;
    cluster.change(5);
    tokio::time::sleep(Duration::from_secs(6)).await;
    cluster.replicas[1].proxy.connect_to(standby.port);
    cluster.replicas[1].proxy.cut();
    cluster.shows_the_truth().await;
    for replica in &cluster.replicas {
        let after = replica.counters().await;
        for (name, value) in &before {
            let after = after.get(name);
            assert!(after.is_some_and(|after| after >= value), "{name} {value} {after:?}");
        }
    }
    let log = cluster.replicas[1].log();
    assert!(log.contains("back in time") && !log.contains("cannot be read"), "{log}");
    // What the restarted one showed before the other came back may be lower.
    drop(watcher);
    let watcher = Watcher::start(&cluster.urls(), 10);
    cluster.change(20);
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.shows_the_truth().await;
    watcher.end().await;
}

//! The API or the database is away.

use std::time::Duration;

use super::cluster::{Cluster, ClusterOptions, by_scrapes, own};
use super::replica::Replica;
use super::upstream::Samples;
use super::watcher::{Watcher, counters};
use crate::support::Metrics;

const UP: &str = "workspace_screen_records_up{project=\"p0\"}";

fn pair() -> ClusterOptions {
    ClusterOptions { replicas: 2, projects: 1, ..ClusterOptions::default() }
}

/// Requires that an answer shows all counters at their values or above, or none.
fn assert_has_counters(metrics: &Metrics, expected: &Samples, has_counters: bool) {
    let shown = counters(metrics);
    if has_counters {
        for (name, value) in expected {
            assert!(shown.get(name).is_some_and(|shown| shown >= value), "{name}");
        }
    } else {
        assert_eq!(shown, Samples::new());
    }
}

/// Waits until answers of a replica have `up` at this value, and counters or none.
async fn shows(cluster: &Cluster, replica: &Replica, up: f64, has_counters: bool) -> Metrics {
    let what = format!("{}: up {up}, counters {has_counters}", replica.name);
    cluster
        .eventually(&what, async || {
            let metrics = replica.scrape().await?;
            let is_expected =
                metrics.0.get(UP) == Some(&up) && counters(&metrics).is_empty() != has_counters;
            is_expected.then_some(metrics)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_poll_shows_on_all_replicas_and_counters_stay() {
    let cluster = Cluster::start(ClusterOptions { projects: 1, ..ClusterOptions::default() }).await;
    cluster.change(20);
    cluster.shows_the_truth().await;
    let before = cluster.replicas[0].counters().await;
    cluster.upstreams[0].simulator.set_faults(vec!["status=503".parse().unwrap()]);
    for replica in &cluster.replicas {
        let metrics = shows(&cluster, replica, 0.0, true).await;
        assert_eq!(counters(&metrics), before);
        let page = replica.text("/").await;
        assert!(page.contains("503"), "{}: {page}", replica.name);
    }
    cluster.upstreams[0].simulator.set_faults(Vec::new());
    cluster.is_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_only_the_leader_shows_counters_until_its_lease_ends() {
    let options = ClusterOptions { lease: "6s".to_owned(), ..pair() };
    let mut cluster = Cluster::start(options).await;
    cluster.change(20);
    cluster.shows_the_truth().await;
    let leader = cluster.leader("p0").await;
    let watcher = Watcher::start(&cluster.urls(), 6);
    let before = cluster.replicas[leader].counters().await;
    cluster.server.stop();
    let metrics = cluster.replicas[leader].metrics().await;
    assert_has_counters(&metrics, &before, true);
    let metrics = cluster.replicas[1 - leader].metrics().await;
    assert_has_counters(&metrics, &before, false);
    assert_eq!(metrics.0.get(UP), Some(&0.0));
    assert!(metrics.0.contains_key("workspace_screen_records{project=\"p0\",status=\"REC_FAILED\",type=\"FULL\",pool=\"_none\"}"), "record gauges stay");
    shows(&cluster, &cluster.replicas[leader], 0.0, false).await;
    cluster.change(20);
    cluster.server.run().await;
    for replica in &cluster.replicas {
        let metrics = shows(&cluster, replica, 1.0, true).await;
        assert_has_counters(&metrics, &before, true);
    }
    cluster.shows_the_truth().await;
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_delays_an_answer_by_about_a_second() {
    let cluster = Cluster::start(pair()).await;
    cluster.change(20);
    cluster.shows_the_truth().await;
    let follower = &cluster.replicas[1 - cluster.leader("p0").await];
    follower.proxy.pause(true);
    for _ in 0..2 {
        let begun = tokio::time::Instant::now();
        let metrics = follower.metrics().await;
        assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
        assert_has_counters(&metrics, &Samples::new(), false);
        assert_eq!(metrics.0.get(UP), Some(&0.0));
    }
    follower.proxy.pause(false);
    shows(&cluster, follower, 1.0, true).await;
    cluster.shows_the_truth().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_changes_is_reported_by_all_replicas() {
    let cluster = Cluster::start(pair()).await;
    cluster.change(10);
    cluster.shows_the_truth().await;
    let set_read_only = async |value: &str| {
        let set = format!("alter system set default_transaction_read_only = {value}");
        cluster.server.execute(&set).await;
        cluster.server.execute("select pg_reload_conf()").await;
    };
    set_read_only("on").await;
    for replica in &cluster.replicas {
        cluster
            .eventually("it is reported", async || {
                let metrics = replica.scrape().await?;
                let available = "screen_records_exporter_state_available".to_owned();
                let all = [UP.to_owned(), available, own("state_leader", "p0")];
                all.iter().all(|name| metrics.0.get(name) == Some(&0.0)).then_some(())
            })
            .await;
    }
    set_read_only("off").await;
    cluster.is_up().await;
    cluster.change(10);
    cluster.shows_the_truth().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_is_0_while_no_replica_can_lead() {
    let cluster = Cluster::start(pair()).await;
    cluster.change(10);
    cluster.shows_the_truth().await;
    let follower = &cluster.replicas[1 - cluster.leader("p0").await];
    let before = follower.counters().await;
    // Whatever the database says, it refuses all leases.
    let refuse = "create function refuse() returns trigger language plpgsql as \
                  $$ begin raise exception 'refused'; end $$; \
                  create trigger refuse before update on screen_records_project_1 \
                  for each row execute function refuse()";
    cluster.server.execute(refuse).await;
    let metrics = shows(&cluster, follower, 0.0, true).await;
    assert_has_counters(&metrics, &before, true);
    assert!(follower.text("/").await.contains("no replica polls the project"));
    cluster.server.execute("drop trigger refuse on screen_records_project_1").await;
    cluster.is_up().await;
    cluster.shows_the_truth().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_is_answered_in_its_time_while_the_database_hangs() {
    let cluster = Cluster::start(ClusterOptions { poll: by_scrapes("300ms"), ..pair() }).await;
    for replica in &cluster.replicas {
        replica.proxy.pause(true);
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let timeout = Duration::from_secs(3);
    let scrapes = cluster.replicas.iter().map(|replica| replica.scrape_within(timeout));
    for (metrics, took) in futures_util::future::join_all(scrapes).await {
        assert!(took < timeout, "{took:?}");
        assert_eq!(metrics.0.get(UP), Some(&0.0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_starts_without_the_database_and_is_ready_once_it_is_there() {
    let mut cluster = Cluster::prepare(pair()).await;
    cluster.server.stop();
    let number = cluster.start_another(|config| config).await;
    let replica = &cluster.replicas[number];
    assert_eq!(replica.status("/-/healthy").await, 200);
    assert_eq!(replica.status("/-/ready").await, 503);
    let metrics = shows(&cluster, replica, 0.0, false).await;
    assert_eq!(metrics.0.get(&own("state_leader", "p0")), Some(&0.0));
    assert!(replica.text("/").await.contains("127.0.0.1/postgres"), "the page names the database");
    cluster.server.run().await;
    // Nobody scrapes a replica that is not ready.
    cluster
        .eventually("it is ready", async || (replica.status("/-/ready").await == 200).then_some(()))
        .await;
    cluster.is_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_continue_after_the_database_crashed() {
    let mut cluster = Cluster::start(ClusterOptions::default()).await;
    let watcher = Watcher::start(&cluster.urls(), 7);
    for _ in 0..3 {
        cluster.change(10);
        cluster.server.crash();
        cluster.change(10);
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.server.run().await;
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    cluster.is_up().await;
    cluster.shows_the_truth().await;
    watcher.end().await;
}

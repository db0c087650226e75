//! `poll.counter_hold` follows the times of commits, so it is the same on all replicas.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::{Cluster, ClusterOptions};
use super::replica::Replica;
use super::watcher::Watcher;

const HOLD: Duration = Duration::from_secs(3);

fn holding() -> ClusterOptions {
    let poll = "mode = \"background\"\nmin_interval = \"300ms\"\ncounter_hold = \"3s\"\n";
    ClusterOptions { projects: 1, poll: poll.to_owned(), ..ClusterOptions::default() }
}

fn failures(cluster: &Cluster) -> String {
    let pool = cluster.upstreams[0].simulator.edit(|world| world.directory().pool_id(0).to_owned());
    format!(
        "workspace_screen_record_transitions_total{{project=\"p0\",status=\"UPLOAD_FAILED\",\
         type=\"FULL\",pool=\"{pool}\"}}"
    )
}

/// Returns the value on each replica.
async fn shown(cluster: &Cluster, sample: &str) -> Vec<Option<f64>> {
    let scrapes = cluster.running().map(Replica::counters);
    let shown = futures_util::future::join_all(scrapes).await;
    shown.iter().map(|counters| counters.get(sample).copied()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_series_shows_0_on_all_replicas_until_the_hold_ends() {
    let options = ClusterOptions { upstream: |options| options.records = 0, ..holding() };
    let cluster = Cluster::start(options).await;
    // What the first commit changes is held, too.
    tokio::time::sleep(HOLD).await;
    let watcher = Watcher::start(&cluster.urls(), 13);
    let sample = failures(&cluster);
    assert_eq!(shown(&cluster, &sample).await, [None; 3]);
    cluster.upstreams[0].fail(3);
    cluster
        .eventually("it appears with 0", async || {
            (shown(&cluster, &sample).await == [Some(0.0); 3]).then_some(())
        })
        .await;
    let begun = Instant::now();
    cluster.upstreams[0].fail(2);
    let mut values = Vec::new();
    cluster
        .eventually("it shows what was counted", async || {
            let shown = shown(&cluster, &sample).await;
            values.push(shown.clone());
            (shown == [Some(5.0); 3]).then_some(())
        })
        .await;
    let held = begun.elapsed();
    assert!(held > HOLD / 2 && held < HOLD + Duration::from_secs(3), "{held:?}");
    // A scrape of the first replica may come before the commit, and one of the last after it.
    let is_held = |value: &Option<f64>| [Some(0.0), Some(5.0)].contains(value);
    assert!(values.iter().flatten().all(is_held), "{values:?}");
    watcher.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_restart_of_a_replica_holds_nothing() {
    let mut cluster = Cluster::start(holding()).await;
    let sample = failures(&cluster);
    cluster.upstreams[0].fail(3);
    cluster
        .eventually("they are counted", async || {
            (shown(&cluster, &sample).await == [Some(3.0); 3]).then_some(())
        })
        .await;
    let watcher = Watcher::start(&cluster.urls(), 14);
    for (round, number) in [(1, 0), (2, 1), (3, 2)] {
        cluster.replicas[number].stop().await;
        cluster.replicas[number].start().await;
        let begun = Instant::now();
        cluster.upstreams[0].fail(1);
        let expected = [Some(3.0 + f64::from(round)); 3];
        cluster
            .eventually("it is counted", async || {
                (shown(&cluster, &sample).await == expected).then_some(())
            })
            .await;
        assert!(begun.elapsed() < HOLD, "{:?}", begun.elapsed());
    }
    watcher.end().await;
}

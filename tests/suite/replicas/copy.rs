//! `state copy` between directories and databases.

use std::path::Path;
use std::process::Output;

use super::cluster::{Cluster, ClusterOptions};
use super::replica::command;
use super::upstream::Samples;
use super::watcher::counters;
use crate::support::{Exporter, Process, write};

fn options() -> ClusterOptions {
    ClusterOptions { replicas: 0, projects: 2, ..ClusterOptions::default() }
}

/// Starts an exporter with its state in a directory.
async fn exporter_of(cluster: &Cluster, directory: &Path) -> Exporter {
    let state = format!("directory = \"{}\"\n", directory.display());
    let config = cluster.config_with(&state, "127.0.0.1:0");
    let config = write(cluster.folder.path(), "directory.toml", &config);
    Exporter::of(Process::start(&mut command(&config))).await
}

/// Waits until an exporter shows all entries, ends it, and returns the counters that it showed.
async fn ended(cluster: &Cluster, exporter: Exporter) -> Samples {
    let shown = cluster
        .eventually("the truth", async || {
            let shown = counters(&exporter.metrics().await);
            let mut truth = cluster.truth().into_iter();
            truth.all(|(name, value)| shown.get(&name) == Some(&value)).then_some(shown)
        })
        .await;
    assert_eq!(exporter.process.end_by("TERM").await.0, Some(0));
    shown
}

fn copy(cluster: &Cluster, from: &str, to: &str) -> Output {
    let config = cluster.config("r", &cluster.server.url(), "127.0.0.1:0");
    let config = write(cluster.folder.path(), "copy.toml", &config);
    let mut command = command(&config);
    command.env("STATE_DATABASE", cluster.server.url());
    command.args(["state", "copy", "--from", from, "--to", to]).output().unwrap()
}

fn assert_copies(cluster: &Cluster, from: &str, to: &str) {
    let output = copy(cluster, from, to);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{from} to {to}: {stderr}");
}

fn assert_refuses(cluster: &Cluster, from: &str, to: &str, why: &str) {
    let output = copy(cluster, from, to);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{from} to {to}: {stderr}");
    assert!(stderr.contains(why), "{from} to {to}: {stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_survives_the_way_to_the_database_and_back() {
    let mut cluster = Cluster::prepare(options()).await;
    let (first, second) = (cluster.folder.path().join("a"), cluster.folder.path().join("b"));
    let (from, back) = (first.to_str().unwrap(), second.to_str().unwrap());
    let exporter = exporter_of(&cluster, &first).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p1\"}", 1.0).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p0\"}", 1.0).await;
    cluster.change(30);
    for upstream in &cluster.upstreams {
        upstream.end_records();
    }
    let in_directory = ended(&cluster, exporter).await;
    assert!(in_directory.len() > 100, "{}", in_directory.len());

    assert_copies(&cluster, from, "state.url");
    assert_refuses(&cluster, from, "state.url", "holds");
    let number = cluster.start_another(|config| config).await;
    let in_database = cluster
        .eventually("counters", async || {
            Some(cluster.replicas[number].counters().await).filter(|shown| !shown.is_empty())
        })
        .await;
    assert_eq!(in_database, in_directory);
    cluster.change(30);
    cluster.shows_the_truth().await;
    let in_database = cluster.replicas[number].counters().await;
    cluster.replicas[number].stop().await;

    assert_copies(&cluster, "env:STATE_DATABASE", back);
    assert_refuses(&cluster, "state.url", from, "holds");
    let file = write(cluster.folder.path(), "url", &format!("{}\n", cluster.server.url()));
    assert_refuses(&cluster, &format!("file:{}", file.display()), back, "holds");
    let exporter = exporter_of(&cluster, &second).await;
    assert_eq!(counters(&exporter.metrics().await), in_database);
    exporter.scraped_until("workspace_screen_records_up{project=\"p0\"}", 1.0).await;
    cluster.change(30);
    for upstream in &cluster.upstreams {
        upstream.end_records();
    }
    ended(&cluster, exporter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_in_use_is_refused() {
    let mut cluster = Cluster::prepare(options()).await;
    let directory = cluster.folder.path().join("a");
    let exporter = exporter_of(&cluster, &directory).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p1\"}", 1.0).await;
    assert_refuses(&cluster, directory.to_str().unwrap(), "state.url", "stop");
    cluster.start_another(|config| config).await;
    cluster.is_up().await;
    let target = cluster.folder.path().join("b");
    assert_refuses(&cluster, "state.url", target.to_str().unwrap(), "stop");
    assert!(!target.join("p0.redb").exists(), "nothing is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_copied_if_one_of_the_states_is_in_use() {
    let cluster = Cluster::prepare(options()).await;
    let directory = cluster.folder.path().join("a");
    let from = directory.to_str().unwrap();
    let exporter = exporter_of(&cluster, &directory).await;
    ended(&cluster, exporter).await;
    let state = format!("directory = \"{from}\"\n");
    let config = cluster.config_with(&state, "127.0.0.1:0");
    let only_second = config.replace(&cluster.upstreams[0].section(), "");
    let only_second = write(cluster.folder.path(), "second.toml", &only_second);
    let exporter = Exporter::of(Process::start(&mut command(&only_second))).await;
    assert_refuses(&cluster, from, "state.url", "stop");
    assert_eq!(exporter.process.end_by("TERM").await.0, Some(0));
    // The target is still empty.
    assert_copies(&cluster, from, "state.url");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_holds_nothing_is_reported() {
    let mut cluster = Cluster::prepare(options()).await;
    let missing = cluster.folder.path().join("missing");
    let target = cluster.folder.path().join("b");
    for (from, to) in [
        (missing.to_str().unwrap(), "state.url"),
        ("state.url", target.to_str().unwrap()),
        ("env:NO_SUCH_VARIABLE", target.to_str().unwrap()),
        ("file:/no/such/file", target.to_str().unwrap()),
    ] {
        let output = copy(&cluster, from, to);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{from} to {to}: {stderr}");
        assert!(!stderr.is_empty());
    }
    cluster.server.stop();
    let output = copy(&cluster, "state.url", target.to_str().unwrap());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("127.0.0.1/postgres"), "{stderr}");
}

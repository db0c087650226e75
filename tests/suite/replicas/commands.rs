//! Commands beside running replicas.

use super::cluster::{Cluster, ClusterOptions, background};
use super::replica::command;
use crate::support::write;

/// Returns everything in the database but the moments that replicas write while they run.
async fn content(cluster: &Cluster) -> String {
    let list = "select table_name from information_schema.tables where table_schema = 'public' \
                order by 1";
    let mut content = String::new();
    for table in cluster.server.execute(list).await.lines() {
        let rows = format!(
            "select (to_jsonb(t) - 'lease_until' - 'seen')::text from {table} as t order by 1"
        );
        let rows = cluster.server.execute(&rows).await;
        content.extend([table, "\n", &rows, "\n"]);
    }
    content
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_and_check_change_nothing_beside_running_replicas() {
    let options = ClusterOptions { poll: background("1h"), ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    // Until all projects were moved.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let (before, leaders) = (content(&cluster).await, cluster.leaders().await);
    assert!(before.lines().count() > 6, "{before}");
    cluster.change(10);
    let config = cluster.config("r9", &cluster.server.url(), "127.0.0.1:0");
    let config = write(cluster.folder.path(), "command.toml", &config);
    for arguments in [&["once"][..], &["check", "--online"], &["check"]] {
        let output = command(&config).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        if arguments == ["once"] {
            let stdout = String::from_utf8(output.stdout).unwrap();
            for project in cluster.projects() {
                let up = format!("workspace_screen_records_up{{project=\"{project}\"}} 1\n");
                assert!(stdout.contains(&up), "{stdout}");
            }
        }
        assert_eq!(content(&cluster).await, before, "{arguments:?}");
        assert_eq!(cluster.leaders().await, leaders, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_counts_from_the_state_in_the_database() {
    let options =
        ClusterOptions { replicas: 2, poll: background("1h"), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    cluster.change(20);
    for upstream in &cluster.upstreams {
        upstream.end_records();
    }
    for replica in &mut cluster.replicas {
        replica.stop().await;
    }
    let before = content(&cluster).await;
    let config = cluster.config("r9", &cluster.server.url(), "127.0.0.1:0");
    let config = write(cluster.folder.path(), "command.toml", &config);
    let output = command(&config).arg("once").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let shown = crate::support::Metrics::parse(&String::from_utf8(output.stdout).unwrap());
    for (name, value) in cluster.truth() {
        assert_eq!(shown.0.get(&name), Some(&value), "{name}");
    }
    assert_eq!(content(&cluster).await, before);

    cluster.server.stop();
    let output = command(&config).args(["check", "--online"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the database 127.0.0.1/postgres"), "{stderr}");
}

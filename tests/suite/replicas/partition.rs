//! A replica in a network namespace of its own loses the network of the database, and keeps that of the API.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use postgresql_server::ServerOptions;

use super::cluster::{Cluster, ClusterOptions, LEASE};
use super::upstream::Upstream;
use super::watcher::Watcher;

/// A namespace with two networks, which ends with this value. Requires root.
struct Namespace {
    name: String,
    /// First three bytes of all addresses, from the range for tests of networks.
    prefix: String,
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {stderr}");
}

impl Namespace {
    fn new() -> Self {
        let id = std::process::id();
        let namespace = Self { name: format!("sre{id}"), prefix: format!("198.18.{}", id % 256) };
        let Self { name, prefix } = &namespace;
        ip(&format!("netns add {name}"));
        for (link, host, inside) in [("a", 1, 2), ("b", 5, 6)] {
            ip(&format!("link add {name}{link} type veth peer name {link} netns {name}"));
            ip(&format!("address add {prefix}.{host}/30 dev {name}{link}"));
            ip(&format!("link set dev {name}{link} up"));
            ip(&format!("-n {name} address add {prefix}.{inside}/30 dev {link}"));
            ip(&format!("-n {name} link set dev {link} up"));
        }
        ip(&format!("-n {name} link set dev lo up"));
        namespace
    }

    fn address(&self, host: u8) -> String {
        format!("{}.{host}", self.prefix)
    }

    /// Breaks the network of the database, or repairs it.
    fn set_database_network(&self, state: &str) {
        ip(&format!("link set dev {}b {state}", self.name));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its links go with it.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_the_network_of_the_database_is_replaced_and_comes_back() {
    let namespace = Namespace::new();
    let address = Some(namespace.address(5));
    let server = ServerOptions { address, ..ServerOptions::default() };
    let options = ClusterOptions { projects: 0, replicas: 0, server, ..ClusterOptions::default() };
    let mut cluster = Cluster::prepare(options).await;
    let api = Upstream::start(0, &namespace.address(1), |_| {}).await;
    cluster.upstreams.push(Arc::new(api));
    let inside = namespace.address(2);
    let database = format!("{}:{}", namespace.address(5), cluster.server.port);
    let change = |config: String| {
        let url = config.split("url = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let new = format!("postgresql://postgres@{database}/postgres?sslmode=disable");
        let config = config.replace(&url, &new);
        let config = config.replace("[state]\n", "[state]\ninsecure_tls = true\n");
        let (before, rest) = config.split_once("listen_addresses = [\"127.0.0.1").unwrap();
        format!("{before}listen_addresses = [\"{inside}{rest}")
    };
    cluster.add(0, change).await;
    let replica = &mut cluster.replicas[0];
    replica.url = replica.url.replace("127.0.0.1", &inside);
    replica.namespace = Some(namespace.name.clone());
    replica.start().await;
    assert_eq!(cluster.leader("p0").await, 0);
    cluster.start_another(|config| config).await;
    cluster.is_up().await;

    let watcher = Watcher::start(&cluster.urls(), 15);
    cluster.change(10);
    tokio::time::sleep(Duration::from_millis(500)).await;
    namespace.set_database_network("down");
    let begun = tokio::time::Instant::now();
    cluster.change(10);
    cluster
        .eventually("the other leads", async || {
            let metrics = cluster.replicas[1].metrics().await;
            (metrics.get("screen_records_exporter_state_leader{project=\"p0\"}") == 1.0)
                .then_some(())
        })
        .await;
    assert!(begun.elapsed() < LEASE + Duration::from_secs(3), "{:?}", begun.elapsed());
    cluster
        .eventually("no counters without the database", async || {
            let metrics = cluster.replicas[0].metrics().await;
            let up = metrics.get("workspace_screen_records_up{project=\"p0\"}");
            (super::watcher::counters(&metrics).is_empty() && up == 0.0).then_some(())
        })
        .await;
    cluster.change(10);
    tokio::time::sleep(Duration::from_millis(500)).await;
    namespace.set_database_network("up");
    cluster.is_up().await;
    cluster.shows_the_truth().await;
    watcher.end().await;
}

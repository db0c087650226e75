//! Several Prometheus servers share the projects of one exporter: the examples of `docs/scaling.md`, run.

use std::collections::BTreeMap;
use std::path::Path;

use super::examples::{EXPORTER, address, projects, quick};
use super::prometheus::Prometheus;
use crate::support::{Api, Exporter, eventually};

const NAMES: [&str; 12] =
    ["north", "south", "east", "west", "prod", "test", "a b", "bureau é", "0", "1", "x", "y"];

/// How often each project is scraped and up.
async fn up(all: &[Prometheus]) -> BTreeMap<String, f64> {
    let mut up = BTreeMap::new();
    for prometheus in all {
        let query =
            "count by (project) (up == 1 and on (project) workspace_screen_records_up == 1)";
        for (labels, count) in prometheus.query(query, &["project"]).await {
            *up.entry(labels[0].clone()).or_default() += count;
        }
    }
    up
}

fn once(names: &[&str]) -> BTreeMap<String, f64> {
    names.iter().map(|name| ((*name).to_owned(), 1.0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_prometheus_servers_together_scrape_each_project_once() {
    let api = Api::start(&["--records", "100"]);
    let exporter = Exporter::start(&projects(&api.url, &NAMES)).await;
    let mut all = Vec::new();
    for shard in ["regex: \"0\"", "regex: \"1\""] {
        let texts = [(EXPORTER, address(&exporter.url)), ("regex: \"0\"", shard)];
        let config = quick("shard.yml", &texts);
        all.push(Prometheus::launch(Path::new("prometheus"), &[], &config).await);
    }
    eventually("each project is scraped once", async || {
        (up(&all).await == once(&NAMES)).then_some(())
    })
    .await;
    for prometheus in &all {
        let expected =
            "count(up == 1 and on (project) workspace_screen_records_up == 1) == count(up)";
        prometheus.stops_when(expected).await;
        let shared = up(std::slice::from_ref(prometheus)).await;
        assert!(shared.len() > 2, "{shared:?}");
        // The target's label and the series' are one.
        let doubled = "count({exported_project!=\"\"})";
        assert_eq!(prometheus.value(doubled).await, None);
        let series =
            prometheus.query("workspace_screen_records_up", &["project", "instance"]).await;
        let instance = address(&exporter.url);
        assert!(series.keys().all(|labels| shared.contains_key(&labels[0])), "{series:?}");
        assert!(series.keys().all(|labels| labels[1] == instance), "{series:?}");
        assert_eq!(prometheus.complaints(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_are_scraped_by_name_and_at_another_address() {
    let names = ["north", "south"];
    let api = Api::start(&["--records", "100"]);
    let exporter = Exporter::start(&projects(&api.url, &names)).await;
    let at = address(&exporter.url);
    let balancer = at.replace("127.0.0.1", "localhost");
    let texts = [(EXPORTER, at), ("balancer.example.org:10047", &balancer)];
    let program = Path::new("prometheus");
    let elsewhere = Prometheus::launch(program, &[], &quick("other-address.yml", &texts)).await;
    let by_name = Prometheus::launch(program, &[], &quick("static.yml", &texts[..1])).await;
    let both = "count(workspace_screen_records_up == 1) == 2";
    elsewhere.stops_when(both).await;
    by_name.stops_when(both).await;
    let labels = ["instance", "project"];
    let found = elsewhere.query("up == 1", &labels).await;
    let found: Vec<_> = found.into_keys().collect();
    assert_eq!(found, names.map(|name| vec![at.to_owned(), name.to_owned()]));
    let found = by_name.query("workspace_screen_records_up == 1", &labels).await;
    let found: Vec<_> = found.into_keys().collect();
    assert_eq!(found, names.map(|name| vec![name.to_owned(), name.to_owned()]));
}

//! Two exporters with the same projects, and the rules that make one of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::examples::{address, path, projects, quick};
use super::prometheus::{Prometheus, newer};
use crate::support::{Api, Exporter, eventually};

#[test]
fn the_rules_for_pairs_pass_their_test() {
    for promtool in [Path::new("promtool").to_owned(), newer("promtool")] {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&promtool);
            let output = command.args(arguments).current_dir(path("")).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
        };
        run(&["check", "rules", "ha-rules.yml"]);
        run(&["test", "rules", "ha-rules-test.yml"]);
        // Every example is a config.
        for name in ["shard.yml", "other-address.yml", "static.yml", "ha.yml"] {
            run(&["check", "config", name]);
        }
        run(&["check", "config", "--agent", "agent.yml"]);
    }
}

/// The records gauges of an exporter, but moments.
async fn gauges(exporter: &Exporter) -> BTreeMap<String, f64> {
    let mut gauges = exporter.metrics().await.of("workspace_");
    let is_moment_or_counter = |name: &str| {
        ["_timestamp_seconds{", "_total{", "_bucket{", "_sum{", "_count{"]
            .iter()
            .any(|part| name.contains(part))
    };
    gauges.retain(|name, _| !is_moment_or_counter(name));
    gauges
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_shows_the_same_gauges_and_the_rules_show_them_once() {
    let api = Api::start(&["--records", "500", "--hostile-names"]);
    let (first, second) = (
        Exporter::start(&projects(&api.url, &["north", "south"])).await,
        Exporter::start(&projects(&api.url, &["north", "south"])).await,
    );
    let rules = path("ha-rules.yml");
    let config = quick(
        "ha.yml",
        &[
            ("screen-records-exporter-a.example.org:10047", address(&first.url)),
            ("screen-records-exporter-b.example.org:10047", address(&second.url)),
            ("ha-rules.yml", rules.to_str().unwrap()),
            ("evaluation_interval: 60s", "evaluation_interval: 1s"),
        ],
    );
    let prometheus = Prometheus::launch(Path::new("prometheus"), &[], &config).await;
    prometheus.has_scraped(4).await;
    let of_first = gauges(&first).await;
    assert!(of_first.len() > 200);
    assert_eq!(of_first, gauges(&second).await);

    let labels = ["project", "status", "type", "pool"];
    let truth = format!("max by ({}) (workspace_screen_records)", labels.join(", "));
    let rule = "project_status_type_pool:workspace_screen_records:max";
    let same = async |what: &str| {
        eventually(what, async || {
            let expected = prometheus.query(&truth, &labels).await;
            let found = prometheus.query(rule, &[&labels[..], &["instance"]].concat()).await;
            let expected: BTreeMap<_, _> = expected
                .into_iter()
                .map(|(labels, value)| ([labels, vec![String::new()]].concat(), value))
                .collect();
            (expected.len() > 20 && expected == found).then_some(found)
        })
        .await
    };
    let before = same("the rule shows each once").await;
    drop(second);
    eventually("one is away", async || (prometheus.value("sum(up)").await? == 1.0).then_some(()))
        .await;
    assert_eq!(same("the rule shows each still").await, before);
    assert_eq!(prometheus.complaints(), [""; 0]);
}

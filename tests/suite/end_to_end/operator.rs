//! The manifests for the Prometheus Operator, held against the configs that run without one.
//!
//! No Operator runs here. What it makes of a manifest is taken from its source (`promcfg.go`,
//! `generateProbeConfig` and `generateScrapeConfig`); that its own schema takes the manifests is not
//! tested.

use serde_json::{Map, Value, json};

use super::examples::parsed;

/// Keys as Prometheus writes them: `sourceLabels` is `source_labels`.
fn snake_case(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(snake_case).collect(),
        Value::Object(object) => {
            let mut renamed = Map::new();
            for (key, value) in object {
                let mut name = String::new();
                for letter in key.chars() {
                    if letter.is_ascii_uppercase() {
                        name.push('_');
                    }
                    name.push(letter.to_ascii_lowercase());
                }
                renamed.insert(name, snake_case(value));
            }
            Value::Object(renamed)
        }
        other => other.clone(),
    }
}

#[test]
fn the_probe_asks_for_what_the_static_example_asks_for() {
    let probe = &parsed("operator/probe.yml")["spec"];
    let config = parsed("static.yml");
    let job = &config["scrape_configs"][0];
    assert_eq!(probe["jobName"], job["job_name"]);
    assert_eq!(probe["interval"], config["global"]["scrape_interval"]);
    assert_eq!(probe["scrapeTimeout"], config["global"]["scrape_timeout"]);
    assert_eq!(probe["prober"]["path"], job["metrics_path"]);
    let targets = &probe["targets"]["staticConfig"];
    assert_eq!(json!([{"targets": targets["static"]}]), job["static_configs"]);
    // What the Operator makes of every probe.
    let relabelings = json!([
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": probe["prober"]["url"]},
    ]);
    assert_eq!(relabelings, job["relabel_configs"]);
}

#[test]
fn the_scrape_config_asks_for_what_the_sharded_example_asks_for() {
    let manifest = &parsed("operator/scrapeconfig.yml")["spec"];
    let config = parsed("shard.yml");
    let job = &config["scrape_configs"][0];
    assert_eq!(manifest["jobName"], job["job_name"]);
    assert_eq!(manifest["scrapeInterval"], config["global"]["scrape_interval"]);
    assert_eq!(manifest["scrapeTimeout"], config["global"]["scrape_timeout"]);
    assert_eq!(manifest["honorLabels"], job["honor_labels"]);
    assert_eq!(manifest["httpSDConfigs"], job["http_sd_configs"]);
    let ours = snake_case(&manifest["relabelings"]);
    let theirs = &job["relabel_configs"];
    assert_eq!(ours[0], theirs[0]);
    // The Operator hashes what stands in __tmp_hash, and keeps its shard's.
    for key in ["source_labels", "target_label"] {
        assert_eq!(ours[1][key], theirs[1][key], "{key}");
    }
    assert_eq!(
        (&theirs[1]["action"], &theirs[2]["source_labels"]),
        (&json!("hashmod"), &json!(["__tmp_hash"]))
    );
    assert_eq!((ours.as_array().unwrap().len(), theirs.as_array().unwrap().len()), (2, 3));
}

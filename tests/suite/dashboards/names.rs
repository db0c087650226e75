//! Every metric, label and status in a query exists, and every metric has a panel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use records_api::record::{RecordType, Status};
use screen_records_exporter::exposition::{CATALOG, Kind, Metric, Scope};
use serde_json::Value;

use super::board::{Board, targets};
use super::promql::{Query, Selector};
use crate::catalog::read;

/// Labels added by Prometheus.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// Returns the metric of a series, and the suffix of the series.
fn metric(name: &str) -> Option<(&'static Metric, &str)> {
    let of = |name: &str| CATALOG.iter().copied().find(|metric| metric.name == name);
    let suffixed = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| {
        let metric = of(name.strip_suffix(suffix)?)?;
        (metric.kind == Kind::Histogram).then_some((metric, suffix))
    });
    suffixed.or_else(|| of(name).map(|metric| (metric, "")))
}

/// Returns the files with an extension below a folder.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&name, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(name);
        }
    }
    found.sort();
    found
}

/// Returns whether a metric exists only with a database (`state.url`).
pub(crate) fn needs_database(name: &str) -> bool {
    let prefix = "screen_records_exporter_state_";
    name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with("commit_duration"))
}

/// Returns the recording rules and alerts of a file.
pub(crate) fn rules(file: &str) -> Vec<Value> {
    let parsed: Value = serde_saphyr::from_str(&read(file)).unwrap();
    let groups = parsed["groups"].as_array().into_iter().flatten();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// Returns the files with rules.
fn rule_files() -> Vec<String> {
    let all = files("dashboards", "yml").into_iter().chain(files("examples", "yml"));
    // The manifests have several documents and contain no rules.
    let all = all.filter(|file| !file.contains("operator"));
    all.filter(|file| !rules(file).is_empty()).collect()
}

/// Returns every query of a rule, with its place.
pub(crate) fn queries_of_rules() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in rule_files() {
        for rule in rules(&file) {
            let name = rule.get("alert").or(rule.get("record")).unwrap().as_str().unwrap();
            found.push((format!("{file}: {name}"), rule["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

/// Returns every query of dashboards, rules and documents, with its place.
fn queries() -> Vec<(String, String)> {
    let mut found: Vec<_> =
        targets().into_iter().map(|target| (target.place, target.expression)).collect();
    for board in Board::all() {
        found.extend(board.label_values().into_iter().map(|(series, label)| {
            (format!("{}: {label}", board.file), format!("group by ({label}) ({series})"))
        }));
    }
    found.extend(queries_of_rules());
    let documents = files("docs", "md").into_iter().chain(files("dashboards", "md"));
    for file in documents.chain(["README.md".to_owned()]) {
        let text = read(&file);
        let blocks = text.split("```promql\n").skip(1);
        for block in blocks.map(|rest| rest.split("```").next().unwrap()) {
            // A block contains one query, or one per line.
            let whole = block.matches('\n').count() > 1 && block.contains("\n  ");
            let each = if whole { vec![block] } else { block.lines().collect() };
            let each = each.into_iter().filter(|query| !query.trim().is_empty());
            found.extend(each.map(|query| (file.clone(), query.to_owned())));
        }
    }
    found
}

/// Returns the queries of all recorded series by name.
fn recording_rules() -> BTreeMap<String, String> {
    let all = rule_files().into_iter().flat_map(|file| rules(&file));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    all.filter_map(|rule| Some((text(&rule["record"])?, text(&rule["expr"])?))).collect()
}

/// Returns the names of all recorded series.
pub(crate) fn recorded() -> BTreeSet<String> {
    recording_rules().into_keys().collect()
}

/// Returns the metrics of a query, including those of the recorded series in it.
fn metrics_of(query: &str, recorded: &BTreeMap<String, String>) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for selector in Query::of(query).selectors {
        if let Some(rule) = recorded.get(&selector.name) {
            found.extend(metrics_of(rule, recorded));
        }
        found.extend(metric(&selector.name).map(|(metric, _)| metric.name));
    }
    found
}

/// Returns the possible values of a label, if they are fixed.
fn values(label: &str) -> Option<Vec<&'static str>> {
    match label {
        "status" => Some(Status::ALL.map(Status::code).into()),
        "type" => Some(RecordType::ALL.map(RecordType::code).into()),
        _ => None,
    }
}

fn assert_matchers(place: &str, selector: &Selector, labels: &BTreeSet<&str>) {
    for matcher in &selector.matchers {
        let label = matcher.label.as_str();
        assert!(labels.contains(label), "{place}: {} has no label {label}", selector.name);
        let Some(values) = values(label).filter(|_| !matcher.value.starts_with('$')) else {
            continue;
        };
        for value in matcher.value.split('|') {
            assert!(values.contains(&value), "{place}: there is no {label} {value}");
        }
    }
}

#[test]
fn every_metric_label_and_status_of_every_query_exists() {
    let recorded = recorded();
    let queries = queries();
    assert!(queries.len() > 90, "{}", queries.len());
    for (place, text) in &queries {
        let query = Query::of(text);
        assert!(!query.selectors.is_empty(), "{place}: {text}");
        let mut all: BTreeSet<_> = TARGET_LABELS.into();
        all.extend(query.texts.iter().map(String::as_str));
        let mut is_known = true;
        for selector in &query.selectors {
            let name = selector.name.as_str();
            // Recorded series have the labels of their rule, which is checked separately; `up` and
            // those of alerts come from Prometheus.
            if recorded.contains(name) || ["up", "ALERTS", "ALERTS_FOR_STATE"].contains(&name) {
                is_known = false;
                continue;
            }
            let (metric, suffix) = metric(name)
                .unwrap_or_else(|| panic!("{place}: there is no metric {name}: {text}"));
            let mut labels: BTreeSet<_> = TARGET_LABELS.into();
            labels.extend(metric.labels);
            labels.extend((suffix == "_bucket").then_some("le"));
            assert_matchers(place, selector, &labels);
            all.extend(labels);
        }
        for label in query.grouping.iter().filter(|_| is_known) {
            assert!(all.contains(label.as_str()), "{place}: no metric has a label {label}: {text}");
        }
    }
}

#[test]
fn every_metric_is_shown_by_a_panel() {
    let recorded = recording_rules();
    let shown: BTreeSet<_> =
        targets().iter().flat_map(|target| metrics_of(&target.expression, &recorded)).collect();
    let missing: Vec<_> = CATALOG.iter().map(|m| m.name).filter(|n| !shown.contains(n)).collect();
    assert_eq!(missing, [""; 0]);
    assert!(CATALOG.iter().filter(|metric| metric.scope == Scope::Records).count() > 20);
}

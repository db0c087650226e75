//! The rules of Grafana's dashboard linter, under the linter's names.
//!
//! Two rules are less strict here: buckets may be used in a heatmap, not only in `histogram_quantile`, and only the
//! dashboard of the exporters selects by job and instance, since recorded series have neither.

use screen_records_exporter::exposition::{CATALOG, Kind};
use serde_json::{Value, json};

use super::board::{ALL, Board, Panel, targets};
use super::promql::{Query, Selector};

fn variable<'b>(board: &'b Board, name: &str) -> &'b Value {
    let mut variables = board.variables().iter();
    variables.find(|variable| variable["name"] == name).unwrap_or_else(|| {
        panic!("{} has no variable {name}", board.file);
    })
}

/// File of the dashboard of the exporters.
const EXPORTER: &str = "screen-records-exporter.json";

/// Returns true for the result of a rule, which does not have the labels of an exporter.
fn is_of_rule(selector: &Selector) -> bool {
    selector.name.contains(':') || selector.name.starts_with("ALERTS")
}

/// Returns the labels of a series. The prefix of a recorded series names them.
fn labels(selector: &Selector) -> Vec<&str> {
    if let Some((level, _)) = selector.name.split_once(':') {
        return level.split('_').collect();
    }
    if selector.name.starts_with("ALERTS") {
        return vec!["project"];
    }
    let name = selector.name.trim_end_matches("_bucket");
    CATALOG.iter().find(|metric| metric.name == name).unwrap().labels.to_vec()
}

fn panels() -> Vec<Panel> {
    Board::all().into_iter().flat_map(|board| board.panels()).collect()
}

/// Returns every selector of every query of the panels, with the place and type of the panel.
fn selectors() -> Vec<(String, String, Selector)> {
    let mut found = Vec::new();
    for target in targets() {
        let query = Query::of(&target.expression);
        found.extend(
            query
                .selectors
                .into_iter()
                .map(|selector| (target.place.clone(), target.kind.clone(), selector)),
        );
    }
    found
}

#[test]
fn template_datasource_rule() {
    for board in Board::all() {
        let datasource = variable(&board, "datasource");
        assert_eq!(datasource["type"], "datasource");
        assert_eq!(datasource["query"], "prometheus");
        assert_eq!(datasource["label"], "Data source");
    }
}

#[test]
fn template_job_instance_and_on_time_change_reload_rules() {
    for board in Board::all() {
        let mut expected = vec![("project", "Project")];
        if board.file == EXPORTER {
            expected.extend([("job", "Job"), ("instance", "Instance")]);
        }
        for (name, label) in expected {
            assert_eq!(variable(&board, name)["label"], label);
        }
        let queries = board.variables().iter().filter(|variable| variable["type"] == "query");
        // One exporter is chosen for links.
        for variable in queries.filter(|variable| variable["name"] != "exporter") {
            let name = &variable["name"];
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{name}");
            assert_eq!(variable["multi"], true, "{name}");
            assert_eq!(variable["includeAll"], true, "{name}");
            assert_eq!(variable["allValue"], ALL, "{name}");
            assert_eq!(variable["current"]["value"], json!(["$__all"]), "{name}");
            assert_eq!(variable["refresh"], 2, "{name} is refreshed when the time range changes");
        }
    }
    let names = Board::all()[0].variables().iter().map(|v| v["name"].clone()).collect::<Vec<_>>();
    let expected = ["datasource", "project", "pool", "type", "user", "exporter"];
    assert_eq!(json!(names), json!(expected));
}

#[test]
fn uneditable_dashboard_rule() {
    for board in Board::all() {
        assert_eq!(board.json["editable"], false);
        assert!(board.json["description"].as_str().unwrap().len() > 20);
        assert_eq!(board.json["uid"].as_str().unwrap(), board.file.strip_suffix(".json").unwrap());
    }
}

#[test]
fn panel_datasource_title_description_and_no_targets_rules() {
    for panel in panels() {
        let place = panel.place();
        assert_eq!(panel.json["datasource"]["uid"], "${datasource}", "{place}");
        assert!(!panel.title.is_empty(), "{}: {}", panel.file, panel.json);
        assert!(panel.description().len() > 10, "{place}");
        assert!(panel.description().ends_with('.'), "{place}");
        let targets = panel.targets();
        assert!(!targets.is_empty(), "{place}");
        for target in targets {
            assert_eq!(target.json["datasource"]["uid"], "${datasource}", "{}", target.place);
        }
    }
}

#[test]
fn panel_units_rule() {
    // The units of Grafana that are used here.
    let units = [
        "short",
        "locale",
        "s",
        "m",
        "h",
        "suffix: days",
        "dtdurations",
        "bytes",
        "percentunit",
        "reqps",
        "dateTimeAsIso",
    ];
    for panel in panels() {
        let config = &panel.json["fieldConfig"];
        let overrides = config["overrides"].as_array().into_iter().flatten();
        let properties = overrides.flat_map(|one| one["properties"].as_array().unwrap());
        let overriding =
            properties.filter(|one| one["id"] == "unit").map(|property| &property["value"]);
        for unit in overriding.chain([&config["defaults"]["unit"]]) {
            assert!(units.iter().any(|known| unit == known), "{}: {unit}", panel.place());
        }
    }
}

#[test]
fn target_job_and_instance_rules() {
    for (place, _, selector) in selectors() {
        for (label, value) in [("job", "$job"), ("instance", "$instance")] {
            let matcher = selector.matchers.iter().find(|matcher| matcher.label == label);
            let found = matcher.map(|matcher| (&*matcher.operator, &*matcher.value));
            let is_of_exporters = place.starts_with(EXPORTER) && !is_of_rule(&selector);
            let expected = is_of_exporters.then_some(("=~", value));
            assert_eq!(found, expected, "{place}: {} and {label}", selector.name);
        }
    }
}

#[test]
fn every_selector_applies_the_variables_of_its_labels() {
    let mut applied = 0;
    for (place, _, selector) in selectors() {
        let name = selector.name.trim_end_matches("_bucket");
        let labels = labels(&selector);
        let has = |label: &str| selector.matchers.iter().any(|matcher| matcher.label == label);
        assert_eq!(has("project"), labels.contains(&"project"), "{place}: {name}");
        // The API's count has no pools and types, so neither do the records that it is compared with.
        // Alerts of all pools are shown, in both dashboards.
        let is_apart = ["exporter.json", ": Projects ", ": Firing alerts "]
            .iter()
            .any(|apart| place.contains(apart));
        for label in ["pool", "type", "user"].iter().filter(|_| !is_apart) {
            let expected = labels.contains(label);
            assert_eq!(has(label), expected, "{place}: {name} and {label}");
            applied += usize::from(expected);
        }
    }
    assert!(applied > 50, "{applied}");
}

#[test]
fn target_rate_interval_rule() {
    let mut rates = 0;
    for (place, _, selector) in selectors() {
        let Some(call) = selector.calls.last().filter(|_| selector.range.is_some()) else {
            continue;
        };
        if call == "rate" || call == "irate" {
            assert_eq!(selector.range.as_deref(), Some("$__rate_interval"), "{place}");
            rates += 1;
        }
    }
    assert!(rates > 5, "{rates}");
}

#[test]
fn target_counter_agg_rule() {
    let mut counters = 0;
    for (place, _, selector) in selectors() {
        let name = selector.name.as_str();
        if CATALOG.iter().any(|metric| metric.name == name && metric.kind == Kind::Counter) {
            let call = selector.calls.last().map_or("", String::as_str);
            assert!(["rate", "increase"].contains(&call), "{place}: {name} in {call:?}");
            assert!(selector.range.is_some(), "{place}");
            counters += 1;
        }
    }
    assert!(counters > 5, "{counters}");
}

#[test]
fn target_histogram_rule() {
    for (place, kind, selector) in selectors() {
        if selector.name.ends_with("_bucket") {
            let is_quantile = selector.calls.iter().any(|call| call == "histogram_quantile");
            assert!(is_quantile || kind == "heatmap", "{place}");
        }
    }
}

#[test]
fn a_pair_of_exporters_is_counted_once() {
    // Sums use one exporter; other values are the maximum over all exporters.
    let one = "and on (project, job, instance) project_job_instance:";
    let mut sums = 0;
    for target in targets() {
        let query = Query::of(&target.expression);
        for selector in query.selectors.iter().filter(|s| s.name.starts_with("workspace_")) {
            let has = |call: &str| selector.calls.iter().any(|name| name == call);
            // One value per project before the sum.
            let is_by_project = selector.name == "workspace_screen_records_up" && has("max");
            let is_apart = ["max", "group", "topk"].iter().any(|call| has(call)) && !has("sum");
            let is_of_one = has("sum") && target.expression.contains(one);
            let is_by_exporter = target.place.contains(": Projects ");
            let place = &target.place;
            assert!(
                is_by_project || is_apart || is_of_one || is_by_exporter,
                "{place}: {}",
                selector.name
            );
            sums += usize::from(is_of_one);
        }
    }
    assert!(sums > 20, "{sums}");
}

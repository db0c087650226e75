//! The rules, by promtool: they are valid, and they fire as `tests/rules` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::prometheus::newer;
use crate::catalog::read;
use crate::dashboards::names::{files, rules};

const RULES: [&str; 2] = ["dashboards/recording-rules.yml", "dashboards/alerts.yml"];

/// Those of the oldest Prometheus and of a newer one.
fn promtools() -> [PathBuf; 2] {
    ["promtool".into(), newer("promtool")]
}

fn assert_passes(promtool: &Path, arguments: &[&str], files: &[String]) {
    let mut command = Command::new(promtool);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).args(files);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{}: {said}", promtool.display());
    assert!(said.contains("SUCCESS") && !said.contains("FAILED"), "{said}");
}

#[test]
fn rules_are_valid() {
    for promtool in promtools() {
        assert_passes(&promtool, &["check", "rules"], &RULES.map(str::to_owned));
    }
}

fn assert_rules_pass_their_tests(promtool: &Path) {
    let tests = files("tests/rules", "yml");
    assert!(tests.len() > 8, "{tests:?}");
    assert_passes(promtool, &["test", "rules"], &tests);
}

// Two tests, since each takes a minute of processor time.

#[test]
fn alerts_fire_when_they_must_and_not_otherwise() {
    assert_rules_pass_their_tests(Path::new("promtool"));
}

#[test]
fn alerts_fire_when_they_must_and_not_otherwise_in_a_newer_prometheus() {
    assert_rules_pass_their_tests(&newer("promtool"));
}

#[test]
fn every_alert_is_seen_to_fire_and_every_recorded_figure_is_tested() {
    let mut fired = BTreeSet::new();
    let mut texts = String::new();
    for file in files("tests/rules", "yml") {
        let text = read(&file);
        let parsed: Value = serde_saphyr::from_str(&text).unwrap();
        for test in parsed["tests"].as_array().unwrap() {
            for one in test["alert_rule_test"].as_array().into_iter().flatten() {
                if one["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()) {
                    fired.insert(one["alertname"].as_str().unwrap().to_owned());
                }
            }
        }
        texts += &text;
    }
    for rule in RULES.iter().flat_map(|file| rules(file)) {
        if let Some(alert) = rule["alert"].as_str() {
            assert!(fired.contains(alert), "{alert} is not seen to fire");
        } else {
            let record = rule["record"].as_str().unwrap();
            assert!(texts.contains(record), "{record} is not tested");
        }
    }
}

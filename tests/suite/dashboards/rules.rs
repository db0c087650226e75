//! Annotations of the alerts, the runbook, and the rules for pairs of exporters.

use std::process::Command;

use serde_json::Value;

use super::names::rules;
use super::promql::Query;
use crate::catalog::read;
use crate::support::{folder, write};

/// Alerts about exporters, which have no project.
const OF_PROCESSES: [&str; 3] = [
    "ScreenRecordsConfigReloadFailed",
    "ScreenRecordsDatabaseUnavailable",
    "ScreenRecordsCommitsFenced",
];
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];

fn alerts() -> Vec<Value> {
    let alerts: Vec<_> = rules("dashboards/alerts.yml")
        .into_iter()
        .filter(|rule| rule["alert"].is_string())
        .collect();
    assert!(alerts.len() > 12, "{}", alerts.len());
    alerts
}

#[test]
fn every_alert_has_a_summary_a_description_links_and_a_runbook_section() {
    let runbook = read("docs/runbook.md");
    let mut bases = Vec::new();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(SEVERITIES.contains(&severity), "{name}: {severity}");
        let text = |key: &str| alert["annotations"][key].as_str().unwrap_or_default().to_owned();
        assert!(!text("summary").is_empty(), "{name}");
        let is_of_process = OF_PROCESSES.contains(&name);
        assert!(text("description").contains("$labels.project") || is_of_process, "{name}");
        let (base, anchor) =
            text("runbook_url").split_once('#').map(|(b, a)| (b.to_owned(), a.to_owned())).unwrap();
        assert_eq!(anchor, name.to_lowercase());
        assert!(runbook.contains(&format!("\n## {name}\n")), "the runbook has no {name}");
        bases.push(base);
        // Alerts on failures link to the list of failures.
        let (failures, exporter) = (text("failures_url"), text("exporter_url"));
        assert!(failures.is_empty() != exporter.is_empty(), "{name}");
        let labels: &[_] = match name {
            "ScreenRecordUploadFailed" | "ScreenRecordRecordingFailed" => {
                &["project", "status", "type", "pool"]
            }
            "ScreenRecordPoolFailing" => &["project", "pool"],
            _ if !failures.is_empty() => &["project"],
            _ => &[],
        };
        for label in labels {
            let parameter = format!("{label}={{{{ urlquery $labels.{label} }}}}");
            assert!(failures.contains(&parameter), "{name}: {label}");
        }
        let is_counted = failures.contains("&counted=true") && failures.contains("&from=");
        assert!(labels.is_empty() || is_counted != failures.contains("&counted=false"), "{name}");
    }
    for base in bases {
        assert!(base.ends_with("/runbook{{ else }}docs/runbook.md{{ end }}"), "{base}");
    }
}

#[test]
fn the_runbook_has_no_sections_for_removed_alerts() {
    let names: Vec<_> =
        alerts().iter().map(|alert| alert["alert"].as_str().unwrap().to_owned()).collect();
    let runbook = read("docs/runbook.md");
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("## ScreenRecord"));
    for heading in headings {
        assert!(names.contains(&format!("ScreenRecord{heading}")), "{heading}");
    }
}

/// If two exporters poll the same project, one counts.
#[test]
fn no_rule_counts_a_pair_twice() {
    for file in ["dashboards/alerts.yml", "dashboards/recording-rules.yml"] {
        for rule in rules(file) {
            let query = rule["expr"].as_str().unwrap();
            let name = rule.get("alert").or(rule.get("record")).unwrap();
            for selector in Query::of(query).selectors {
                let metric = selector.name.as_str();
                let picks = selector.calls.iter().any(|call| call == "max" || call == "min");
                // Recorded series already select one exporter, some rules select the one with the
                // newest snapshot, and some selectors only check whether any exporter serves the
                // series, or count the exporters. A series whose name says so is one of each exporter.
                let is_of_newest = query.contains("and on (project, job, instance)");
                let is_free = metric.contains(':')
                    || metric == "ALERTS"
                    || name == "project:workspace_screen_records_up:count"
                    || name.as_str().unwrap().contains("_job_instance:")
                    || is_of_newest
                    || metric == "workspace_screen_records_oldest_read_timestamp_seconds"
                    || selector.calls.iter().any(|call| call == "absent_over_time");
                assert!(picks || is_free, "{file}: {name}: {metric}");
            }
        }
    }
}

#[test]
fn each_sed_command_in_the_readme_changes_its_file() {
    let folder = folder();
    let files = ["alerts.yml", "recording-rules.yml"];
    let text = |file: &str| read(&format!("dashboards/{file}"));
    let readme = read("dashboards/README.md");
    let commands: Vec<_> =
        readme.lines().filter_map(|line| line.strip_prefix("$ sed -i ")).collect();
    assert!(commands.len() > 3, "{commands:?}");
    for command in commands {
        for file in files {
            write(folder.path(), file, &text(file));
        }
        let shell = ["-c", &format!("sed -i {command}")];
        let status = Command::new("sh").args(shell).current_dir(folder.path()).status().unwrap();
        assert!(status.success(), "{command}");
        for file in files.iter().filter(|file| command.contains(*file)) {
            let changed = std::fs::read_to_string(folder.path().join(file)).unwrap();
            assert_ne!(changed, text(file), "{command} does not change {file}");
            let _: Value = serde_saphyr::from_str(&changed).unwrap();
        }
    }
}

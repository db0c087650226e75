//! The catalog of metrics: naming rules, and documents that agree with it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use screen_records_exporter::config::RESERVED_LABELS;
use screen_records_exporter::exposition::{CATALOG, Kind, Scope};

use crate::dashboards::names::{files, recorded};

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    let mut names = BTreeSet::new();
    for metric in CATALOG {
        let name = metric.name;
        assert!(names.insert(name), "{name} is declared twice");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain) && !name.contains("__"), "{name}");
        let prefixes = ["workspace_", "screen_records_exporter_", "process_"];
        assert!(prefixes.iter().any(|prefix| name.starts_with(prefix)), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        for suffix in ["_count", "_sum", "_bucket", "_created", "_milliseconds", "_minutes"] {
            assert!(!name.ends_with(suffix), "{name} ends with {suffix}");
        }
        for unit in ["seconds", "bytes"] {
            if name.contains(unit) {
                assert!(metric.help.contains(unit) || metric.help.contains("time"), "{name}");
            }
        }
        let labels: BTreeSet<_> = metric.labels.iter().collect();
        assert_eq!(labels.len(), metric.labels.len(), "{name}");
        assert!(metric.labels.iter().all(|label| label.chars().all(plain)), "{name}");
        assert!(!labels.contains(&"le") && !labels.contains(&"job"), "{name}");
        assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{name}");
        let is_records = metric.scope == Scope::Records;
        assert_eq!(is_records, name.starts_with("workspace_"), "{name}");
        assert_eq!(is_records, metric.labels.first() == Some(&"project") && is_records, "{name}");
    }
}

#[test]
fn constant_labels_cannot_collide_with_labels_of_metrics() {
    let labels = CATALOG.iter().flat_map(|metric| metric.labels).copied();
    // Labels of the formats, of exemplars and of Prometheus are reserved too. Those of build_info are
    // not, because it does not belong to a project.
    let taken: BTreeSet<_> =
        labels.chain(["le", "quantile", "record_id", "job", "instance"]).collect();
    let taken: Vec<_> =
        taken.into_iter().filter(|l| !["version", "revision", "rustversion"].contains(l)).collect();
    assert_eq!(taken, RESERVED_LABELS);
}

/// Returns the part of a text between `<!-- name -->` and `<!-- /name -->`.
pub(crate) fn part<'t>(text: &'t str, name: &str) -> &'t str {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let from = text.find(&open).unwrap_or_else(|| panic!("there is no part {name}"));
    let rest = &text[from + open.len()..];
    &rest[..rest.find(&close).unwrap()]
}

#[test]
fn the_documentation_lists_every_metric() {
    let mut table =
        String::from("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for metric in CATALOG {
        let (name, kind, help) = (metric.name, metric.kind.as_str(), metric.help);
        writeln!(table, "| `{name}` | {kind} | {} | {help} |", metric.labels.join(", ")).unwrap();
    }
    let document = read("docs/metrics.md");
    assert_eq!(part(&document, "metrics"), table, "put this into docs/metrics.md:\n{table}");
}

#[test]
fn every_metric_named_in_a_document_exists() {
    let root = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "BENCHMARKS.md"].map(str::to_owned);
    let mut documents = Vec::from(root);
    for (folder, extension) in [
        ("docs", "md"),
        ("dashboards", "md"),
        ("dashboards", "yml"),
        ("examples", "md"),
        ("examples", "yml"),
        ("tests/rules", "yml"),
    ] {
        documents.extend(files(folder, extension));
    }
    let recorded = recorded();
    let mut found = 0;
    for document in documents {
        let text = read(&document);
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
        let words = text.split(|c| !word(c)).map(|word| word.trim_end_matches(':'));
        // Skip prefixes of names.
        let words = words.filter(|name| !name.ends_with('_'));
        let is_ours = |name: &&str| {
            ["workspace_", "screen_records_exporter_"].iter().any(|p| name.contains(p))
        };
        for name in words.filter(is_ours) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s));
            let exists = |name: &str| CATALOG.iter().any(|metric| metric.name == name);
            let is_known = exists(name) || base.is_some_and(exists) || recorded.contains(name);
            assert!(is_known, "{document} names {name}");
            found += 1;
        }
    }
    assert!(found > 300, "{found}");
}

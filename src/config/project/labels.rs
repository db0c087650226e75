//! The section `projects.labels`: constant labels.

use super::section::Section;
use crate::config::reader::not_accepted;
use crate::config::value::{show, show_name, table};

const MOST_LABELS: usize = 16;
const LONGEST_NAME_CHARS: usize = 64;
const LONGEST_VALUE_CHARS: usize = 200;

/// Labels that metrics have themselves, which no constant label may be; `le` and `quantile` are those
/// of the formats, `record_id` that of exemplars, `job` and `instance` those of Prometheus. A test holds
/// them against the table of metrics, which is not known here.
pub const RESERVED_LABELS: [&str; 19] = [
    "code",
    "endpoint",
    "field",
    "instance",
    "job",
    "label",
    "le",
    "mode",
    "name",
    "outcome",
    "path",
    "pool",
    "project",
    "quantile",
    "reason",
    "record_id",
    "status",
    "type",
    "user",
];

/// Names and values, ordered by name.
pub(super) fn read(section: &mut Section<'_, '_>) -> Vec<(String, String)> {
    let Some(value) = section.value("labels") else { return Vec::new() };
    let Some(labels) = table(&value).filter(|labels| labels.len() <= MOST_LABELS) else {
        section.refuse("labels", &value);
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, value) in labels {
        let text = value.as_str().filter(|value| is_value(value));
        match (wrong_name(name), text) {
            (None, Some(text)) => read.push((name.clone(), text.to_owned())),
            (Some(wrong), _) => section.problem("labels", &format!("{}: {wrong}", show_name(name))),
            (None, None) => {
                let text = not_accepted(&show(value), VALUES);
                section.problem(&format!("labels.{name}"), &text);
            }
        }
    }
    read
}

const VALUES: &str = "a text of 1 to 200 characters without control characters";

/// What is wrong with the name of a label, if anything is.
fn wrong_name(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = name.len() <= LONGEST_NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(plain);
    if !is_plain {
        return Some("is no name of a label: 1 to 64 letters, digits and _, no digit first");
    }
    if name.starts_with("__") {
        return Some("is not accepted: what begins with __ belongs to Prometheus");
    }
    RESERVED_LABELS
        .contains(&name)
        .then_some("is the name of a label that metrics have; use another")
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.chars().count() <= LONGEST_VALUE_CHARS
        && !value.chars().any(char::is_control)
}

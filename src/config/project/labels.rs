//! The section `projects.labels`: constant labels.

use std::collections::BTreeMap;

use crate::config::kind::Typed;
use crate::config::node::{Entry, show_name};
use crate::config::part::Part;
use crate::config::problem::Problem;
use crate::config::reader::{Read, Reader, join, not_accepted};

const MAX_LABELS: usize = 16;
const MAX_NAME_CHARS: usize = 64;
const MAX_VALUE_CHARS: usize = 200;

/// Labels that metrics have themselves, so that a constant label cannot use them. `le` and `quantile`
/// belong to the formats, `record_id` to exemplars, `job` and `instance` to Prometheus. A test compares
/// them with the table of metrics, which this module does not know.
pub const RESERVED_LABELS: [&str; 21] = [
    "bucket",
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
    "policy",
    "pool",
    "project",
    "quantile",
    "reason",
    "record_id",
    "status",
    "type",
    "user",
];

/// Names and values, in the order of the names.
impl Part for Vec<(String, String)> {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        let mut given = match reader.read(path) {
            Read::Accepted(Typed::Table(entries)) => {
                entries.into_iter().map(|Entry { name, node, .. }| (name, node.value)).collect()
            }
            _ => BTreeMap::new(),
        };
        given.extend(reader.entries(path));
        if given.len() > MAX_LABELS {
            let text = not_accepted("a table of more", &reader.key(path).accepts());
            reader.problem(path, text);
            return Self::new();
        }
        let mut labels = Self::new();
        for (name, value) in given {
            match (
                wrong_name(&name, &RESERVED_LABELS),
                value.as_text().filter(|text| is_value(text)),
            ) {
                (None, Some(text)) => labels.push((name, text.to_owned())),
                (Some(wrong), _) => {
                    let place = reader.place(&join(path, &name)).clone();
                    let text = format!("{}: {wrong}", show_name(&name));
                    reader.note(Problem::of_key(&place, path, text));
                }
                (None, None) => {
                    let text = not_accepted(&value.show(), VALUES);
                    reader.problem(&join(path, &name), text);
                }
            }
        }
        labels
    }

    fn show(&self, name: &str) -> Option<(String, toml::Value)> {
        let labels: toml::Table =
            self.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        (!labels.is_empty()).then(|| (name.to_owned(), toml::Value::Table(labels)))
    }
}

const VALUES: &str = "a text of 1 to 200 characters without control characters";

/// Checks a label that is not from the config. The names in `reserved` are those of other labels.
///
/// # Errors
///
/// The problem, as the end of a sentence about the label.
pub(crate) fn check_label(name: &str, value: &str, reserved: &[&str]) -> Result<(), String> {
    match wrong_name(name, reserved) {
        Some(wrong) => Err(wrong.to_owned()),
        None if is_value(value) => Ok(()),
        None => Err(format!("has a value that is not accepted; expected {VALUES}")),
    }
}

/// The error about the name of a label, if there is one.
fn wrong_name(name: &str, reserved: &[&str]) -> Option<&'static str> {
    let is_plain_char = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = name.len() <= MAX_NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(is_plain_char);
    if !is_plain {
        return Some(
            "is not the name of a label: 1 to 64 letters, digits and _, not starting with a digit",
        );
    }
    if name.starts_with("__") {
        return Some("is not accepted: names that start with __ are reserved for Prometheus");
    }
    reserved.contains(&name).then_some("is a label of the metrics themselves; use another name")
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.chars().count() <= MAX_VALUE_CHARS
        && !value.chars().any(char::is_control)
}

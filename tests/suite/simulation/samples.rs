//! Samples side by side.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::harness::Samples;

/// Delays are added up in milliseconds by one and in seconds by the other.
fn is_same(one: Option<&f64>, other: Option<&f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-4,
        (one, other) => one == other,
    }
}

/// Says where what was found is not what was expected.
pub(super) fn differ(what: &str, expected: &Samples, found: &Samples) -> Result<(), String> {
    let samples = expected.keys().chain(found.keys());
    if samples.into_iter().all(|name| is_same(expected.get(name), found.get(name))) {
        return Ok(());
    }
    let mut text = format!("{what} differ:");
    for name in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (expected, found) = (expected.get(name), found.get(name));
        if !is_same(expected, found) {
            // Writing into a string cannot fail.
            let _ = write!(text, "\n  {name}: {found:?} instead of {expected:?}");
        }
    }
    Err(text)
}

/// The values of a label.
pub(super) fn values(samples: &Samples, label: &str) -> BTreeSet<String> {
    let opening = format!(",{label}=\"");
    samples.keys().filter_map(|name| Some(parts(name, &opening)?.1.to_owned())).collect()
}

/// The same with the values of a label that are not `kept` folded into `_other`: sums are added up,
/// of moments the earliest stays, or the latest
/// if the newest record is meant.
pub(super) fn folded(samples: Samples, label: &str, kept: &BTreeSet<String>) -> Samples {
    let opening = format!(",{label}=\"");
    let mut folded = Samples::new();
    for (name, value) in samples {
        let name = match parts(&name, &opening) {
            Some((before, value, after)) if value != "_none" && !kept.contains(value) => {
                format!("{before}_other{after}")
            }
            _ => name,
        };
        let add = |sum: &mut f64| {
            *sum = match () {
                () if name.contains("_newest_start_timestamp_") => sum.max(value),
                () if name.contains("_timestamp_") => sum.min(value),
                () => *sum + value,
            }
        };
        folded.entry(name.clone()).and_modify(add).or_insert(value);
    }
    folded
}

/// What stands before, in and behind the value of a label that begins with `opening`.
fn parts<'s>(name: &'s str, opening: &str) -> Option<(&'s str, &'s str, &'s str)> {
    let from = name.find(opening)? + opening.len();
    let until = from + name[from..].find('"')?;
    Some((&name[..from], &name[from..until], &name[until..]))
}

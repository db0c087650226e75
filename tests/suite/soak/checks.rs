//! Correctness of the answers: counters never decrease, and gauges equal the truth.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use flate2::read::GzDecoder;
use records_api_simulator::{Sums, Truth};

/// Label that gets another value in each reload.
pub(super) const CHANGING_LABEL: &str = "rollout";

pub(super) fn decompress(body: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

/// The last value of each counter of the projects.
#[derive(Default)]
pub(super) struct Counters {
    last: HashMap<String, f64>,
}

impl Counters {
    /// Compares the counters and histograms about records with those of earlier scrapes.
    pub(super) fn check(&mut self, text: &str) {
        let mut is_counter = false;
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let is_of_records = family.starts_with("workspace_");
                is_counter = is_of_records && !family.ends_with(" gauge");
                continue;
            }
            if !is_counter || line.starts_with('#') {
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            match self.last.get_mut(series) {
                Some(last) => {
                    assert!(value >= *last, "{series} fell from {last} to {value}");
                    *last = value;
                }
                None => {
                    self.last.insert(series.to_owned(), value);
                }
            }
        }
    }

    /// Number of series seen so far.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// Forgets the series whose changing label has another value now.
    pub(super) fn forget_changed_labels(&mut self) {
        self.last.retain(|series, _| !series.contains(CHANGING_LABEL));
    }
}

/// Returns how the gauges of a project, summed up by status, differ from the truth, if they do, or that
/// it was not polled now. Users and pools may be folded.
pub(super) fn difference(
    text: &str,
    project: &str,
    truth: &Truth,
    now_millis: i64,
) -> Option<String> {
    let moment = samples(text, "workspace_screen_records_snapshot_timestamp_seconds", project);
    let moments: Vec<_> = moment.map(|(_, value)| value).collect();
    if moments != [now_millis as f64 / 1000.0] {
        return Some(format!("{project} was polled at {moments:?}"));
    }
    let pools = truth.by_pool.iter().map(|row| (row.status, row.sums));
    let pools: Vec<_> = pools.collect();
    let users = truth.by_user.iter().map(|row| (row.status, row.sums));
    let users: Vec<_> = users.collect();
    for (family, rows) in [("screen_records", pools), ("user_screen_records", users)] {
        for (suffix, value) in [
            ("", (|sums| sums.count as f64) as fn(Sums) -> f64),
            ("_size_bytes", |sums| sums.size as f64),
            ("_duration_seconds", |sums| sums.duration as f64),
        ] {
            let name = format!("workspace_{family}{suffix}");
            let mut expected: BTreeMap<&str, f64> = BTreeMap::new();
            for (status, sums) in &rows {
                *expected.entry(status).or_default() += value(*sums);
            }
            let mut shown: BTreeMap<&str, f64> = BTreeMap::new();
            for (labels, value) in samples(text, &name, project) {
                *shown.entry(label(labels, "status")).or_default() += value;
            }
            shown.retain(|status, value| *value != 0.0 || expected.contains_key(status));
            if shown != expected {
                return Some(format!("{name} of {project}: {shown:?}, not {expected:?}"));
            }
        }
    }
    None
}

/// Returns the samples of a project, each with its labels as written.
fn samples<'t>(
    text: &'t str,
    name: &str,
    project: &str,
) -> impl Iterator<Item = (&'t str, f64)> + use<'t> {
    let start = format!("{name}{{project=\"{project}\"");
    text.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(start.as_str())?.rsplit_once(' ')?;
        Some((labels, value.parse().unwrap()))
    })
}

fn label<'t>(labels: &'t str, name: &str) -> &'t str {
    let start = labels.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    labels[start..].split('"').next().unwrap()
}

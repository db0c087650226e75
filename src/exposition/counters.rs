//! The families of counters and histograms, as they are shown at a moment.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::catalog::{Metric, metric};
use super::records::ProjectView;
use super::sink::{HistogramValue, Sink, Value};
use crate::store::{Counter, Observed, Series};

/// A series as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterView {
    /// Which it is.
    pub series: Series,
    /// Its label values behind `project`.
    pub labels: Box<[Arc<str>]>,
    /// What it stands at.
    pub value: Counter,
    /// What it shows for a while.
    pub held: Option<Held>,
}

/// What a series shows for a while: `increase()` cannot see one that is born, or comes back, above
/// its last known value. The while begins when it is first asked for, however late that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The value.
    pub shown: Counter,
    /// How long it is shown.
    pub hold: Duration,
    /// When it was first asked for, shared by all that appeared with it.
    pub seen: Arc<OnceLock<Instant>>,
}

impl Held {
    /// Whether it has been shown for long enough.
    pub fn is_over(&self, now: Instant) -> bool {
        self.seen.get().is_some_and(|seen| now >= *seen + self.hold)
    }
}

impl CounterView {
    /// What it shows to somebody who asks now.
    fn at(&self, now: Instant) -> &Counter {
        let Some(held) = &self.held else { return &self.value };
        held.seen.get_or_init(|| now);
        if held.is_over(now) { &self.value } else { &held.shown }
    }
}

/// The family of a series.
pub fn family_of(series: Series) -> &'static Metric {
    metric(match series {
        Series::Seen(..) => "workspace_screen_records_seen_total",
        Series::Entered(..) => "workspace_screen_record_transitions_total",
        Series::UserEntered(..) => "workspace_user_screen_record_transitions_total",
        Series::Expired(..) => "workspace_screen_records_expired_in_flight_total",
        Series::FileSize(_) => "workspace_screen_record_file_size_bytes",
        Series::VideoDuration(_) => "workspace_screen_record_video_duration_seconds",
        Series::UploadDelay(_) => "workspace_screen_record_upload_delay_seconds",
    })
}

const FAMILIES: [&str; 7] = [
    "workspace_screen_records_seen_total",
    "workspace_screen_record_transitions_total",
    "workspace_user_screen_record_transitions_total",
    "workspace_screen_records_expired_in_flight_total",
    "workspace_screen_record_file_size_bytes",
    "workspace_screen_record_video_duration_seconds",
    "workspace_screen_record_upload_delay_seconds",
];

/// Writes what was counted, family by family.
pub(super) fn write_counters(projects: &[ProjectView], sink: &mut impl Sink) {
    for name in FAMILIES {
        let family = metric(name);
        sink.family(family);
        for view in projects {
            let counters = view.counters.iter();
            for counter in counters.filter(|counter| family_of(counter.series) == family) {
                let labels = std::iter::once(view.project.as_str());
                let labels: Vec<_> =
                    labels.chain(counter.labels.iter().map(|label| &**label)).collect();
                let shown = counter.at(view.at);
                match &shown.observed {
                    None => sink.sample(&labels, shown.count.into()),
                    Some(observed) => {
                        let histogram = histogram(counter.series, shown.count, observed);
                        sink.histogram(&labels, &histogram);
                    }
                }
            }
        }
    }
}

fn histogram(series: Series, count: u64, observed: &Observed) -> HistogramValue {
    // Delays are kept in milliseconds.
    let divisor = if matches!(series, Series::UploadDelay(_)) { 1000.0 } else { 1.0 };
    let sum = match series {
        Series::UploadDelay(_) => Value::Float(observed.sum as f64 / divisor),
        _ => Value::Integer(observed.sum),
    };
    HistogramValue {
        bounds: series.bounds().iter().map(|bound| *bound as f64 / divisor).collect(),
        buckets: observed.buckets.clone(),
        count,
        sum,
    }
}

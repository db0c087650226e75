//! The families of counters and histograms, as they are shown at a moment.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::catalog::{self, Metric};
use super::exemplar;
use super::records::ProjectView;
use super::sink::{CounterValue, HistogramValue, Sink, Value};
use crate::ledger::{Counter, Observed, Series};

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
    pub held: Option<CounterHold>,
}

/// What a series shows for a while: `increase()` cannot see one that is born, or comes back, above
/// its last known value. The while begins when it is first asked for, however late that is.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterHold {
    /// The value.
    pub shown: Counter,
    /// How long it is shown.
    pub hold: Duration,
    /// When it was first asked for, shared by all that appeared with it.
    pub seen: Arc<OnceLock<Instant>>,
}

impl CounterHold {
    /// Notes that somebody asks for it now. Returns until when it is shown, if it still is.
    pub fn asked(&self, now: Instant) -> Option<Instant> {
        let until = *self.seen.get_or_init(|| now) + self.hold;
        (now < until).then_some(until)
    }

    /// Whether it has been shown for long enough.
    pub fn is_over(&self, now: Instant) -> bool {
        self.seen.get().is_some_and(|seen| now >= *seen + self.hold)
    }
}

impl CounterView {
    /// What it shows to somebody who asks now.
    fn at(&self, now: Instant) -> &Counter {
        self.held.as_ref().filter(|held| !held.is_over(now)).map_or(&self.value, |held| &held.shown)
    }
}

/// The family of a series.
pub fn family_of(series: Series) -> &'static Metric {
    match series {
        Series::Seen(..) => &catalog::SCREEN_RECORDS_SEEN_TOTAL,
        Series::Entered(..) => &catalog::SCREEN_RECORD_TRANSITIONS_TOTAL,
        Series::UserEntered(..) => &catalog::USER_SCREEN_RECORD_TRANSITIONS_TOTAL,
        Series::Expired(..) => &catalog::SCREEN_RECORDS_EXPIRED_IN_FLIGHT_TOTAL,
        Series::FileSize(_) => &catalog::SCREEN_RECORD_FILE_SIZE_BYTES,
        Series::VideoDuration(_) => &catalog::SCREEN_RECORD_VIDEO_DURATION_SECONDS,
        Series::UploadDelay(_) => &catalog::SCREEN_RECORD_UPLOAD_DELAY_SECONDS,
    }
}

const FAMILIES: [&Metric; 7] = [
    &catalog::SCREEN_RECORDS_SEEN_TOTAL,
    &catalog::SCREEN_RECORD_TRANSITIONS_TOTAL,
    &catalog::USER_SCREEN_RECORD_TRANSITIONS_TOTAL,
    &catalog::SCREEN_RECORDS_EXPIRED_IN_FLIGHT_TOTAL,
    &catalog::SCREEN_RECORD_FILE_SIZE_BYTES,
    &catalog::SCREEN_RECORD_VIDEO_DURATION_SECONDS,
    &catalog::SCREEN_RECORD_UPLOAD_DELAY_SECONDS,
];

/// Writes what was counted, family by family.
pub(super) fn write_counters(projects: &[ProjectView], sink: &mut dyn Sink) {
    for family in FAMILIES {
        sink.family(family);
        for view in projects {
            for counter in of_family(&view.counters, family) {
                let labels = counter.labels.iter().map(|label| &**label);
                let values: Vec<_> = std::iter::once(&*view.labels.project).chain(labels).collect();
                let labels = view.labels.with(&values);
                let shown = counter.at(view.at);
                let (count, created) = (shown.count, shown.created);
                let exemplar = shown.exemplar.as_deref().and_then(exemplar::shown);
                match &shown.observed {
                    None => {
                        let value = count.into();
                        sink.counter(labels, &CounterValue { value, created, exemplar });
                    }
                    Some(observed) => {
                        sink.histogram(labels, &histogram(counter.series, shown, observed));
                    }
                }
            }
        }
    }
}

/// The series of a family: they stand together.
fn of_family<'v>(counters: &'v [CounterView], family: &Metric) -> &'v [CounterView] {
    let name = |counter: &CounterView| family_of(counter.series).name;
    let from = counters.partition_point(|counter| name(counter) < family.name);
    let until = counters.partition_point(|counter| name(counter) <= family.name);
    &counters[from..until]
}

fn histogram<'c>(
    series: Series,
    counter: &'c Counter,
    observed: &'c Observed,
) -> HistogramValue<'c> {
    let unit = series.units_in_one();
    let sum = match unit {
        1 => Value::Integer(observed.sum),
        unit => Value::Float(observed.sum as f64 / unit as f64),
    };
    HistogramValue {
        bounds: series.bounds().iter().map(|bound| *bound as f64 / unit as f64).collect(),
        buckets: observed.buckets.clone(),
        count: counter.count,
        sum,
        created: counter.created,
        native: Some(&observed.native),
    }
}

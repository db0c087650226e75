//! The families of counters and histograms, as they are shown at a moment.

use super::catalog::{self, Metric};
use super::exemplar;
use super::sink::{CounterValue, HistogramValue, Labels, Sink, Value};
use crate::ledger::{Counter, HistogramData, Series};
use crate::snapshot::{CounterView, ProjectView};

/// The families, at the positions that [`Series::family`] gives.
const FAMILIES: [&Metric; 9] = [
    &catalog::SCREEN_RECORDS_SEEN_TOTAL,
    &catalog::SCREEN_RECORD_TRANSITIONS_TOTAL,
    &catalog::USER_SCREEN_RECORD_TRANSITIONS_TOTAL,
    &catalog::SCREEN_RECORDS_UPLOADED_BYTES_TOTAL,
    &catalog::SCREEN_RECORDS_UPLOADED_VIDEO_SECONDS_TOTAL,
    &catalog::SCREEN_RECORDS_EXPIRED_IN_FLIGHT_TOTAL,
    &catalog::SCREEN_RECORD_FILE_SIZE_BYTES,
    &catalog::SCREEN_RECORD_VIDEO_DURATION_SECONDS,
    &catalog::SCREEN_RECORD_UPLOAD_DELAY_SECONDS,
];

/// Writes what was counted, family by family.
pub(super) fn write_counters(projects: &[ProjectView], sink: &mut dyn Sink) {
    for (number, family) in FAMILIES.into_iter().enumerate() {
        sink.family(family);
        for view in projects {
            for counter in of_family(&view.counters, number) {
                let labels = counter.labels.iter().map(|label| &**label);
                let values: Vec<_> = std::iter::once(&*view.labels.project).chain(labels).collect();
                let labels = Labels::of_project(&view.labels, &values);
                let shown = counter.at(view.at);
                let (count, created) = (shown.count, shown.created);
                let exemplar = shown.exemplar.as_deref().and_then(exemplar::shown);
                match &shown.histogram {
                    None => {
                        let value = Value::Integer(count);
                        sink.counter(labels, &CounterValue { value, created, exemplar });
                    }
                    Some(data) => {
                        sink.histogram(labels, &histogram(counter.series, shown, data));
                    }
                }
            }
        }
    }
}

/// The series of a family, which are neighbours.
fn of_family(counters: &[CounterView], number: usize) -> &[CounterView] {
    let from = counters.partition_point(|counter| counter.series.family() < number);
    let until = counters.partition_point(|counter| counter.series.family() <= number);
    &counters[from..until]
}

fn histogram<'c>(
    series: Series,
    counter: &'c Counter,
    data: &'c HistogramData,
) -> HistogramValue<'c> {
    let unit = series.units_per_exposed_unit();
    let sum = match unit {
        1 => Value::Integer(data.sum),
        unit => Value::Float(data.sum as f64 / unit as f64),
    };
    HistogramValue {
        bounds: series.bounds().iter().map(|bound| *bound as f64 / unit as f64).collect(),
        buckets: data.buckets.clone(),
        count: u64::try_from(counter.count).unwrap_or(u64::MAX),
        sum,
        created: counter.created,
        native: Some(&data.native),
    }
}

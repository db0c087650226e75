//! Writes the families of the `prometheus` crate's registry with our encoders, because the crate
//! supports neither `OpenMetrics` nor created timestamps.

use std::collections::BTreeMap;

use prometheus::proto::{Metric as Proto, MetricFamily};

use super::catalog::{CATALOG, Kind, Metric};
use super::sink::{ConstantLabels, CounterValue, HistogramValue, Labels, Sink, Value};
use records_api::record::Timestamp;

/// Writes families whose series were all created at `created`. Series of a project get its constant
/// labels. A family that is not in the catalog is skipped.
pub fn write_families(
    families: &[MetricFamily],
    created: Timestamp,
    constant: &BTreeMap<&str, &ConstantLabels>,
    sink: &mut dyn Sink,
) {
    for family in families {
        let metric = CATALOG.iter().copied().find(|metric| metric.name == family.name());
        debug_assert!(metric.is_some(), "{} is not in the catalog", family.name());
        let Some(metric) = metric else { continue };
        sink.family(metric);
        for sample in family.get_metric() {
            write_sample(metric, sample, created, constant, sink);
        }
    }
}

fn write_sample(
    metric: &'static Metric,
    sample: &Proto,
    created: Timestamp,
    constant: &BTreeMap<&str, &ConstantLabels>,
    sink: &mut dyn Sink,
) {
    // The crate sorts labels by name, the catalog does not.
    let value_of = |name: &&str| {
        let pair = sample.get_label().iter().find(|pair| pair.name() == *name);
        pair.map_or("", |pair| pair.value())
    };
    let values: Vec<_> = metric.labels.iter().map(value_of).collect();
    let project = metric.labels.iter().position(|name| *name == "project");
    let constant = project.and_then(|at| constant.get(values[at])).copied().unwrap_or_default();
    let labels = Labels { constant, ..Labels::of(&values) };
    match metric.kind {
        Kind::Gauge => sink.gauge(labels, sample.get_gauge().get_value().into()),
        Kind::Counter => {
            let value = Value::Float(sample.get_counter().get_value());
            sink.counter(labels, &CounterValue { value, created, exemplar: None });
        }
        Kind::Histogram => {
            let histogram = sample.get_histogram();
            let mut below = 0;
            let buckets = histogram.get_bucket().iter().map(|bucket| {
                let within = bucket.cumulative_count().saturating_sub(below);
                below = bucket.cumulative_count();
                (bucket.upper_bound(), within)
            });
            let (bounds, buckets) = buckets.filter(|(bound, _)| bound.is_finite()).unzip();
            sink.histogram(
                labels,
                &HistogramValue {
                    bounds,
                    buckets,
                    count: histogram.get_sample_count(),
                    sum: Value::Float(histogram.get_sample_sum()),
                    created,
                    native: None,
                },
            );
        }
    }
}

//! Creates metrics of the `prometheus` crate from the catalog.

use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::{self, MetricFamily};
use prometheus::{CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts};

use crate::exposition::{Metric, Scope};

fn options(metric: &Metric) -> Opts {
    debug_assert!(metric.scope == Scope::Exporter);
    Opts::new(metric.name, metric.help)
}

/// Removes the series of a project.
pub(super) fn forget<B: MetricVecBuilder>(vector: &MetricVec<B>, project: &str) {
    let families = vector.collect();
    let series = families.iter().flat_map(MetricFamily::get_metric);
    for labels in series.map(proto::Metric::get_label) {
        let labels: HashMap<_, _> = labels.iter().map(|l| (l.name(), l.value())).collect();
        if labels.get("project") == Some(&project) {
            // The series exists, because it was just listed.
            let _ = vector.remove(&labels);
        }
    }
}

pub(super) fn gauge(metric: &Metric) -> Gauge {
    Gauge::with_opts(options(metric)).expect("names in the catalog are valid")
}

pub(super) fn gauges(metric: &Metric) -> GaugeVec {
    GaugeVec::new(options(metric), metric.labels).expect("names in the catalog are valid")
}

pub(super) fn counters(metric: &Metric) -> IntCounterVec {
    IntCounterVec::new(options(metric), metric.labels).expect("names in the catalog are valid")
}

pub(super) fn seconds(metric: &Metric) -> CounterVec {
    CounterVec::new(options(metric), metric.labels).expect("names in the catalog are valid")
}

pub(super) fn histograms(metric: &Metric, buckets: &[f64]) -> HistogramVec {
    let options = HistogramOpts::from(options(metric)).buckets(buckets.to_vec());
    HistogramVec::new(options, metric.labels).expect("names in the catalog are valid")
}

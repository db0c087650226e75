//! The exporter's own metrics, in a registry of the `prometheus` crate. Names and help texts come from
//! the catalog.

mod observer;
mod process;
mod projects;

pub use observer::ProjectObserver;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::{self, MetricFamily};
use prometheus::{CounterVec, Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::exposition::{Labels, Metric, Scope, Sink, catalog, write_families};
use crate::snapshot::ProjectView;
use process::ProcessCollector;
use projects::write_projects;
use records_api::record::Timestamp;

/// The exporter's own metrics.
#[derive(Debug)]
pub struct Instruments {
    registry: Registry,
    api_requests: IntCounterVec,
    api_request_duration: HistogramVec,
    api_throttled: CounterVec,
    http_requests: IntCounterVec,
    commit_duration: HistogramVec,
    reload_successful: Gauge,
    reload_success_timestamp: Gauge,
    /// Creation time of all series.
    started: Timestamp,
}

const COMMIT_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];
const REQUEST_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl Instruments {
    /// Creates the metrics, all at their initial values.
    ///
    /// # Panics
    ///
    /// Panics if the catalog has an invalid or duplicate name, which a test excludes.
    pub fn new(now: Timestamp) -> Arc<Self> {
        let instruments = Self {
            started: now,
            registry: Registry::new(),
            api_requests: counters(&catalog::API_REQUESTS_TOTAL),
            api_request_duration: histograms(
                &catalog::API_REQUEST_DURATION_SECONDS,
                REQUEST_BUCKETS,
            ),
            api_throttled: seconds(&catalog::API_THROTTLED_SECONDS_TOTAL),
            http_requests: counters(&catalog::HTTP_REQUESTS_TOTAL),
            commit_duration: histograms(&catalog::STATE_COMMIT_DURATION_SECONDS, COMMIT_BUCKETS),
            reload_successful: gauge(&catalog::CONFIG_LAST_RELOAD_SUCCESSFUL),
            reload_success_timestamp: gauge(&catalog::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS),
        };
        instruments.reloaded(Some(now));
        let collectors: [Box<dyn prometheus::core::Collector>; 8] = [
            Box::new(instruments.reload_successful.clone()),
            Box::new(instruments.reload_success_timestamp.clone()),
            Box::new(instruments.api_requests.clone()),
            Box::new(instruments.api_request_duration.clone()),
            Box::new(instruments.api_throttled.clone()),
            Box::new(instruments.http_requests.clone()),
            Box::new(instruments.commit_duration.clone()),
            Box::new(ProcessCollector::new()),
        ];
        for collector in collectors {
            instruments.registry.register(collector).expect("names in the catalog are unique");
        }
        Arc::new(instruments)
    }

    /// Creates the observer of a project's requests. Its series start at 0.
    pub fn observer(self: &Arc<Self>, project: &str) -> Arc<ProjectObserver> {
        self.api_throttled.with_label_values(&[project]);
        Arc::new(ProjectObserver::new(self.clone(), project.to_owned()))
    }

    /// Removes the series of a project that is no longer in the config.
    pub(crate) fn forget(&self, project: &str) {
        forget(&self.api_requests, project);
        forget(&self.api_request_duration, project);
        forget(&self.api_throttled, project);
    }

    /// Records a commit to disk.
    pub(crate) fn committed(&self, took: Duration) {
        let none: [&str; 0] = [];
        self.commit_duration.with_label_values(&none).observe(took.as_secs_f64());
    }

    /// Records an attempt to load the config; `success` is its time if it succeeded.
    pub fn reloaded(&self, success: Option<Timestamp>) {
        self.reload_successful.set(if success.is_some() { 1.0 } else { 0.0 });
        if let Some(at) = success {
            self.reload_success_timestamp.set(at.as_seconds());
        }
    }

    /// Records an answer. `path` is a route and never the path sent by the client, which would create
    /// any number of series.
    pub fn answered(&self, path: &str, code: u16) {
        self.http_requests.with_label_values(&[path, &code.to_string()]).inc();
    }

    /// Writes all of the exporter's own metrics.
    pub(crate) fn write_all(&self, views: &[ProjectView], sink: &mut dyn Sink) {
        write_build(sink);
        write_projects(views, self.started, sink);
        self.write_registry(views, sink);
    }

    /// Writes the registry. Series of a project get its constant labels.
    fn write_registry(&self, views: &[ProjectView], sink: &mut dyn Sink) {
        let constant = views.iter().map(|view| (view.project(), &*view.labels.constant)).collect();
        write_families(&self.registry.gather(), self.started, &constant, sink);
    }
}

fn write_build(sink: &mut dyn Sink) {
    sink.family(&catalog::BUILD_INFO);
    let build = [env!("CARGO_PKG_VERSION"), env!("BUILD_REVISION"), env!("BUILD_RUST_VERSION")];
    sink.gauge(Labels::of(&build), true.into());
}

fn options(metric: &Metric) -> Opts {
    debug_assert!(metric.scope == Scope::Exporter);
    Opts::new(metric.name, metric.help)
}

/// Removes the series of a project.
fn forget<B: MetricVecBuilder>(vector: &MetricVec<B>, project: &str) {
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

fn gauge(metric: &Metric) -> Gauge {
    Gauge::with_opts(options(metric)).expect("names in the catalog are valid")
}

fn counters(metric: &Metric) -> IntCounterVec {
    IntCounterVec::new(options(metric), metric.labels).expect("names in the catalog are valid")
}

fn seconds(metric: &Metric) -> CounterVec {
    CounterVec::new(options(metric), metric.labels).expect("names in the catalog are valid")
}

fn histograms(metric: &Metric, buckets: &[f64]) -> HistogramVec {
    let options = HistogramOpts::from(options(metric)).buckets(buckets.to_vec());
    HistogramVec::new(options, metric.labels).expect("names in the catalog are valid")
}

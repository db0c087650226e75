//! The exporter's own metrics, in a registry of the `prometheus` crate. Names and help texts come from
//! the catalog.

mod connections;
mod observer;
mod process;
mod projects;
mod replicas;
mod vectors;

pub use connections::RefusedConnection;
pub use observer::ProjectObserver;
pub use replicas::ReplicaMetrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Gauge, HistogramVec, IntCounterVec, Registry};

use crate::exposition::{CounterValue, Labels, Sink, catalog, write_families};
use crate::snapshot::ProjectView;
use connections::ConnectionMetrics;
use observer::ApiMetrics;
use process::ProcessCollector;
use projects::write_projects;
use records_api::record::Timestamp;
use vectors::{counters, gauge, histograms};

/// The exporter's own metrics.
#[derive(Debug)]
pub struct Instruments {
    registry: Registry,
    api: ApiMetrics,
    http_requests: IntCounterVec,
    connections: ConnectionMetrics,
    commit_duration: HistogramVec,
    replicas: ReplicaMetrics,
    reload_successful: Gauge,
    reload_success_timestamp: Gauge,
    log_lines_dropped: Arc<AtomicU64>,
    /// Creation time of all series.
    started: Timestamp,
}

const COMMIT_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

impl Instruments {
    /// Creates the metrics, all at their initial values. The log itself counts its dropped lines.
    ///
    /// # Panics
    ///
    /// Panics if the catalog has an invalid or duplicate name, which a test excludes.
    pub fn new(now: Timestamp, log_lines_dropped: Arc<AtomicU64>) -> Arc<Self> {
        let instruments = Self {
            started: now,
            registry: Registry::new(),
            api: ApiMetrics::new(),
            http_requests: counters(&catalog::HTTP_REQUESTS_TOTAL),
            connections: ConnectionMetrics::new(),
            commit_duration: histograms(&catalog::STATE_COMMIT_DURATION_SECONDS, COMMIT_BUCKETS),
            replicas: ReplicaMetrics::new(),
            reload_successful: gauge(&catalog::CONFIG_LAST_RELOAD_SUCCESSFUL),
            reload_success_timestamp: gauge(&catalog::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS),
            log_lines_dropped,
        };
        instruments.reloaded(Some(now));
        let own: [Box<dyn Collector>; 5] = [
            Box::new(instruments.reload_successful.clone()),
            Box::new(instruments.reload_success_timestamp.clone()),
            Box::new(instruments.http_requests.clone()),
            Box::new(instruments.commit_duration.clone()),
            Box::new(ProcessCollector::new(now)),
        ];
        let more = instruments.api.collectors().into_iter();
        for collector in own.into_iter().chain(more).chain(instruments.connections.collectors()) {
            instruments.registry.register(collector).expect("names in the catalog are unique");
        }
        Arc::new(instruments)
    }

    /// Creates the observer of a project's requests. Its series start at 0.
    pub fn observer(&self, project: &str) -> Arc<ProjectObserver> {
        Arc::new(ProjectObserver::new(self.api.clone(), project.to_owned()))
    }

    /// Removes the series of a project that was removed from the config.
    pub(crate) fn forget(&self, project: &str) {
        self.api.forget(project);
        self.replicas.forget(project);
    }

    /// Exposes the metrics of the replicas that share the state from now on.
    ///
    /// # Panics
    ///
    /// Panics at the second call.
    pub fn expose_replicas(&self) {
        for collector in self.replicas.collectors() {
            self.registry.register(collector).expect("names in the catalog are unique");
        }
    }

    /// Returns the metrics of the replicas that share the state.
    pub fn replicas(&self) -> &ReplicaMetrics {
        &self.replicas
    }

    /// Records a commit.
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

    /// Sets the number of connections to the listeners.
    pub fn set_connections(&self, open: usize) {
        self.connections.set(open);
    }

    /// Counts a connection that was refused or closed.
    pub fn refused_connection(&self, reason: RefusedConnection) {
        self.connections.refused(reason);
    }

    /// Writes all of the exporter's own metrics.
    pub(crate) fn write_all(&self, views: &[ProjectView], sink: &mut dyn Sink) {
        write_build(sink);
        write_projects(views, self.started, sink);
        self.write_log(sink);
        self.write_registry(views, sink);
    }

    fn write_log(&self, sink: &mut dyn Sink) {
        sink.family(&catalog::LOG_LINES_DROPPED_TOTAL);
        let value = self.log_lines_dropped.load(Ordering::Relaxed).into();
        let value = CounterValue { value, created: self.started, exemplar: None };
        sink.counter(Labels::of(&[]), &value);
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

//! Metrics of the replicas that share the state. They exist only with a database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, HistogramVec, IntCounterVec};

use super::vectors::{counters, forget, gauge, gauges, histograms};
use crate::exposition::catalog;

const ROUND_TRIP_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0];

/// Metrics of the replicas that share the state.
#[derive(Debug)]
pub struct ReplicaMetrics {
    available: Gauge,
    /// True after the database refused a change.
    refuses_changes: AtomicBool,
    live: Gauge,
    leader: GaugeVec,
    epoch: GaugeVec,
    lag: GaugeVec,
    takeovers: IntCounterVec,
    fenced: IntCounterVec,
    round_trip: HistogramVec,
}

impl ReplicaMetrics {
    pub(super) fn new() -> Self {
        let none: [&str; 0] = [];
        let takeovers = counters(&catalog::STATE_TAKEOVERS_TOTAL);
        let fenced = counters(&catalog::STATE_FENCED_TOTAL);
        for counter in [&takeovers, &fenced] {
            counter.with_label_values(&none);
        }
        Self {
            available: gauge(&catalog::STATE_AVAILABLE),
            refuses_changes: AtomicBool::default(),
            live: gauge(&catalog::STATE_REPLICAS),
            leader: gauges(&catalog::STATE_LEADER),
            epoch: gauges(&catalog::STATE_EPOCH),
            lag: gauges(&catalog::STATE_LAG_COMMITS),
            takeovers,
            fenced,
            round_trip: histograms(&catalog::STATE_ROUND_TRIP_SECONDS, ROUND_TRIP_BUCKETS),
        }
    }

    pub(super) fn collectors(&self) -> [Box<dyn Collector>; 8] {
        [
            Box::new(self.available.clone()),
            Box::new(self.live.clone()),
            Box::new(self.leader.clone()),
            Box::new(self.epoch.clone()),
            Box::new(self.lag.clone()),
            Box::new(self.takeovers.clone()),
            Box::new(self.fenced.clone()),
            Box::new(self.round_trip.clone()),
        ]
    }

    pub(super) fn forget(&self, project: &str) {
        for vector in [&self.leader, &self.epoch, &self.lag] {
            forget(vector, project);
        }
    }

    /// Notes whether the database answered a question.
    pub fn answered(&self, is_available: bool) {
        let is_available = is_available && !self.refuses_changes.load(Ordering::Relaxed);
        self.available.set(if is_available { 1.0 } else { 0.0 });
    }

    /// Notes whether the database accepted a change. One that can only be read is of no use.
    pub fn changed(&self, is_accepted: bool) {
        self.refuses_changes.store(!is_accepted, Ordering::Relaxed);
        self.answered(is_accepted);
    }

    /// Sets the number of replicas that have shown themselves lately.
    pub fn live(&self, replicas: usize) {
        self.live.set(replicas as f64);
    }

    /// Sets what is known about a project: whether this replica leads it, the number of the leadership,
    /// and the number of frames in the log that this replica does not serve yet.
    pub fn project(&self, project: &str, is_leading: bool, epoch: i64, lag: i64) {
        let labels = [project];
        self.leads(project, is_leading);
        self.epoch.with_label_values(&labels).set(epoch as f64);
        self.lag.with_label_values(&labels).set(lag as f64);
    }

    /// Sets whether this replica leads a project.
    pub fn leads(&self, project: &str, is_leading: bool) {
        self.leader.with_label_values(&[project]).set(if is_leading { 1.0 } else { 0.0 });
    }

    /// Counts a project that this replica leads after another one, or after an earlier life of its own.
    pub fn took_over(&self) {
        let none: [&str; 0] = [];
        self.takeovers.with_label_values(&none).inc();
    }

    /// Counts a commit that was refused because another replica leads.
    pub fn fenced(&self) {
        let none: [&str; 0] = [];
        self.fenced.with_label_values(&none).inc();
    }

    /// Records the time that the database took for a commit, or for the question before an answer.
    pub fn round_trip(&self, took: Duration) {
        let none: [&str; 0] = [];
        self.round_trip.with_label_values(&none).observe(took.as_secs_f64());
    }
}

//! Counts the API requests of a project, and logs what the client reports.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{CounterVec, HistogramVec, IntCounterVec};

use super::vectors::{counters, forget, histograms, seconds};
use crate::exposition::catalog;
use records_api::LogThrottle;
use records_api::{ApiError, Endpoint, Observer, PageLimit, PageSizeChange};

const REQUEST_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Metrics of the requests of all projects. Clones share their values.
#[derive(Debug, Clone)]
pub(super) struct ApiMetrics {
    requests: IntCounterVec,
    request_duration: HistogramVec,
    throttled: CounterVec,
}

impl ApiMetrics {
    pub(super) fn new() -> Self {
        Self {
            requests: counters(&catalog::API_REQUESTS_TOTAL),
            request_duration: histograms(&catalog::API_REQUEST_DURATION_SECONDS, REQUEST_BUCKETS),
            throttled: seconds(&catalog::API_THROTTLED_SECONDS_TOTAL),
        }
    }

    /// Returns the metrics, to be registered.
    pub(super) fn collectors(&self) -> [Box<dyn Collector>; 3] {
        [
            Box::new(self.requests.clone()),
            Box::new(self.request_duration.clone()),
            Box::new(self.throttled.clone()),
        ]
    }

    /// Removes the series of a project.
    pub(super) fn forget(&self, project: &str) {
        forget(&self.requests, project);
        forget(&self.request_duration, project);
        forget(&self.throttled, project);
    }
}

/// Counts the API requests of a project.
#[derive(Debug)]
pub struct ProjectObserver {
    metrics: ApiMetrics,
    project: String,
    requests: AtomicU64,
    pauses: Mutex<LogThrottle>,
    renewals: Mutex<LogThrottle>,
    caches: Mutex<LogThrottle>,
}

/// Minimum pause that is logged; shorter ones appear only in the metrics.
const MIN_LOGGED_PAUSE: Duration = Duration::from_secs(10);

impl ProjectObserver {
    pub(super) fn new(metrics: ApiMetrics, project: String) -> Self {
        // Exists from the start, so that `rate()` sees the first pause.
        metrics.throttled.with_label_values(&[&project]);
        let (requests, pauses, renewals, caches) = Default::default();
        Self { metrics, project, requests, pauses, renewals, caches }
    }

    /// Returns the number of requests to the records API since the start.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the seconds that requests were held back since the start because the API asked for a
    /// pause.
    pub(crate) fn throttled_seconds(&self) -> f64 {
        self.metrics.throttled.with_label_values(&[&self.project]).get()
    }
}

impl Observer for ProjectObserver {
    fn requested(&self, endpoint: Endpoint, code: &str, took: Duration) {
        if endpoint.is_records_api() {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        let labels = [self.project.as_str(), endpoint.as_str()];
        let [project, endpoint] = labels;
        self.metrics.requests.with_label_values(&[project, endpoint, code]).inc();
        let duration = self.metrics.request_duration.with_label_values(&labels);
        duration.observe(took.as_secs_f64());
    }

    fn asked_to_pause(&self, error: &ApiError, pause: Duration) {
        if pause < MIN_LOGGED_PAUSE {
            return;
        }
        if is_due(&self.pauses, String::new()) {
            let (project, remedy) = (&self.project, error.remedy());
            tracing::info!(project, %error, ?pause, remedy, "the API asked for a pause");
        }
    }

    fn throttled(&self, waited: Duration) {
        let counter = self.metrics.throttled.with_label_values(&[&self.project]);
        counter.inc_by(waited.as_secs_f64());
    }

    fn cached(&self, endpoint: Endpoint, age: Duration) {
        if is_due(&self.caches, endpoint.to_string()) {
            let (project, endpoint) = (&self.project, endpoint.as_str());
            let remedy = "exclude the API from the cache between this machine and the API";
            tracing::warn!(project, endpoint, ?age, remedy, "answers come from a cache");
        }
    }

    fn renewal_failed(&self, error: &ApiError) {
        if is_due(&self.renewals, error.to_string()) {
            let (project, remedy) = (&self.project, error.remedy());
            tracing::warn!(project, %error, remedy, "credentials could not be renewed");
        }
    }

    fn page_size_changed(&self, change: PageSizeChange) {
        let (project, PageSizeChange { configured, before, rows, limit }) = (&self.project, change);
        let reason = match limit {
            _ if rows > before => "the API accepts larger pages again",
            Some(PageLimit::Refused) => "the API answered 400 to larger pages",
            Some(PageLimit::Clamped) | None => "the API returned fewer rows than requested",
        };
        tracing::info!(project, configured, before, rows, reason, "page size changed");
    }
}

fn is_due(log_throttle: &Mutex<LogThrottle>, kind: String) -> bool {
    log_throttle.lock().is_due(kind)
}

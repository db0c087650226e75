//! Counts the API requests of a project, and logs what the client reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Instruments;
use crate::log_throttle::LogThrottle;
use records_api::{ApiError, Endpoint, Observer};

/// Counts the API requests of a project.
#[derive(Debug)]
pub struct ProjectObserver {
    instruments: Arc<Instruments>,
    project: String,
    requests: AtomicU64,
    pauses: Mutex<LogThrottle>,
    renewals: Mutex<LogThrottle>,
}

/// Minimum pause that is logged; shorter ones appear only in the metrics.
const MIN_LOGGED_PAUSE: Duration = Duration::from_secs(10);

impl ProjectObserver {
    pub(super) fn new(instruments: Arc<Instruments>, project: String) -> Self {
        let (requests, pauses, renewals) = Default::default();
        Self { instruments, project, requests, pauses, renewals }
    }

    /// Returns the number of requests to the records API since the start.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the seconds that requests were held back since the start because the API asked for a
    /// pause.
    pub(crate) fn throttled_seconds(&self) -> f64 {
        self.instruments.api_throttled.with_label_values(&[&self.project]).get()
    }
}

impl Observer for ProjectObserver {
    fn requested(&self, endpoint: Endpoint, code: &str, took: Duration) {
        if endpoint.is_records_api() {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        let labels = [self.project.as_str(), endpoint.as_str()];
        let [project, endpoint] = labels;
        self.instruments.api_requests.with_label_values(&[project, endpoint, code]).inc();
        let duration = self.instruments.api_request_duration.with_label_values(&labels);
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
        let counter = self.instruments.api_throttled.with_label_values(&[&self.project]);
        counter.inc_by(waited.as_secs_f64());
    }

    fn renewal_failed(&self, error: &ApiError) {
        if is_due(&self.renewals, error.to_string()) {
            let (project, remedy) = (&self.project, error.remedy());
            tracing::warn!(project, %error, remedy, "credentials could not be renewed");
        }
    }
}

fn is_due(log_throttle: &Mutex<LogThrottle>, kind: String) -> bool {
    log_throttle.lock().is_due(kind)
}

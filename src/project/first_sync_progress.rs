//! Progress of a first sync, as a metric and in the log.

use std::time::Duration;

use tokio::time::Instant;

use crate::listing::Pauses;
use records_api::ApiError;
use records_api::LogThrottle;

/// Time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Progress of a first sync.
#[derive(Debug, Default)]
pub(super) struct FirstSyncProgress {
    /// Number of rows read by earlier parts.
    before: u64,
    rows: u64,
    total: Option<u64>,
    is_complete: bool,
    /// Time of the first read or of the last log line.
    logged: Option<Instant>,
    pauses: Pauses,
    log_throttle: LogThrottle,
}

impl FirstSyncProgress {
    /// Creates the progress of a first sync that has not started, or is already complete.
    pub(super) fn new(is_complete: bool) -> Self {
        Self { is_complete, ..Self::default() }
    }

    /// Sets the number of rows that the current part has read, and its total if the API counts. Logs
    /// from time to time.
    pub(super) fn note(&mut self, project: &str, rows: u64, total: Option<u64>, now: Instant) {
        self.pauses.note_page();
        if self.is_complete {
            return;
        }
        let rows = self.before + rows;
        let total = total.map(|total| self.before.saturating_add(total));
        (self.rows, self.total) = (rows, total);
        let logged = self.logged.get_or_insert(now);
        if now.duration_since(*logged) >= LOG_INTERVAL {
            *logged = now;
            let ratio = self.ratio();
            tracing::info!(project, rows, total, ratio, "first sync in progress");
        }
    }

    /// Notes that the API refused a request because of too many, and logs it. Returns true if the
    /// request is to be sent again: during a first sync, unless several pauses in a row gave no page.
    pub(super) fn waits_for(&mut self, project: &str, error: &ApiError, now: Instant) -> bool {
        if self.is_complete || !self.pauses.waits(now) {
            return false;
        }
        if self.log_throttle.is_due(String::new()) {
            let (remedy, ratio) = (error.remedy(), self.ratio());
            tracing::warn!(project, %error, remedy, ratio, "first sync throttled");
        }
        true
    }

    /// Starts a part. `rows` were read before it.
    pub(super) fn start_part(&mut self, rows: u64) {
        self.before = rows;
    }

    /// Completes the first sync.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Returns the progress from 0 to 1; 0 as long as the total is not known.
    pub(super) fn ratio(&self) -> f64 {
        match self.total {
            _ if self.is_complete => 1.0,
            Some(total) => (self.rows as f64 / total as f64).min(1.0),
            None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_rises_from_zero_to_one() {
        let mut progress = FirstSyncProgress::default();
        let now = Instant::now();
        assert_eq!(progress.ratio().to_bits(), 0.0_f64.to_bits());
        progress.note("p", 25, Some(100), now);
        assert_eq!(progress.ratio().to_bits(), 0.25_f64.to_bits());
        progress.note("p", 125, Some(100), now);
        assert_eq!(progress.ratio().to_bits(), 1.0_f64.to_bits());
        progress.note("p", 0, None, now);
        progress.complete();
        progress.note("p", 1, Some(100), now);
        assert_eq!(progress.ratio().to_bits(), 1.0_f64.to_bits());
    }
}

//! Consecutive failures of a project: what people read about them, and when they are logged.

use super::error::PollError;
use crate::log_throttle::LogThrottle;
use crate::snapshot::Failure;
use records_api::record::Timestamp;

/// Consecutive failures.
#[derive(Debug, Default)]
pub(super) struct FailureStreak {
    since: Option<Timestamp>,
    log_throttle: LogThrottle,
}

impl FailureStreak {
    /// Takes a failure, and logs it if it is a new one or an hour has passed. Returns what people read
    /// about it.
    pub(super) fn note(&mut self, project: &str, error: &PollError, now: Timestamp) -> Failure {
        let since = *self.since.get_or_insert(now);
        let failure = Failure {
            asked: error.asked.clone(),
            what: error.to_string(),
            remedy: error.reason.remedy(),
            since,
        };
        if self.log_throttle.is_due(error.reason.kind()) {
            let Failure { asked, what, remedy, .. } = &failure;
            let since = since.to_rfc3339();
            tracing::warn!(project, asked, error = what, remedy, since, "poll failed");
        }
        failure
    }

    /// A poll succeeded. Returns whether it ended a streak.
    pub(super) fn end(&mut self) -> bool {
        self.log_throttle = LogThrottle::default();
        self.since.take().is_some()
    }
}

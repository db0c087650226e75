//! Consecutive failed polls of a project: what is served about them, and when they are logged.

use super::error::PollError;
use crate::snapshot::Failure;
use records_api::LogThrottle;
use records_api::record::Timestamp;

/// Consecutive failed polls.
#[derive(Debug, Default)]
pub(super) struct FailureStreak {
    since: Option<Timestamp>,
    log_throttle: LogThrottle,
}

impl FailureStreak {
    /// Adds a failed poll, and logs it if its kind is new or the last message is an hour old. Returns
    /// what is served about it.
    pub(super) fn add(&mut self, project: &str, error: &PollError, now: Timestamp) -> Failure {
        let since = *self.since.get_or_insert(now);
        let failure = Failure {
            request: error.request.clone(),
            what: error.to_string(),
            remedy: error.reason.remedy(),
            since,
        };
        if self.log_throttle.is_due(error.reason.kind()) {
            let Failure { request, what, remedy, .. } = &failure;
            let since = since.to_rfc3339();
            tracing::warn!(project, request, error = what, remedy, since, "poll failed");
        }
        failure
    }

    /// Continues the failures that another replica has seen since this time, if any.
    pub(super) fn continue_since(&mut self, since: Option<Timestamp>) {
        self.since = since;
    }

    /// True if the last poll failed.
    pub(super) fn is_failing(&self) -> bool {
        self.since.is_some()
    }

    /// Ends the streak after a complete poll. Returns true if there was one.
    pub(super) fn end(&mut self) -> bool {
        self.log_throttle = LogThrottle::default();
        self.since.take().is_some()
    }
}

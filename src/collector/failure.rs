//! The last failure of a project: what people are told of it, and when it is logged.

use super::error::PollError;
use super::log_throttle::LogThrottle;
use records_api::record::Timestamp;

/// Why the last poll failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The request that showed it: path and query, with the method before it unless it is GET.
    pub asked: Option<String>,
    /// What happened.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// When the first of the failures in a row happened.
    pub since: Timestamp,
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct FailureStreak {
    last: Option<Failure>,
    log_throttle: LogThrottle,
}

impl FailureStreak {
    /// The last failure, unless a poll succeeded after it.
    pub(super) fn last(&self) -> Option<&Failure> {
        self.last.as_ref()
    }

    /// Takes a failure and logs it when it is another than before, and once an hour while it lasts.
    pub(super) fn note(&mut self, project: &str, error: &PollError, now: Timestamp) {
        let failure = Failure {
            asked: error.asked.clone(),
            what: error.to_string(),
            remedy: error.reason.remedy(),
            since: self.last.as_ref().map_or(now, |failure| failure.since),
        };
        if self.log_throttle.is_due(error.reason.kind()) {
            let Failure { asked, what, remedy, since } = &failure;
            let since = since.to_rfc3339();
            tracing::warn!(project, asked, error = what, remedy, since, "poll failed");
        }
        self.last = Some(failure);
    }

    /// A poll succeeded: the next failure is a new one. Returns whether there was one before.
    pub(super) fn end(&mut self) -> bool {
        self.log_throttle = LogThrottle::default();
        self.last.take().is_some()
    }
}

//! Why a poll failed.

use std::time::Duration;

use crate::ledger::CommitError;
use crate::sync::SyncError;
use records_api::ApiError;

/// Why a poll failed, and at which question. Nothing of it was published.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct PollError {
    /// The request that showed it: path and query, with the method before it unless it is GET.
    pub asked: Option<String>,
    /// What happened.
    pub reason: Reason,
}

/// What makes a poll fail.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Reason {
    /// A request gave nothing.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The answers cannot be completed to the whole window.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The clocks differ, so that nobody knows which window was asked for.
    #[error("this machine's clock is {} {} the API's", span(*.ahead_millis), side(*.ahead_millis))]
    Clock {
        /// How far the API's clock is ahead of ours, in milliseconds.
        ahead_millis: i64,
    },
    /// What the poll found could not be made durable, so that nothing of it may be shown.
    #[error(transparent)]
    State(CommitError),
    /// Nobody can tell how users are to be named.
    #[error("the key of user names cannot be read: {0}")]
    Users(String),
    /// The poll panicked.
    #[error("the poll broke off")]
    BrokeOff,
}

impl PollError {
    /// The failure of a question.
    pub(super) fn at(asked: String, reason: impl Into<Reason>) -> Self {
        let reason = reason.into();
        // On the way to it credentials may have been asked for, of somebody else.
        let asked = match &reason {
            Reason::Api(error) => error.endpoint().fixed_request().map_or(asked, str::to_owned),
            _ => asked,
        };
        Self { asked: Some(asked), reason }
    }
}

impl<R: Into<Reason>> From<R> for PollError {
    fn from(reason: R) -> Self {
        Self { asked: None, reason: reason.into() }
    }
}

fn span(millis: i64) -> humantime::FormattedDuration {
    let seconds = millis.unsigned_abs() / 1000;
    humantime::format_duration(Duration::from_secs(seconds))
}

fn side(ahead_millis: i64) -> &'static str {
    if ahead_millis > 0 { "behind" } else { "ahead of" }
}

impl Reason {
    /// What an administrator can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Api(error) => error.remedy(),
            Self::Sync(error) => error.remedy().to_owned(),
            Self::State(error) => error.remedy().to_owned(),
            Self::Clock { .. } => {
                "set this machine's clock (NTP); the window and the signature of requests depend \
                 on it"
                    .to_owned()
            }
            Self::Users(_) => {
                "check `labels.user_hash_key`, and that its file can be read".to_owned()
            }
            Self::BrokeOff => "this is a bug: report it with the log to the maintainers".to_owned(),
        }
    }

    /// The same for failures that are the same to an administrator: texts carry figures that
    /// change each time.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Api(
                ApiError::Refused { endpoint, status, error_body, cause, .. }
                | ApiError::HeldBack { endpoint, status, error_body, cause, .. },
            ) => {
                let cause = cause.map(|cause| std::mem::discriminant(&cause));
                format!("{endpoint} {status} {:?} {cause:?}", error_body.code)
            }
            Self::Api(error) => format!("{:?}", std::mem::discriminant(error)),
            Self::Sync(error) => format!("{:?}", std::mem::discriminant(error)),
            Self::Clock { .. } => "clock".to_owned(),
            Self::State(_) => "state".to_owned(),
            Self::Users(error) => error.clone(),
            Self::BrokeOff => "broke off".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_says_how_far_and_which_way() {
        let error = Reason::Clock { ahead_millis: 400_999 };
        assert_eq!(error.to_string(), "this machine's clock is 6m 40s behind the API's");
        let error = Reason::Clock { ahead_millis: -3_600_000 };
        assert_eq!(error.to_string(), "this machine's clock is 1h ahead of the API's");
    }
}

//! Reasons why records cannot be read.

use std::time::Duration;

use crate::sync::SyncError;
use records_api::ApiError;
use records_api::wire::ErrorBody;

/// A request for records that failed, or whose answer proves nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{failure}")]
pub struct ReadError {
    /// Path and query of the request, with the method in front unless it is GET.
    pub request: String,
    /// Reason for the failure.
    pub failure: ReadFailure,
}

/// Reason why records cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadFailure {
    /// A request failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The answers contradict each other or the request, so the range is not known to be complete.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The clocks differ by minutes, so the API may not have read the range that was requested.
    #[error("this machine's clock is {} {} the API's", span(*.ahead_millis), side(*.ahead_millis))]
    Clock {
        /// Time by which the API's clock is ahead of this machine's, in milliseconds.
        ahead_millis: i64,
    },
    /// An answer came from a cache and is minutes old, so records may be missing in it.
    #[error("the answer of the API comes from a cache and is {} old", humantime::format_duration(*.age))]
    Cached {
        /// Age according to the cache.
        age: Duration,
    },
}

impl ReadError {
    /// The failure of a request.
    pub fn at(request: String, failure: impl Into<ReadFailure>) -> Self {
        let failure = failure.into();
        // The request to the API may have needed one to IAM or the metadata service first, which failed.
        let request = match &failure {
            ReadFailure::Api(error) => {
                error.endpoint().fixed_request().map_or(request, str::to_owned)
            }
            _ => request,
        };
        Self { request, failure }
    }

    /// True if the API counts records and lists none.
    pub fn lost_rows(&self) -> bool {
        matches!(&self.failure, ReadFailure::Sync(SyncError::Vanished { .. }))
    }

    /// True if the API refused the request itself, as it does with a parameter that it does not know.
    pub fn refuses_request(&self) -> bool {
        matches!(&self.failure, ReadFailure::Api(error) if error.refuses_request())
    }
}

fn span(millis: i64) -> humantime::FormattedDuration {
    let seconds = millis.unsigned_abs() / 1000;
    humantime::format_duration(Duration::from_secs(seconds))
}

fn side(ahead_millis: i64) -> &'static str {
    if ahead_millis > 0 { "behind" } else { "ahead of" }
}

impl ReadFailure {
    /// Returns what an administrator can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Api(error) => error.remedy(),
            Self::Sync(error) => error.remedy().to_owned(),
            Self::Clock { ahead_millis } => {
                let or = if *ahead_millis < 0 {
                    "; if it is right, look for a proxy or cache that returns old answers"
                } else {
                    ""
                };
                format!(
                    "set this machine's clock (NTP); the window and the signature of requests \
                     depend on it{or}"
                )
            }
            Self::Cached { .. } => "exclude the API from the cache between this machine and the \
                API; it may be the proxy in `api.proxy_url`"
                .to_owned(),
        }
    }

    /// Returns a text that is equal for failures that are equal to an administrator. Messages are not:
    /// they contain numbers that differ from poll to poll, and each poll would log one.
    pub fn kind(&self) -> String {
        match self {
            Self::Api(
                ApiError::Refused {
                    endpoint,
                    status,
                    error_body: ErrorBody { code, .. },
                    cause,
                    ..
                }
                | ApiError::HeldBack { endpoint, status, code, cause, .. },
            ) => {
                let cause = cause.map(|cause| std::mem::discriminant(&cause));
                format!("{endpoint} {status} {code:?} {cause:?}")
            }
            Self::Api(ApiError::Certificate { problem, of_proxy, .. }) => {
                format!("certificate {problem:?} {of_proxy}")
            }
            Self::Api(ApiError::Proxy { problem, .. }) => format!("proxy {problem:?}"),
            Self::Api(error) => format!("{:?}", std::mem::discriminant(error)),
            Self::Sync(error) => format!("{:?}", std::mem::discriminant(error)),
            Self::Clock { .. } => "clock".to_owned(),
            Self::Cached { .. } => "cached".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_says_how_far_and_which_way() {
        let error = ReadFailure::Clock { ahead_millis: 400_999 };
        assert_eq!(error.to_string(), "this machine's clock is 6m 40s behind the API's");
        let error = ReadFailure::Clock { ahead_millis: -3_600_000 };
        assert_eq!(error.to_string(), "this machine's clock is 1h ahead of the API's");
    }
}

//! Reasons for failed polls.

use crate::ledger::CommitError;
use crate::listing::{ReadError, ReadFailure};
use crate::sync::SyncError;
use records_api::ApiError;

/// A failed poll. Nothing that it read is served or kept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct PollError {
    /// Path and query of the request that failed, with the method in front unless it is GET.
    pub request: Option<String>,
    /// Reason for the failure.
    pub reason: Reason,
}

/// Reason for a failed poll.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Reason {
    /// The records cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFailure),
    /// The poll could not be committed. Served values must be durable.
    #[error(transparent)]
    State(CommitError),
    /// The key of the hashes of users cannot be read.
    #[error("cannot read the key of the hashes of users: {0}")]
    Users(String),
    /// The poll panicked.
    #[error("the poll panicked")]
    Panicked,
}

impl PollError {
    /// The failure of a request.
    pub(super) fn at(request: String, failure: impl Into<ReadFailure>) -> Self {
        ReadError::at(request, failure).into()
    }
}

impl From<ReadError> for PollError {
    fn from(ReadError { request, failure }: ReadError) -> Self {
        Self { request: Some(request), reason: failure.into() }
    }
}

impl<R: Into<Reason>> From<R> for PollError {
    fn from(reason: R) -> Self {
        Self { request: None, reason: reason.into() }
    }
}

impl From<ApiError> for Reason {
    fn from(error: ApiError) -> Self {
        Self::Read(error.into())
    }
}

impl From<SyncError> for Reason {
    fn from(error: SyncError) -> Self {
        Self::Read(error.into())
    }
}

impl Reason {
    /// Returns what an administrator can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Read(failure) => failure.remedy(),
            Self::State(error) => error.remedy().to_owned(),
            Self::Users(_) => {
                "check `labels.user_hash_key`, and that its file can be read".to_owned()
            }
            Self::Panicked => "this is a bug: report it with the log to the maintainers".to_owned(),
        }
    }

    /// Returns a text that is equal for failures that are equal to an administrator. Messages are not:
    /// they contain numbers that differ from poll to poll, and each poll would log one.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Read(failure) => failure.kind(),
            Self::State(_) => "state".to_owned(),
            Self::Users(error) => error.clone(),
            Self::Panicked => "panicked".to_owned(),
        }
    }
}

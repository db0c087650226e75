//! Refusals of credentials, which outlive the process and are shared with others.

use std::fmt;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::credentials::Fingerprint;
use crate::endpoint::Endpoint;
use crate::error::Cause;

/// A refusal of credentials, without the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The project of the request.
    pub project_id: String,
    /// The endpoint of the request.
    pub endpoint: Endpoint,
    /// HTTP status: 401 or 403.
    pub status: u16,
    /// Error code in the body.
    pub code: Option<String>,
    /// Most probable cause.
    pub cause: Option<Cause>,
    /// True if it applies to all projects and endpoints, false if only to these.
    pub applies_everywhere: bool,
    /// Time of the refusal in milliseconds since the Unix epoch.
    pub at_millis: i64,
}

/// Keeps refusals for later processes, and for others that use the same credentials.
pub trait RefusalStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the refusals of these credentials. Nothing in them needs to be true: the caller checks
    /// their times, and forgets them after five minutes.
    fn find(&self, credentials: Fingerprint) -> BoxFuture<'_, Vec<Refusal>>;

    /// Keeps a refusal. Replaces an earlier one of the same credentials, project and endpoint.
    fn keep(&self, credentials: Fingerprint, refusal: Refusal) -> BoxFuture<'_, ()>;
}

//! Endpoints of the simulated API, and requests to them.

use axum::{
    body::Bytes,
    extract::{FromRequest, rejection::BytesRejection},
};
use http::{HeaderMap, Method, Uri};

/// An endpoint of the simulated API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// The list of records.
    Records,
    /// One record.
    Record,
    /// The list of desktop pools.
    Pools,
    /// IAM: a token for a password.
    Tokens,
    /// Metadata service: a token.
    MetadataToken,
    /// Metadata service: temporary keys.
    SecurityKey,
    /// Anything else.
    Other,
}

impl Endpoint {
    /// Every endpoint that a fault can be limited to.
    pub(crate) const NAMED: [Self; 6] = [
        Self::Records,
        Self::Record,
        Self::Pools,
        Self::Tokens,
        Self::MetadataToken,
        Self::SecurityKey,
    ];

    /// The name in faults and in the request log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Record => "record",
            Self::Pools => "pools",
            Self::Tokens => "tokens",
            Self::MetadataToken => "metadata_token",
            Self::SecurityKey => "security_key",
            Self::Other => "other",
        }
    }

    /// Reports whether the endpoint issues credentials. These are reached without a gateway.
    pub(crate) fn is_for_credentials(self) -> bool {
        matches!(self, Self::Tokens | Self::MetadataToken | Self::SecurityKey)
    }
}

/// A request to an endpoint.
pub(crate) struct Request<'r> {
    pub(crate) endpoint: Endpoint,
    /// The project id in the path; empty if the path has none.
    pub(crate) project: &'r str,
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r [u8],
}

/// A request as it was received, before its endpoint is known.
pub(crate) struct ReceivedRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl ReceivedRequest {
    pub(crate) fn request<'r>(&'r self, endpoint: Endpoint, project: &'r str) -> Request<'r> {
        let Self { method, uri, headers, body } = self;
        Request { endpoint, project, method, uri, headers, body }
    }

    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequest<S> for ReceivedRequest {
    type Rejection = BytesRejection;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, BytesRejection> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        Ok(Self { method, uri, headers, body })
    }
}

//! Causes of an incomplete or missing response.

use crate::endpoint::Endpoint;
use crate::error::{ApiError, CertificateProblem, ProxyProblem};

/// Cause of an incomplete or missing response. The texts contain no headers and no URLs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The connection could not be established, or broke before there was an answer.
    #[error("{0}")]
    Connection(String),
    /// The certificate of the server or of the proxy was not accepted.
    #[error("{what}")]
    Certificate {
        /// True if it is the certificate of the proxy.
        of_proxy: bool,
        /// Reason.
        problem: CertificateProblem,
        /// Error of the TLS library.
        what: String,
    },
    /// The connection through the proxy failed.
    #[error("{what}")]
    Proxy {
        /// Reason.
        problem: ProxyProblem,
        /// Error of the connection.
        what: String,
    },
    /// The body broke off.
    #[error("{}", broken_off(*.received, *.announced, .what))]
    BrokenOff {
        /// Number of bytes received.
        received: usize,
        /// Size according to the headers.
        announced: Option<u64>,
        /// Error of the connection.
        what: String,
    },
    /// The body cannot be decompressed.
    #[error("{0}")]
    Undecodable(String),
    /// The body is larger than this limit in bytes, after decompression.
    #[error("the response is larger than {0} bytes (`api.max_response_bytes`)")]
    TooLarge(usize),
}

fn broken_off(received: usize, announced: Option<u64>, what: &str) -> String {
    let of = announced.map_or_else(String::new, |announced| format!(" of {announced}"));
    format!("the answer broke off after {received}{of} bytes: {what}")
}

impl TransportError {
    /// Returns the error of a request to an endpoint.
    pub(super) fn at(self, endpoint: Endpoint) -> ApiError {
        match self {
            Self::Connection(what) => ApiError::Unreachable { endpoint, what },
            Self::Certificate { of_proxy, problem, what } => {
                ApiError::Certificate { endpoint, of_proxy, problem, what }
            }
            Self::Proxy { problem, what } => ApiError::Proxy { endpoint, problem, what },
            Self::BrokenOff { .. } => ApiError::BrokenOff { endpoint, what: self.to_string() },
            Self::Undecodable(what) => ApiError::Invalid { endpoint, what },
            Self::TooLarge(limit) => ApiError::TooLarge { endpoint, limit },
        }
    }
}

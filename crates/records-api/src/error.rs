//! Errors of requests, with a remedy for the administrator.

mod cause;
mod connection;

use std::time::Duration;

use http::StatusCode;

pub use cause::Cause;
pub use connection::{CertificateProblem, ProxyProblem};

use crate::endpoint::Endpoint;
use crate::wire::ErrorBody;

/// The reason why a request failed. Contains no secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The server responded with an error.
    #[error("{endpoint} answered {status}{}", parenthesized(.error_body))]
    Refused {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// HTTP status; 200 for an error in the body of a successful response.
        status: StatusCode,
        /// Error in the body. For a 401 only its code, because the message may contain the signed
        /// headers.
        error_body: ErrorBody,
        /// Most probable cause, if the error is about credentials.
        cause: Option<Cause>,
        /// Pause in the header `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The server responded with success, but the content is not what was requested.
    #[error("{endpoint} answered, but {what}")]
    Invalid {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// Description of the error.
        what: String,
    },
    /// The body is larger than `api.max_response_bytes`.
    #[error(
        "{endpoint} answered with a body that is larger than {limit} bytes (`api.max_response_bytes`)"
    )]
    TooLarge {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// The limit in bytes.
        limit: usize,
    },
    /// No complete response arrived within `api.request_timeout`.
    #[error("{endpoint} sent no complete response within {}", humantime::format_duration(*.after))]
    Timeout {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// The time limit.
        after: Duration,
    },
    /// The body of a successful response broke off.
    #[error("{endpoint} answered, but {what}")]
    BrokenOff {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// Description with the number of bytes received.
        what: String,
    },
    /// The certificate of the server or of the proxy was not accepted.
    #[error(
        "{endpoint} cannot be reached, because the certificate of {} is not accepted: {what}",
        if *.of_proxy { "the proxy" } else { "the server" }
    )]
    Certificate {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// True if it is the certificate of the proxy.
        of_proxy: bool,
        /// Reason.
        problem: CertificateProblem,
        /// Error of the TLS library.
        what: String,
    },
    /// The connection through the proxy failed.
    #[error("{endpoint} cannot be reached through the proxy: {what}")]
    Proxy {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// Reason.
        problem: ProxyProblem,
        /// Error of the connection.
        what: String,
    },
    /// The connection could not be established, or broke before there was an answer.
    #[error("{endpoint} cannot be reached: {what}")]
    Unreachable {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// Error of the connection.
        what: String,
    },
    /// No credentials are usable.
    #[error("no credentials for {endpoint}: {what}")]
    Credentials {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// Description of the error.
        what: String,
    },
    /// No request was sent, because the same credentials were refused less than five minutes ago.
    #[error(
        "{endpoint} answered {status} to these credentials{} {} ago; next attempt in {}, or when they \
         change",
        code.as_ref().map_or_else(String::new, |code| format!(" ({code})")),
        humantime::format_duration(*.ago),
        humantime::format_duration(*.left)
    )]
    HeldBack {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// HTTP status of the refusal.
        status: StatusCode,
        /// Error code of the refusal.
        code: Option<String>,
        /// Most probable cause of the refusal.
        cause: Option<Cause>,
        /// Time since the refusal.
        ago: Duration,
        /// Time until the next attempt.
        left: Duration,
    },
}

/// Numbers of the gateway's errors about itself or the service behind it: a broken configuration, a
/// backend that does not respond or responds nonsense, an internal error, IAM unavailable.
const GATEWAY_FAULTS: [&str; 8] = ["0103", "0104", "0105", "0201", "0601", "0602", "0610", "0613"];

fn parenthesized(error_body: &ErrorBody) -> String {
    if *error_body == ErrorBody::default() { String::new() } else { format!(" ({error_body})") }
}

impl ApiError {
    /// Returns the value of the label `code`: the HTTP status, `timeout`, `connect` or `invalid`;
    /// `None` if no request was sent.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Refused { status, .. } => Some(status.as_u16().to_string()),
            Self::Invalid { .. } | Self::TooLarge { .. } | Self::BrokenOff { .. } => {
                Some("invalid".to_owned())
            }
            Self::Timeout { .. } => Some("timeout".to_owned()),
            Self::Unreachable { .. } | Self::Certificate { .. } | Self::Proxy { .. } => {
                Some("connect".to_owned())
            }
            Self::Credentials { .. } | Self::HeldBack { .. } => None,
        }
    }

    /// Removes all texts of the response, because they contain the credentials.
    pub(super) fn without_texts(mut self) -> Self {
        match &mut self {
            Self::Refused { error_body, .. } => *error_body = ErrorBody::default(),
            Self::Invalid { what, .. } => {
                "the response contains the credentials and is therefore not shown".clone_into(what);
            }
            _ => {}
        }
        self
    }

    /// True if the server responded that it does not accept the request, such as a parameter of it.
    pub fn refuses_request(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::BAD_REQUEST, .. })
            && !self.is_gateway_fault()
    }

    /// True if the gateway reports an error of its own with status 400, which says nothing about the
    /// request.
    pub(crate) fn is_gateway_fault(&self) -> bool {
        match self {
            Self::Refused { status: StatusCode::BAD_REQUEST, error_body, .. } => {
                error_body.gateway_number().is_some_and(|number| GATEWAY_FAULTS.contains(&number))
            }
            _ => false,
        }
    }

    /// True if the same request for a smaller page may succeed.
    pub(crate) fn may_depend_on_page_size(&self) -> bool {
        self.is_transient() || self.refuses_request() || matches!(self, Self::TooLarge { .. })
    }

    /// True if a retry after a short time may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status: StatusCode::BAD_REQUEST, .. } => self.is_gateway_fault(),
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        // Some errors of the service ("busy") are sent with status 200.
                        StatusCode::OK
                            | StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::REQUEST_TIMEOUT
                    )
            }
            // A wrong password may lock the user of the proxy.
            Self::Proxy { problem, .. } => *problem != ProxyProblem::Unauthorized,
            Self::Invalid { .. }
            | Self::Timeout { .. }
            | Self::BrokenOff { .. }
            | Self::Unreachable { .. } => true,
            Self::Credentials { .. }
            | Self::HeldBack { .. }
            | Self::Certificate { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// True if the API refused the request because of too many requests.
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::TOO_MANY_REQUESTS, .. })
    }

    /// Returns the endpoint of the request.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Refused { endpoint, .. }
            | Self::Invalid { endpoint, .. }
            | Self::TooLarge { endpoint, .. }
            | Self::Timeout { endpoint, .. }
            | Self::BrokenOff { endpoint, .. }
            | Self::Certificate { endpoint, .. }
            | Self::Proxy { endpoint, .. }
            | Self::Unreachable { endpoint, .. }
            | Self::Credentials { endpoint, .. }
            | Self::HeldBack { endpoint, .. } => *endpoint,
        }
    }

    /// Returns what an administrator can do.
    pub fn remedy(&self) -> String {
        let endpoint = self.endpoint();
        let key = endpoint.key();
        match self {
            Self::Refused { status, cause, .. } | Self::HeldBack { status, cause, .. } => {
                match cause {
                    Some(cause) => cause.remedy(endpoint),
                    None if *status == StatusCode::FORBIDDEN && endpoint == Endpoint::IamTokens => {
                        format!(
                            "IAM refuses the user: check in its console that the user is enabled \
                             and that the access rules of the account permit this machine, and \
                             check `{key}`"
                        )
                    }
                    None if is_from_other_server(*status) && !endpoint.is_records_api() => {
                        format!("check `{key}`: another server responds there")
                    }
                    None if self.is_gateway_fault() => REMEDY_FOR_INTERNAL_ERROR.to_owned(),
                    None => remedy_for_status(key, *status),
                }
            }
            Self::Invalid { .. } if endpoint.is_records_api() => {
                format!(
                    "check that `{key}` is the Workspace API of the region, and that no proxy \
                     responds in its place"
                )
            }
            Self::Invalid { .. } => format!("check `{key}`: another server responds there"),
            Self::TooLarge { .. } => {
                "lower `api.page_size`, or raise `api.max_response_bytes`".to_owned()
            }
            Self::Timeout { .. }
                if matches!(endpoint, Endpoint::MetadataToken | Endpoint::SecurityKey) =>
            {
                format!("check that the exporter can reach `{key}`")
            }
            Self::Timeout { .. } => format!(
                "check the network path to `{key}` and the proxy in `api.proxy_url`, if one is set, \
                 or raise `api.request_timeout`"
            ),
            Self::BrokenOff { .. } => {
                "look for a proxy, firewall or load balancer on the path that ends connections \
                 early; a smaller `api.page_size` makes answers shorter"
                    .to_owned()
            }
            Self::Certificate { of_proxy, problem, .. } => {
                problem.remedy(if *of_proxy { "api.proxy_url" } else { key })
            }
            Self::Proxy { problem, .. } => problem.remedy(key),
            Self::Unreachable { .. } if endpoint.is_records_api() => {
                format!(
                    "check `{key}` and `projects.region`, DNS, firewall and TLS between this \
                     machine and the API"
                )
            }
            Self::Unreachable { .. } => {
                format!("check `{key}`, DNS, firewall and TLS between this machine and that server")
            }
            Self::Credentials { .. } => {
                "check `projects.auth` and the file that it refers to".to_owned()
            }
        }
    }
}

/// Advice to an administrator if the API refuses requests because of too many.
pub const THROTTLED_REMEDY: &str = "lower `api.max_requests_per_second`, or find out what else \
    uses the same quota; if `api.max_retries` is 0, raise it";

/// True for statuses that IAM and the metadata service never send.
fn is_from_other_server(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}

const REMEDY_FOR_INTERNAL_ERROR: &str = "the API has an internal error; the next poll tries again. If \
    it persists, look at the status page of the region";

fn remedy_for_status(key: &str, status: StatusCode) -> String {
    let text = match status {
        StatusCode::UNAUTHORIZED => "check `projects.auth`",
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "the proxy requires a user and password, or refused them: check `api.proxy_url`"
        }
        StatusCode::NOT_FOUND => {
            return format!(
                "check `projects.project_id` and `{key}`: the region may not offer Workspace, or \
                 the project may belong to another region"
            );
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            return format!("check `{key}`: the server there is not the records API");
        }
        StatusCode::TOO_MANY_REQUESTS => THROTTLED_REMEDY,
        StatusCode::BAD_REQUEST => {
            "the API did not accept a parameter: check `projects.project_id` and `projects.filter`"
        }
        StatusCode::OK => {
            "the API reports an internal error; the next poll tries again. If it persists, look up \
             the code in the API's list of error codes"
        }
        status if status.is_redirection() => {
            return format!(
                "redirects are not followed, so that credentials are not sent to another host: set \
                 `{key}` to the final address"
            );
        }
        status if status.is_server_error() => REMEDY_FOR_INTERNAL_ERROR,
        _ => return format!("check `{key}`: the server there is not the records API"),
    };
    text.to_owned()
}

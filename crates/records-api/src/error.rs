//! What can go wrong with a request, said so that an administrator can act on it.

use std::time::Duration;

use http::StatusCode;

use crate::endpoint::Endpoint;
use crate::sign_in::Cause;
use crate::wire::ErrorBody;

/// Why a request gave nothing. Never holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The API answered with an error status.
    #[error("{endpoint} answered {status}{}", shown(.error_body))]
    Refused {
        /// What was asked.
        endpoint: Endpoint,
        /// The HTTP status.
        status: StatusCode,
        /// The error body. Of a 401 only its code: the gateway echoes signed headers there.
        error_body: ErrorBody,
        /// What it most probably means, if it is about credentials.
        cause: Option<Cause>,
        /// How long the API asked to wait.
        retry_after: Option<Duration>,
    },
    /// A good status came with something that is not what was asked for.
    #[error("{endpoint} answered, but {what}")]
    Invalid {
        /// What was asked.
        endpoint: Endpoint,
        /// What came.
        what: String,
    },
    /// The body is larger than `api.max_response_bytes`.
    #[error(
        "{endpoint} answered with a body that is larger than {limit} bytes (`api.max_response_bytes`)"
    )]
    TooLarge {
        /// What was asked.
        endpoint: Endpoint,
        /// The limit.
        limit: usize,
    },
    /// No complete answer came within `api.request_timeout`.
    #[error("{endpoint} gave no complete answer within {}", humantime::format_duration(*.after))]
    Timeout {
        /// What was asked.
        endpoint: Endpoint,
        /// The limit.
        after: Duration,
    },
    /// No connection, or it broke.
    #[error("{endpoint} cannot be reached: {what}")]
    Unreachable {
        /// What was asked.
        endpoint: Endpoint,
        /// What the connection said.
        what: String,
    },
    /// The credentials cannot be used.
    #[error("no credentials for {endpoint}: {what}")]
    Credentials {
        /// What was asked.
        endpoint: Endpoint,
        /// What is wrong with them.
        what: String,
    },
    /// Not asked, because the same credentials were refused less than five minutes ago.
    #[error(
        "{endpoint} answered {status} to these credentials{}; not asked again for {}",
        shown(.error_body),
        humantime::format_duration(*.left)
    )]
    HeldBack {
        /// What would have been asked.
        endpoint: Endpoint,
        /// The status of the refusal.
        status: StatusCode,
        /// Its error body.
        error_body: ErrorBody,
        /// What it most probably means.
        cause: Option<Cause>,
        /// How much longer nothing will be asked.
        left: Duration,
    },
}

fn shown(error_body: &ErrorBody) -> String {
    if *error_body == ErrorBody::default() { String::new() } else { format!(" ({error_body})") }
}

impl ApiError {
    /// The value of the label `code`: the HTTP status, `timeout`, `connect` or `invalid`.
    /// `None` if nothing was sent.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Refused { status, .. } => Some(status.as_u16().to_string()),
            Self::Invalid { .. } | Self::TooLarge { .. } => Some("invalid".to_owned()),
            Self::Timeout { .. } => Some("timeout".to_owned()),
            Self::Unreachable { .. } => Some("connect".to_owned()),
            Self::Credentials { .. } | Self::HeldBack { .. } => None,
        }
    }

    /// The same without any text that came from the other side: it repeats the credentials.
    pub(super) fn without_texts(mut self) -> Self {
        match &mut self {
            Self::Refused { error_body, .. } => *error_body = ErrorBody::default(),
            Self::Invalid { what, .. } => {
                "the answer repeats the credentials, so it is not shown".clone_into(what);
            }
            _ => {}
        }
        self
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        // Some faults of the service ("busy") come with status 200.
                        StatusCode::OK
                            | StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::REQUEST_TIMEOUT
                    )
            }
            Self::Invalid { .. } | Self::Timeout { .. } | Self::Unreachable { .. } => true,
            Self::Credentials { .. } | Self::HeldBack { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// What was asked.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Refused { endpoint, .. }
            | Self::Invalid { endpoint, .. }
            | Self::TooLarge { endpoint, .. }
            | Self::Timeout { endpoint, .. }
            | Self::Unreachable { endpoint, .. }
            | Self::Credentials { endpoint, .. }
            | Self::HeldBack { endpoint, .. } => *endpoint,
        }
    }

    /// What an administrator can do about it.
    pub fn remedy(&self) -> String {
        let endpoint = self.endpoint();
        let key = endpoint.key();
        match self {
            Self::Refused { status, cause, .. } | Self::HeldBack { status, cause, .. } => {
                match cause {
                    Some(cause) => cause.remedy(endpoint),
                    None if *status == StatusCode::FORBIDDEN && endpoint == Endpoint::IamTokens => {
                        format!(
                            "IAM does not let the user in: check in its console that the user is \
                             enabled, and that no access rule of the account shuts out this \
                             machine; and check `{key}`"
                        )
                    }
                    None if is_of_another(*status) && !endpoint.is_of_api() => {
                        format!("check `{key}`: what answers there is something else")
                    }
                    None => remedy_for_status(key, *status),
                }
            }
            Self::Invalid { .. } if endpoint.is_of_api() => {
                format!(
                    "check that `{key}` is the Workspace API of the region and that no proxy \
                     answers in its place"
                )
            }
            Self::Invalid { .. } => format!("check `{key}`: what answers there is something else"),
            Self::TooLarge { .. } => {
                "lower `api.page_size`, or raise `api.max_response_bytes`".to_owned()
            }
            Self::Timeout { .. }
                if matches!(endpoint, Endpoint::MetadataToken | Endpoint::SecurityKey) =>
            {
                format!("check that `{key}` can be reached from where the exporter runs")
            }
            Self::Timeout { .. } => {
                format!("check the network path to `{key}`, or raise `api.request_timeout`")
            }
            Self::Unreachable { .. } if endpoint.is_of_api() => {
                format!(
                    "check `{key}` and `projects.region`, DNS, firewall and TLS between this \
                     machine and the API"
                )
            }
            Self::Unreachable { .. } => {
                format!("check `{key}`, DNS, firewall and TLS between this machine and it")
            }
            Self::Credentials { .. } => "check `projects.auth` and the file it names".to_owned(),
        }
    }
}

/// Whether only something else than what is meant to be there answers so.
fn is_of_another(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}

fn remedy_for_status(key: &str, status: StatusCode) -> String {
    let text = match status {
        StatusCode::UNAUTHORIZED => "check `projects.auth`",
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "the proxy wants to be given a user and password, or others: check `api.proxy_url`"
        }
        StatusCode::NOT_FOUND => {
            return format!(
                "check `projects.project_id` and `{key}`: the region may not offer Workspace, or \
                 the project may belong to another region"
            );
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            return format!("check `{key}`: what answers there is not the records API");
        }
        StatusCode::TOO_MANY_REQUESTS => {
            "lower `api.max_requests_per_second`, or look for other users of the same quota"
        }
        StatusCode::BAD_REQUEST => {
            "the API did not accept a parameter: check `projects.project_id` and `projects.filter`"
        }
        StatusCode::OK => {
            "the API reports a fault of its own; the next poll tries again. If it lasts, look its \
             code up in the API's list of error codes"
        }
        status if status.is_redirection() => {
            return format!(
                "redirects are not followed, so that credentials reach no other host: put the \
                 final address into `{key}`"
            );
        }
        status if status.is_server_error() => {
            "the API has a fault of its own; the next poll tries again. If it lasts, look at the \
             status page of the region"
        }
        _ => return format!("check `{key}`: what answers there is not the records API"),
    };
    text.to_owned()
}

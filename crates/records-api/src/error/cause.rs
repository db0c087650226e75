//! Finds the most probable cause of a refusal.
//!
//! The gateway answers with the same code if a key is wrong, if it is locked and if the clock is
//! wrong. An administrator needs to know which.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::wire::ErrorBody;

/// The most probable cause of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The token is wrong or belongs to another region.
    WrongToken,
    /// The token has expired or was revoked.
    ExpiredToken,
    /// The access key does not exist, or its secret is different.
    WrongKey,
    /// A temporary key has expired or was revoked.
    ExpiredKey,
    /// The access key is locked for everyone for five minutes after too many wrong signatures.
    LockedKey,
    /// The user does not exist, or the password is different.
    WrongPassword,
    /// The user is locked after too many wrong passwords.
    LockedUser,
    /// The API's clock is ahead of ours by this many milliseconds, so that it does not accept our
    /// signatures. They are valid for 15 minutes.
    Clock(i64),
    /// The credentials belong to another project or region.
    WrongProject,
    /// The user does not have the permission for this request.
    NoPermission,
    /// The server has no agency.
    NoAgency,
}

/// A poll fails at this difference, earlier than the gateway refuses signatures (15 minutes).
const MAX_CLOCK_DIFFERENCE_MILLIS: i64 = 5 * 60 * 1000;
/// Only the beginning of a body is searched for words.
const MAX_SEARCHED_BYTES: usize = 4096;

/// Returns the part of a body that is searched for words, in lower case.
fn searched(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(MAX_SEARCHED_BYTES)]).to_lowercase()
}

impl Cause {
    /// Returns the cause of an error response, if its status can be about credentials.
    /// `clock_ahead_millis` is how far the server's clock is ahead of ours.
    pub(crate) fn of(
        endpoint: Endpoint,
        (status, body): (StatusCode, &[u8]),
        error_body: &ErrorBody,
        credentials: &Credentials,
        clock_ahead_millis: Option<i64>,
    ) -> Option<Self> {
        let text = searched(body);
        let code = error_body.code.as_deref().unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED => {}
            // APIGW.0802: the IAM user is forbidden in this region.
            StatusCode::FORBIDDEN if error_body.gateway_number() == Some("0802") => {
                return Some(Self::WrongProject);
            }
            StatusCode::FORBIDDEN if endpoint.is_records_api() => return Some(Self::NoPermission),
            // IAM does not know the project.
            StatusCode::BAD_REQUEST if endpoint == Endpoint::IamTokens => {
                return Some(Self::WrongProject);
            }
            // The service does not know the tenant.
            StatusCode::NOT_FOUND
                if endpoint == Endpoint::ScreenRecords
                    && matches!(code, "WKS.00170312" | "WKS.00170117") =>
            {
                return Some(Self::WrongProject);
            }
            _ => return None,
        }
        let clock = clock_ahead_millis.filter(|ahead| ahead.abs() > MAX_CLOCK_DIFFERENCE_MILLIS);
        Some(match credentials {
            Credentials::Machine(_) if text.contains("agency") => Self::NoAgency,
            Credentials::Machine(_) => return None,
            Credentials::Password(..) if code == "IAM.0061" || text.contains("locked") => {
                Self::LockedUser
            }
            Credentials::Password(..) if text.contains("project") => Self::WrongProject,
            Credentials::Password(..) => Self::WrongPassword,
            Credentials::AccessKey(_) | Credentials::Token(_)
                if text.contains("project") && !Self::blames_credentials(body, credentials) =>
            {
                Self::WrongProject
            }
            Credentials::AccessKey(_) if text.contains("reach the limit") => Self::LockedKey,
            Credentials::AccessKey(_) if clock.is_some() => Self::Clock(clock.unwrap_or_default()),
            Credentials::AccessKey(key)
                if key.security_token.is_some() && text.contains("expired")
                    || error_body.gateway_number() == Some("0307") =>
            {
                Self::ExpiredKey
            }
            Credentials::AccessKey(_) => Self::WrongKey,
            Credentials::Token(_) if error_body.gateway_number() == Some("0307") => {
                Self::ExpiredToken
            }
            Credentials::Token(_) => Self::WrongToken,
        })
    }

    /// True if the body of a 401 says that the credentials are wrong. Otherwise the project may be.
    pub(crate) fn blames_credentials(body: &[u8], credentials: &Credentials) -> bool {
        let text = searched(body);
        let words: &[&str] = match credentials {
            Credentials::AccessKey(_) => {
                &["signature", "not exist", "secretkey", "reach the limit", "expired", "token"]
            }
            Credentials::Token(_) => &["token"],
            // IAM checks the password before the project.
            Credentials::Password(..) | Credentials::Machine(_) => return true,
        };
        words.iter().any(|word| text.contains(word))
    }

    /// Returns what an administrator can do.
    pub(crate) fn remedy(self, endpoint: Endpoint) -> String {
        let text = match self {
            Self::WrongToken => {
                "the token is wrong, has expired, or belongs to another region: check \
                 `projects.auth` and `projects.endpoint`"
            }
            Self::ExpiredToken => {
                "the token has expired or was revoked: put a new one into `projects.auth.token` or \
                 its file"
            }
            Self::WrongKey => {
                "the access key is wrong, deleted or disabled, or the secret key is wrong: check \
                 `projects.auth.access_key` and `projects.auth.secret_key`"
            }
            Self::ExpiredKey => {
                "the temporary key has expired or was revoked: provide a new one with its security \
                 token"
            }
            Self::LockedKey => {
                "the access key is locked for five minutes, for everyone who uses it, after more \
                 than five wrong signatures in a row: find out what else uses it with a wrong \
                 secret key, and check `projects.auth.secret_key`"
            }
            Self::WrongPassword => {
                "the password is wrong, or the user does not exist: check `projects.auth.domain`, \
                 `projects.auth.username` and `projects.auth.password`"
            }
            Self::LockedUser => {
                "IAM has locked the user after too many wrong passwords: wait, find out what else \
                 signs in as this user, and check `projects.auth.password`"
            }
            Self::Clock(ahead) => {
                let span =
                    humantime::format_duration(Duration::from_secs(ahead.unsigned_abs() / 1000));
                let side = if ahead > 0 { "behind" } else { "ahead of" };
                return format!(
                    "this machine's clock is {span} {side} the API's, so the API does not accept \
                     its signatures: set the clock (NTP)"
                );
            }
            Self::WrongProject => {
                "the credentials do not belong to this project: check `projects.project_id`, \
                 `projects.region` and `projects.endpoint`"
            }
            Self::NoPermission => {
                return format!(
                    "grant the user the IAM action `{}` in this project, and check \
                     `projects.project_id`",
                    endpoint.action()
                );
            }
            Self::NoAgency => {
                "this server has no agency: configure one in the ECS console, or choose another \
                 `projects.auth.method`"
            }
        };
        text.to_owned()
    }
}

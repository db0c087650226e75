//! What a refusal of credentials most probably means: the difference between a key that is wrong and
//! a clock that is off is an hour of somebody's night.

use std::time::Duration;

use http::StatusCode;

use super::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::wire::ErrorBody;

/// What a refusal most probably means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The token is wrong, or of another region.
    WrongToken,
    /// The token has expired or was revoked.
    ExpiredToken,
    /// No such access key, or its secret is another.
    WrongKey,
    /// A temporary key has expired or was revoked.
    ExpiredKey,
    /// Too many wrong signatures: nobody can use the key for a while.
    LockedKey,
    /// No such user, or its password is another.
    WrongPassword,
    /// Too many wrong passwords: the user cannot sign in for a while.
    LockedUser,
    /// The clocks differ by so many milliseconds, by which ours is behind: a signature is good for a
    /// quarter of an hour.
    Clock(i64),
    /// The credentials belong to another project or region.
    WrongProject,
    /// The user may not do this.
    NoPermission,
    /// The machine has no agency.
    NoAgency,
}

/// The gateway takes a signature for a quarter of an hour; a poll gives up earlier.
const MAX_CLOCK_DIFFERENCE_MILLIS: i64 = 5 * 60 * 1000;
/// More of a body is not searched for words.
const SEARCHED_BYTES: usize = 4096;

impl Cause {
    /// The cause of an answer with this status and body. `clock_ahead_millis`: how far the other
    /// side's clock is ahead.
    pub(crate) fn of(
        endpoint: Endpoint,
        (status, body): (StatusCode, &[u8]),
        error_body: &ErrorBody,
        credentials: &Credentials,
        clock_ahead_millis: Option<i64>,
    ) -> Option<Self> {
        let text = String::from_utf8_lossy(&body[..body.len().min(SEARCHED_BYTES)]).to_lowercase();
        let code = error_body.code.as_deref().unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED => {}
            // The user is forbidden in this region.
            StatusCode::FORBIDDEN if error_body.gateway_number() == Some("0802") => {
                return Some(Self::WrongProject);
            }
            StatusCode::FORBIDDEN if endpoint.is_of_api() => return Some(Self::NoPermission),
            // IAM knows no such project; the service knows no such tenant.
            StatusCode::BAD_REQUEST if endpoint == Endpoint::IamTokens => {
                return Some(Self::WrongProject);
            }
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

    /// What an administrator can do about it.
    pub(crate) fn remedy(self, endpoint: Endpoint) -> String {
        let text = match self {
            Self::WrongToken => {
                "the token is wrong, expired, or of another region: check `projects.auth` and \
                 `projects.endpoint`"
            }
            Self::ExpiredToken => {
                "the token has expired or was revoked: put a fresh one into `projects.auth.token` \
                 or its file"
            }
            Self::WrongKey => {
                "the access key is wrong, deleted or disabled, or its secret is another: check \
                 `projects.auth.access_key` and `projects.auth.secret_key`"
            }
            Self::ExpiredKey => {
                "the temporary key has expired or was revoked: give a fresh one, its security \
                 token included"
            }
            Self::LockedKey => {
                "the access key is locked for five minutes, for everybody who uses it, after more \
                 than five wrong signatures in a row: find who else signs with it and a wrong \
                 secret, and check `projects.auth.secret_key`"
            }
            Self::WrongPassword => {
                "the password is wrong, or there is no such user: check `projects.auth.domain`, \
                 `projects.auth.username` and `projects.auth.password`"
            }
            Self::LockedUser => {
                "IAM has locked the user after too many wrong passwords: wait, find who else signs \
                 in as it, and check `projects.auth.password`"
            }
            Self::Clock(ahead) => {
                let span =
                    humantime::format_duration(Duration::from_secs(ahead.unsigned_abs() / 1000));
                let side = if ahead > 0 { "behind" } else { "ahead of" };
                return format!(
                    "this machine's clock is {span} {side} the API's, so its signatures are not \
                     accepted: set it (NTP)"
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
                "this machine has no agency: configure one for the server in the ECS console, or \
                 choose another `projects.auth.method`"
            }
        };
        text.to_owned()
    }
}

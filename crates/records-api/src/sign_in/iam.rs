//! Obtains a token for a project from IAM with a password:
//! `POST {iam_endpoint}/v3/auth/tokens?nocatalog=true`.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::cache::{TemporaryCredentials, lifetime};
use crate::call::{ApiCall, Response, RetryingClient};
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;
use crate::secret::{Secret, Source};

/// An IAM user with a password.
#[derive(Debug)]
pub struct IamUser {
    /// Base URL of IAM: scheme, host and port.
    pub iam_endpoint: Url,
    /// Name of the account that the user belongs to.
    pub domain: String,
    /// Name of the user.
    pub username: String,
    /// Password of the user.
    pub password: Source,
}

const SUBJECT_TOKEN: &str = "x-subject-token";
const PATH: &str = "/v3/auth/tokens?nocatalog=true";
/// A token is renewed after this part of its lifetime ...
const RENEW_AFTER: f64 = 0.75;
/// ... or up to this part later, so that projects do not renew their tokens all at once.
const RENEWAL_SPREAD: f64 = 0.15;

#[derive(Deserialize)]
struct Body {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    expires_at: String,
    issued_at: Option<String>,
}

impl IamUser {
    /// Reads the current password.
    ///
    /// # Errors
    ///
    /// A message about its file.
    pub(super) async fn credentials(&self) -> Result<Credentials, String> {
        Ok(Credentials::Password(self.identity(), self.password.read().await?))
    }

    /// Requests a token for the project of the client with the user's password.
    pub(super) async fn sign_in(
        &self,
        client: &RetryingClient,
        credentials: &Credentials,
    ) -> Result<TemporaryCredentials, ApiError> {
        let endpoint = Endpoint::IamTokens;
        let Credentials::Password(_, password) = credentials else {
            let what = "they are not a password".to_owned();
            return Err(ApiError::Credentials { endpoint, what });
        };
        let request = self
            .request(password, &client.project_id)
            .map_err(|error| ApiError::Unreachable { endpoint, what: error.to_string() })?;
        let call = ApiCall {
            succeeds_with: StatusCode::CREATED,
            ..client.api_call(endpoint, request, credentials)
        };
        let sent_at = Instant::now();
        let decode = |response: &Response| {
            parse(response, sent_at, Timestamp::from_millis(client.now_millis())).map_err(|what| {
                ApiError::Invalid { endpoint: Endpoint::IamTokens, what: what.to_owned() }
            })
        };
        client.send(&call, decode).await.map(|decoded| decoded.value)
    }

    /// Returns a text that identifies the user, so that a refusal of the password applies to this
    /// user only.
    fn identity(&self) -> String {
        format!("{} {:?} {:?}", self.iam_endpoint, self.domain, self.username)
    }

    fn request(&self, password: &Secret, project_id: &str) -> Result<Request<Bytes>, http::Error> {
        let body = json!({"auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {
                    "domain": {"name": self.domain},
                    "name": self.username,
                    "password": password.expose(),
                }},
            },
            "scope": {"project": {"id": project_id}},
        }});
        let base = self.iam_endpoint.as_str().trim_end_matches('/');
        Request::post(format!("{base}{PATH}"))
            .header(header::CONTENT_TYPE, "application/json;charset=utf8")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(body.to_string()))
    }
}

fn parse(
    response: &Response,
    sent_at: Instant,
    now: Timestamp,
) -> Result<TemporaryCredentials, &'static str> {
    let token = response.headers.get(SUBJECT_TOKEN).and_then(|token| token.to_str().ok());
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    let token = token.ok_or("it has no header X-Subject-Token")?;
    let body: Body =
        serde_json::from_slice(&response.body).map_err(|_| "its body has no token.expires_at")?;
    let expires =
        Timestamp::parse(&body.token.expires_at).ok_or("token.expires_at is not a time")?;
    // The lifetime is the difference of two times by IAM's clock, because ours may be wrong.
    let issued = body.token.issued_at.as_deref().and_then(Timestamp::parse).unwrap_or(now);
    let lifetime = lifetime(issued, expires).ok_or("the token has expired already")?;
    let credentials = Credentials::Token(Secret::from(token));
    let part = RENEW_AFTER + RENEWAL_SPREAD * credentials.fingerprint().spread();
    Ok(TemporaryCredentials {
        expires,
        renew_at: sent_at + lifetime.mul_f64(part),
        expires_at: sent_at + lifetime,
        credentials,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::*;

    fn response(token: Option<&str>, body: &str) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(SUBJECT_TOKEN, token.parse().unwrap());
        }
        Response { status: StatusCode::CREATED, headers, body: Bytes::from(body.to_owned()) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_lifetime_of_a_token_is_measured_by_the_clock_of_iam() {
        let (now, sent_at) = (Timestamp::from_millis(0), Instant::now());
        let body = r#"{"token":{"expires_at":"2020-01-04T09:05:22.701000Z",
            "issued_at":"2020-01-03T09:05:22.701000Z","methods":["password"]}}"#;
        let temporary = parse(&response(Some(" the-token "), body), sent_at, now).unwrap();
        let hours = |hours: f64| sent_at + Duration::from_secs_f64(hours * 3600.0);
        assert_eq!(temporary.expires_at, hours(24.0));
        assert!((hours(18.0)..=hours(21.6)).contains(&temporary.renew_at));
        assert_eq!(temporary.expires.to_rfc3339(), "2020-01-04T09:05:22.701Z");
    }

    #[tokio::test(start_paused = true)]
    async fn responses_without_a_valid_token_are_errors() {
        let good = r#"{"token":{"expires_at":"2020-01-04T09:05:22Z"}}"#;
        let late = Timestamp::parse("2020-01-04T09:05:22Z").unwrap();
        for (token, body, now, what) in [
            (None, good, 0, "X-Subject-Token"),
            (Some(" "), good, 0, "X-Subject-Token"),
            (Some("t"), "{}", 0, "expires_at"),
            (Some("t"), "<html>", 0, "expires_at"),
            (Some("t"), r#"{"token":{"expires_at":"soon"}}"#, 0, "not a time"),
            (Some("t"), good, late.millis(), "expired already"),
        ] {
            let now = Timestamp::from_millis(now);
            let error = parse(&response(token, body), Instant::now(), now).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn the_request_contains_user_and_project() {
        let user = IamUser {
            iam_endpoint: "https://iam.example.com/".parse().unwrap(),
            domain: "ac\"me".to_owned(),
            username: "robot".to_owned(),
            password: Source::Value("p w\u{e4}".into()),
        };
        let request = user.request(&"p w\u{e4}".into(), "0123").unwrap();
        assert_eq!(request.uri(), "https://iam.example.com/v3/auth/tokens?nocatalog=true");
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let password = &body["auth"]["identity"]["password"]["user"];
        assert_eq!(password["password"], "p w\u{e4}");
        assert_eq!(password["domain"]["name"], "ac\"me");
        assert_eq!(body["auth"]["scope"]["project"]["id"], "0123");
    }
}

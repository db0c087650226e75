//! Temporary access keys of the machine itself: an agency of the cloud server that this runs on.
//!
//! `GET {metadata_endpoint}/openstack/latest/securitykey`, with a token of the metadata service where
//! it gives one (`PUT .../meta-data/latest/api/token`). Keys live for an hour, and new ones appear ten
//! minutes before they end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::cache::{CredentialCache, TemporaryCredentials, lifetime};
use super::cause::Cause;
use super::credentials::Credentials;
use super::signature::AccessKey;
use crate::client::retry::{ApiCall, RetryingClient};
use crate::client::transport::Transport;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;
use crate::secret::Secret;

/// The agency of this machine. All projects that sign in by it share one.
#[derive(Debug)]
pub struct Agency {
    endpoint: Url,
    transport: Arc<dyn Transport>,
    pub(super) cache: CredentialCache,
    /// The token of the metadata service, and until when it is used. Without one until then: it is
    /// of the kind that knows none.
    token: Mutex<Option<(Option<Secret>, Instant)>>,
}

const TOKEN_PATH: &str = "/meta-data/latest/api/token";
const KEY_PATH: &str = "/openstack/latest/securitykey";
const TOKEN_LIFE_SECONDS: &str = "21600";
/// A minute less, so that no request goes out with one that has just ended.
const TOKEN_USE: Duration = Duration::from_secs(21_540);
const TOKEN_LIFE_HEADER: &str = "X-Metadata-Token-Ttl-Seconds";
const TOKEN_HEADER: &str = "X-Metadata-Token";
/// A service that knows no tokens may learn of them.
const WITHOUT_TOKEN: Duration = Duration::from_secs(24 * 3600);
const TIMEOUT: Duration = Duration::from_secs(3);
/// The service answers all programs of the machine.
const PAUSE: Duration = Duration::from_secs(60);
/// New keys appear ten minutes before the old ones end.
const AHEAD: Duration = Duration::from_secs(570);
const SPREAD: Duration = Duration::from_secs(60);
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct Body {
    credential: Credential,
}

#[derive(Deserialize)]
struct Credential {
    access: Secret,
    secret: Secret,
    securitytoken: Secret,
    expires_at: String,
}

impl Agency {
    /// The agency that a metadata service knows. `transport` must not go through a proxy.
    pub fn new(endpoint: Url, transport: Arc<dyn Transport>) -> Self {
        let cache = CredentialCache::new(Endpoint::SecurityKey, (PAUSE, PAUSE));
        Self { endpoint, transport, cache, token: Mutex::default() }
    }

    /// Asks for the keys as they are now.
    pub(super) async fn fetch(
        &self,
        client: &RetryingClient,
    ) -> Result<TemporaryCredentials, ApiError> {
        let had_token = self.known_token().is_some();
        match self.fetch_key(client).await {
            // A token may have been given up before its time; without an agency it is not that.
            Err(ApiError::Refused { status: StatusCode::UNAUTHORIZED, cause, .. })
                if had_token && cause != Some(Cause::NoAgency) =>
            {
                self.forget_token();
                self.fetch_key(client).await
            }
            result => result,
        }
    }

    async fn fetch_key(&self, client: &RetryingClient) -> Result<TemporaryCredentials, ApiError> {
        let endpoint = Endpoint::SecurityKey;
        let mut request = Request::get(self.url(KEY_PATH));
        let token = self.token(client).await?;
        if let Some(token) = &token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                let what = "the token of the metadata service is none".to_owned();
                ApiError::Invalid { endpoint: Endpoint::MetadataToken, what }
            })?;
            value.set_sensitive(true);
            request = request.header(TOKEN_HEADER, value);
        }
        let asked = Instant::now();
        let invalid = |what: &str| ApiError::Invalid { endpoint, what: what.to_owned() };
        let (response, ahead) = self
            .send(client, endpoint, request, token, |body| {
                let body: Body = serde_json::from_slice(body).map_err(|_| {
                    invalid(
                        "its body has no credential of access, secret, securitytoken, expires_at",
                    )
                })?;
                let expires = Timestamp::parse(&body.credential.expires_at);
                Ok((body.credential, expires.ok_or_else(|| invalid("expires_at is no moment"))?))
            })
            .await?;
        let (Credential { access, secret, securitytoken, .. }, expires) = response;
        // Its own clock says when they end; ours may be off.
        let now = Timestamp::from_millis(client.now_millis()).plus_millis(ahead.unwrap_or(0));
        let life =
            lifetime(now, expires).ok_or_else(|| invalid("the keys have expired already"))?;
        let ends_at = asked + life;
        let security_token = Some(securitytoken);
        let credentials = Credentials::AccessKey(AccessKey { id: access, secret, security_token });
        let later = SPREAD.mul_f64(credentials.fingerprint().spread());
        let renew_at = ends_at.checked_sub(AHEAD).map_or(asked, |at| at + later);
        Ok(TemporaryCredentials { credentials, expires, renew_at, ends_at })
    }

    /// The token of the metadata service, or none where it knows none.
    async fn token(&self, client: &RetryingClient) -> Result<Option<Secret>, ApiError> {
        let known = self.known_token().filter(|(_, until)| Instant::now() < *until);
        if let Some((token, _)) = known {
            return Ok(token);
        }
        let request =
            Request::put(self.url(TOKEN_PATH)).header(TOKEN_LIFE_HEADER, TOKEN_LIFE_SECONDS);
        let asked = Instant::now();
        let endpoint = Endpoint::MetadataToken;
        let token = self
            .send(client, endpoint, request, None, |body| {
                let text = std::str::from_utf8(body).map(str::trim).unwrap_or_default();
                let what = || "its body is no token".to_owned();
                let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
                is_token
                    .then(|| Secret::from(text))
                    .ok_or_else(|| ApiError::Invalid { endpoint, what: what() })
            })
            .await;
        let (token, life) = match token {
            Ok((token, _)) => (Some(token), TOKEN_USE),
            Err(ApiError::Refused {
                status:
                    StatusCode::NOT_FOUND
                    | StatusCode::METHOD_NOT_ALLOWED
                    | StatusCode::SERVICE_UNAVAILABLE,
                ..
            }) => (None, WITHOUT_TOKEN),
            Err(error) => return Err(error),
        };
        *self.token.lock() = Some((token.clone(), asked + life));
        Ok(token)
    }

    fn known_token(&self) -> Option<(Option<Secret>, Instant)> {
        self.token.lock().clone()
    }

    fn forget_token(&self) {
        *self.token.lock() = None;
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.as_str().trim_end_matches('/'))
    }

    /// One call, once, with the token of the service in it or none. Returns how far the clock of
    /// the other side is ahead, too.
    async fn send<T>(
        &self,
        client: &RetryingClient,
        endpoint: Endpoint,
        request: http::request::Builder,
        token: Option<Secret>,
        mut read: impl FnMut(&[u8]) -> Result<T, ApiError>,
    ) -> Result<(T, Option<i64>), ApiError> {
        let request = request
            .body(Bytes::new())
            .map_err(|error| ApiError::Unreachable { endpoint, what: error.to_string() })?;
        let source = Credentials::Machine(token);
        let call = ApiCall {
            transport: &self.transport,
            timeout: TIMEOUT,
            limit: MAX_RESPONSE_BYTES,
            retries: 0,
            ..client.api_call(endpoint, request, &source)
        };
        let listed = client.send(&call, |response| read(&response.body)).await?;
        Ok((listed.value, listed.clock_ahead_millis))
    }
}

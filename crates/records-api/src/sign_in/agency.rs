//! Obtains temporary access keys from the metadata service of the cloud server (ECS) on which the
//! process runs. The server must have an agency.
//!
//! `GET {metadata_endpoint}/openstack/latest/securitykey`, with a token of the metadata service if
//! it supports tokens (`PUT {metadata_endpoint}/meta-data/latest/api/token`). Keys are valid for an
//! hour, and the service returns new ones ten minutes before they expire.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::cache::{CredentialCache, Pauses, TemporaryCredentials, lifetime};
use crate::call::{ApiCall, Decoded, RetryingClient, Transport};
use crate::credentials::{AccessKey, Credentials, Fingerprint};
use crate::endpoint::Endpoint;
use crate::error::{ApiError, Cause};
use crate::record::Timestamp;
use crate::secret::Secret;

/// The agency of this server. Projects that use the same metadata service share it.
#[derive(Debug)]
pub struct Agency {
    endpoint: Url,
    transport: Arc<dyn Transport>,
    pub(super) cache: CredentialCache,
    /// Knowledge about the token of the metadata service.
    token: Mutex<Option<MetadataToken>>,
}

/// The token with which keys are requested from the metadata service.
#[derive(Debug, Clone)]
struct MetadataToken {
    /// `None` if the service does not support tokens.
    token: Option<Secret>,
    use_until: Instant,
}

const TOKEN_PATH: &str = "/meta-data/latest/api/token";
const KEY_PATH: &str = "/openstack/latest/securitykey";
const TOKEN_TTL_SECONDS: &str = "21600";
/// A minute less, so that no request is sent with a token that has just expired.
const TOKEN_LIFETIME: Duration = Duration::from_secs(21_540);
const TOKEN_TTL_HEADER: &str = "X-Metadata-Token-Ttl-Seconds";
const TOKEN_HEADER: &str = "X-Metadata-Token";
/// Time for which no token is requested from a service that does not support tokens. It may be upgraded.
const UNSUPPORTED_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const TIMEOUT: Duration = Duration::from_secs(3);
/// Minimum time between two requests for keys, because all programs of the server use the service.
const PAUSES: Pauses =
    Pauses { after_success: Duration::from_secs(60), after_failure: Duration::from_secs(60) };
/// Keys are renewed this long before they expire. The service has new ones ten minutes before.
const RENEW_BEFORE: Duration = Duration::from_secs(570);
/// Keys are renewed up to this much later, so that servers do not renew theirs all at once.
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
    /// Creates the agency for a metadata service. `transport` must not use a proxy, because the
    /// service identifies the server by its connection.
    pub fn new(endpoint: Url, transport: Arc<dyn Transport>) -> Self {
        let cache = CredentialCache::new(Endpoint::SecurityKey, PAUSES);
        Self { endpoint, transport, cache, token: Mutex::default() }
    }

    /// Identifies the agency, whose keys change.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(["ecs-agency", self.endpoint.as_str()].into_iter())
    }

    /// Requests the current keys.
    pub(super) async fn fetch(
        &self,
        client: &RetryingClient,
    ) -> Result<TemporaryCredentials, ApiError> {
        let had_token = self.known_token().is_some();
        match self.fetch_key(client).await {
            // The service may have revoked its token early, unless the server has no agency.
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
                let what =
                    "the token of the metadata service is not a valid header value".to_owned();
                ApiError::Invalid { endpoint: Endpoint::MetadataToken, what }
            })?;
            value.set_sensitive(true);
            request = request.header(TOKEN_HEADER, value);
        }
        let sent_at = Instant::now();
        let invalid = |what: &str| ApiError::Invalid { endpoint, what: what.to_owned() };
        let Decoded { value: (credential, expires), clock_ahead_millis, .. } = self
            .send(client, endpoint, request, token, |body| {
                let body: Body = serde_json::from_slice(body).map_err(|_| {
                    invalid(
                        "its body has no credential of access, secret, securitytoken, expires_at",
                    )
                })?;
                let expires = Timestamp::parse(&body.credential.expires_at)
                    .ok_or_else(|| invalid("expires_at is not a time"))?;
                Ok((body.credential, expires))
            })
            .await?;
        let Credential { access, secret, securitytoken, .. } = credential;
        // The expiry is compared with the clock of the service, because ours may be wrong.
        let now = Timestamp::from_millis(client.now_millis())
            .plus_millis(clock_ahead_millis.unwrap_or(0));
        let lifetime =
            lifetime(now, expires).ok_or_else(|| invalid("the keys have expired already"))?;
        let expires_at = sent_at + lifetime;
        let security_token = Some(securitytoken);
        let credentials = Credentials::AccessKey(AccessKey { id: access, secret, security_token });
        let later = SPREAD.mul_f64(credentials.fingerprint().spread());
        let renew_at = expires_at.checked_sub(RENEW_BEFORE).map_or(sent_at, |at| at + later);
        Ok(TemporaryCredentials { credentials, expires, renew_at, expires_at })
    }

    /// Returns the token of the metadata service; `None` if the service does not support tokens.
    async fn token(&self, client: &RetryingClient) -> Result<Option<Secret>, ApiError> {
        if let Some(known) = self.known_token().filter(|known| Instant::now() < known.use_until) {
            return Ok(known.token);
        }
        let request =
            Request::put(self.url(TOKEN_PATH)).header(TOKEN_TTL_HEADER, TOKEN_TTL_SECONDS);
        let sent_at = Instant::now();
        let endpoint = Endpoint::MetadataToken;
        let result = self
            .send(client, endpoint, request, None, |body| {
                let text = std::str::from_utf8(body).map(str::trim).unwrap_or_default();
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    let what = "its body is not a token".to_owned();
                    return Err(ApiError::Invalid { endpoint, what });
                }
                Ok(Secret::from(text))
            })
            .await;
        let (token, lifetime) = match result {
            Ok(decoded) => (Some(decoded.value), TOKEN_LIFETIME),
            // Services of the first version answer with one of these.
            Err(ApiError::Refused {
                status:
                    StatusCode::NOT_FOUND
                    | StatusCode::METHOD_NOT_ALLOWED
                    | StatusCode::SERVICE_UNAVAILABLE,
                ..
            }) => (None, UNSUPPORTED_LIFETIME),
            Err(error) => return Err(error),
        };
        *self.token.lock() =
            Some(MetadataToken { token: token.clone(), use_until: sent_at + lifetime });
        Ok(token)
    }

    fn known_token(&self) -> Option<MetadataToken> {
        self.token.lock().clone()
    }

    fn forget_token(&self) {
        *self.token.lock() = None;
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.as_str().trim_end_matches('/'))
    }

    /// Sends a request to the metadata service, without retries. `token` is the token in the
    /// request.
    async fn send<T>(
        &self,
        client: &RetryingClient,
        endpoint: Endpoint,
        request: http::request::Builder,
        token: Option<Secret>,
        mut decode: impl FnMut(&[u8]) -> Result<T, ApiError>,
    ) -> Result<Decoded<T>, ApiError> {
        let request = request
            .body(Bytes::new())
            .map_err(|error| ApiError::Unreachable { endpoint, what: error.to_string() })?;
        let credentials = Credentials::Machine(token);
        let call = ApiCall {
            transport: &self.transport,
            timeout: TIMEOUT,
            max_response_bytes: MAX_RESPONSE_BYTES,
            max_retries: 0,
            ..client.api_call(endpoint, request, &credentials)
        };
        client.send(&call, |response| decode(&response.body)).await
    }
}

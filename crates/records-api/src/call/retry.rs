//! Sends requests: within the limits, with retries, and not again with credentials that were
//! refused.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use tokio::sync::SemaphorePermit;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::backoff::{CallKey, CredentialBackoff, Outcome, TrialPermit};
use super::body::unsupported_coding;
use super::budget::ReadLimit;
use super::date::{age, clock_ahead};
use super::gate::Gate;
use super::limits::Limits;
use super::observer::Observer;
use super::secret_scan::contains_secret;
use super::throttle::{requested_pause, retry_after};
use super::transport::{Response, Transport};
use crate::clock::Clock;
use crate::credentials::{Credentials, Fingerprint};
use crate::endpoint::Endpoint;
use crate::error::{ApiError, Cause};
use crate::record::Timestamp;
use crate::secret::Secret;
use crate::wire::ErrorBody;

/// Sends the requests of one project.
pub(crate) struct RetryingClient {
    pub(crate) project_id: String,
    pub(crate) limits: Limits,
    pub(crate) gate: Gate,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) backoff: Arc<CredentialBackoff>,
}

/// A request with its credentials and limits.
pub(crate) struct ApiCall<'c> {
    pub(crate) endpoint: Endpoint,
    /// The request without credentials.
    pub(crate) request: Request<Bytes>,
    pub(crate) credentials: &'c dyn CredentialSource,
    pub(crate) transport: &'c Arc<dyn Transport>,
    /// Status of a successful response.
    pub(crate) succeeds_with: StatusCode,
    /// Time limit of one attempt.
    pub(crate) timeout: Duration,
    /// Maximum size of a response body in bytes.
    pub(crate) max_response_bytes: usize,
    /// Number of attempts after the first.
    pub(crate) max_retries: usize,
    /// Names that no error shows.
    pub(crate) hidden: &'c [String],
}

/// Provides the credentials for a request.
pub(crate) trait CredentialSource: Send + Sync {
    /// Returns the current credentials.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, ApiError>>;

    /// Tells the source that these credentials were refused. Returns true if [`Self::credentials`]
    /// will return others, so that the request can be sent again immediately.
    fn invalidate(&self, credentials: Fingerprint) -> bool;

    /// Returns the fingerprint of what temporary credentials are obtained with; `None` for others.
    fn origin(&self) -> Option<Fingerprint>;
}

/// Fixed credentials, which cannot be replaced.
impl CredentialSource for Credentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, ApiError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }

    fn invalidate(&self, _: Fingerprint) -> bool {
        false
    }

    fn origin(&self) -> Option<Fingerprint> {
        None
    }
}

/// A decoded response.
pub(crate) struct Decoded<T> {
    pub(crate) value: T,
    /// Time by which the server's clock is ahead of this machine's, in milliseconds, according to the `Date`
    /// header.
    pub(crate) clock_ahead_millis: Option<i64>,
    /// Age of the response, if it comes from a cache.
    pub(crate) age: Option<Duration>,
}

/// Permission to send a request, to be held until the response has arrived.
struct Admission<'g> {
    _gate: Option<SemaphorePermit<'g>>,
    _trial: Option<TrialPermit>,
}

impl RetryingClient {
    /// Returns the time of the clock in milliseconds since the Unix epoch.
    pub(crate) fn now_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Reports that credentials could not be renewed while the current ones are still valid.
    pub(crate) fn renewal_failed(&self, error: &ApiError) {
        self.observer.renewal_failed(error);
    }

    /// Creates a call with the configured limits.
    pub(crate) fn api_call<'c>(
        &'c self,
        endpoint: Endpoint,
        request: Request<Bytes>,
        credentials: &'c dyn CredentialSource,
    ) -> ApiCall<'c> {
        ApiCall {
            endpoint,
            request,
            credentials,
            transport: &self.transport,
            succeeds_with: StatusCode::OK,
            timeout: self.limits.request_timeout,
            max_response_bytes: self.limits.max_response_bytes,
            max_retries: self.limits.max_retries,
            hidden: &[],
        }
    }

    /// Sends a request, with retries. `decode` parses a successful response; its errors are retried
    /// and counted like those of the request.
    ///
    /// # Errors
    ///
    /// The [`ApiError`] of the last attempt.
    pub(crate) async fn send<T>(
        &self,
        call: &ApiCall<'_>,
        mut decode: impl FnMut(&Response) -> Result<T, ApiError>,
    ) -> Result<Decoded<T>, ApiError> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(call.max_retries)
            .with_jitter()
            .build();
        let mut has_replaced_credentials = false;
        loop {
            let credentials = call.credentials.credentials().await?;
            let error = match self.attempt(call, &credentials, &mut decode).await {
                Ok(decoded) => return Ok(decoded),
                Err(error) => error,
            };
            // A token may have been revoked before it expired. A new one is tried once, without a
            // delay.
            let is_unauthorized =
                matches!(&error, ApiError::Refused { status: StatusCode::UNAUTHORIZED, .. });
            if is_unauthorized
                && call.credentials.invalidate(credentials.fingerprint())
                && !std::mem::replace(&mut has_replaced_credentials, true)
            {
                continue;
            }
            // IAM and the metadata service have limits of their own, which do not concern the API.
            if let Some(pause) = requested_pause(&error).filter(|_| call.endpoint.is_records_api())
            {
                self.observer.asked_to_pause(&error, pause);
                self.gate.close_for(pause);
            }
            let Some(delay) = delays.next().filter(|_| error.is_transient()) else {
                return Err(error);
            };
            tracing::debug!(%error, retry_in = ?delay, "request failed, retrying");
            sleep(delay).await;
        }
    }

    async fn attempt<T>(
        &self,
        call: &ApiCall<'_>,
        credentials: &Credentials,
        decode: &mut impl FnMut(&Response) -> Result<T, ApiError>,
    ) -> Result<Decoded<T>, ApiError> {
        let endpoint = call.endpoint;
        let key = self.call_key(call, credentials);
        let admission = self.admit(key).await?;
        let mut request = call.request.clone();
        let now = Timestamp::from_millis(self.now_millis());
        credentials
            .authorize(&mut request, &self.project_id, now)
            .map_err(|what| ApiError::Credentials { endpoint, what })?;

        let sent_at = Instant::now();
        let result = exchange(call, request).await;
        let took = sent_at.elapsed();
        let is_success =
            result.as_ref().is_ok_and(|response| response.status == call.succeeds_with);
        let held = if is_success {
            // Lets the next request go out before this response is decoded, so that the API need
            // not wait for us.
            if let Some(key) = key {
                let outcome = self.outcome(None, false);
                self.backoff.report(key, outcome).await;
            }
            drop(admission);
            yield_now().await;
            None
        } else {
            // After a refusal no other request may go out before the refusal is recorded below.
            Some(admission)
        };
        let headers = result.as_ref().ok().map(|response| &response.headers);
        let received = self.now_millis();
        let clock_ahead_millis =
            headers.and_then(|headers| clock_ahead(headers, now.millis(), received));
        let age = headers.and_then(age);
        if let Some(age) = age {
            self.observer.cached(endpoint, age);
        }
        let blames_credentials = result
            .as_ref()
            .is_ok_and(|response| Cause::blames_credentials(&response.body, credentials));
        let mut result = result.and_then(|response| {
            let decoded = if is_success {
                decode(&response).map_err(|error| with_coding(error, &response))
            } else {
                Err(refused(endpoint, &response, credentials, clock_ahead_millis))
            };
            decoded.map_err(|error| without_secrets(error, &response, credentials, call.hidden))
        });
        let code = match &result {
            Ok(_) => Some(call.succeeds_with.as_u16().to_string()),
            Err(error) => error.code(),
        };
        self.observer.requested(endpoint, code.as_deref().unwrap_or("connect"), took);
        if held.is_some()
            && let Some(key) = key
        {
            let outcome = self.outcome(result.as_ref().err(), blames_credentials);
            let other_cause = self.backoff.report(key, outcome).await;
            if let Err(ApiError::Refused { cause, .. }) = &mut result {
                *cause = other_cause.or(*cause);
            }
        }
        drop(held);
        result.map(|value| Decoded { value, clock_ahead_millis, age })
    }

    /// Returns what a refusal of this call applies to; `None` for the metadata service, which needs
    /// no credentials that could be refused.
    fn call_key(&self, call: &ApiCall<'_>, credentials: &Credentials) -> Option<CallKey<'_>> {
        if matches!(credentials, Credentials::Machine(_)) {
            return None;
        }
        let (project_id, credentials) = (&self.project_id, credentials.fingerprint());
        let origin = call.credentials.origin().unwrap_or(credentials);
        Some(CallKey { project_id, endpoint: call.endpoint, credentials, origin })
    }

    fn outcome<'e>(&self, error: Option<&'e ApiError>, blames_credentials: bool) -> Outcome<'e> {
        Outcome { error, blames_credentials, now_millis: self.now_millis() }
    }

    /// Waits until a request may be sent. Requests to the metadata service need not wait: it does
    /// not belong to the API, whose pause therefore does not apply, and all projects wait for its
    /// keys.
    async fn admit(&self, key: Option<CallKey<'_>>) -> Result<Admission<'_>, ApiError> {
        let Some(key) = key else { return Ok(Admission { _gate: None, _trial: None }) };
        let trial = self.backoff.admit(key, self.now_millis()).await?;
        let (permit, paused) = self.gate.enter().await;
        if !paused.is_zero() {
            self.observer.throttled(paused);
        }
        // The credentials may have been refused while this request waited at the gate.
        self.backoff.check(key)?;
        Ok(Admission { _gate: Some(permit), _trial: trial })
    }
}

async fn exchange(call: &ApiCall<'_>, request: Request<Bytes>) -> Result<Response, ApiError> {
    let (endpoint, after) = (call.endpoint, call.timeout);
    let limit = ReadLimit::new(call.max_response_bytes);
    let sent = call.transport.send(request, limit.clone());
    match limit.within(after, sent).await {
        None => Err(ApiError::Timeout { endpoint, after }),
        Some(sent) => sent.map_err(|error| error.at(endpoint)),
    }
}

/// Returns the error for a response with an unexpected status.
fn refused(
    endpoint: Endpoint,
    response: &Response,
    credentials: &Credentials,
    clock_ahead_millis: Option<i64>,
) -> ApiError {
    let mut error_body = ErrorBody::parse(&response.body);
    let (status, body) = (response.status, &response.body[..]);
    let cause = Cause::of(endpoint, (status, body), &error_body, credentials, clock_ahead_millis);
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
        // The message of a 401 of the gateway contains the signed request with its session token,
        // and that of a proxy may contain the proxy's password.
        error_body.message = None;
    }
    let retry_after = retry_after(&response.headers);
    ApiError::Refused { endpoint, status, error_body, cause, retry_after }
}

/// Names the coding of a body that is not what was requested, because it is the likely reason.
fn with_coding(mut error: ApiError, response: &Response) -> ApiError {
    if let ApiError::Invalid { what, .. } = &mut error
        && let Some(coding) = unsupported_coding(&response.headers)
    {
        *what = coding;
    }
    error
}

/// Removes all texts of the response from the error if the response contains a secret that was
/// sent, or a name that nothing shows.
fn without_secrets(
    error: ApiError,
    response: &Response,
    credentials: &Credentials,
    hidden: &[String],
) -> ApiError {
    let secrets = credentials.secrets().map(Secret::expose);
    let hidden = hidden.iter().map(String::as_str);
    if contains_secret(&response.body, &error.to_string(), secrets.chain(hidden)) {
        error.without_texts()
    } else {
        error
    }
}

//! One call to the other side: within the limits, with its retries, and not again where it was
//! refused.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, header};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::date::date;
use super::gate::Gate;
use super::limits::Limits;
use super::observer::Observer;
use super::secret_scan::contains_secret;
use super::throttle::{asked_pause, retry_after};
use super::transport::{Response, Transport, TransportError};
use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;
use crate::secret::{Secret, Source};
use crate::sign_in::credentials::{Credentials, Fingerprint};
use crate::sign_in::{CallKey, Cause, CredentialBackoff};
use crate::wire::ErrorBody;

/// Asks for one project.
pub(crate) struct RetryingClient {
    pub(crate) project_id: String,
    pub(crate) limits: Limits,
    pub(crate) gate: Gate,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) backoff: Arc<CredentialBackoff>,
}

/// What is asked, of whom, and as whom.
pub(crate) struct ApiCall<'c> {
    pub(crate) endpoint: Endpoint,
    /// Without credentials.
    pub(crate) request: Request<Bytes>,
    pub(crate) credentials: &'c dyn CredentialSource,
    pub(crate) transport: &'c Arc<dyn Transport>,
    /// The status of a good answer.
    pub(crate) succeeds_with: StatusCode,
    /// Time for one attempt.
    pub(crate) timeout: Duration,
    /// Bytes of an answer.
    pub(crate) limit: usize,
    /// Attempts after the first.
    pub(crate) retries: usize,
}

/// Who asks.
pub(crate) trait CredentialSource: Send + Sync {
    /// What proves it, as of now.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, ApiError>>;

    /// These were refused. Returns whether it is worth asking for others at once.
    fn invalidate(&self, credentials: Fingerprint) -> bool;
}

impl CredentialSource for Credentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, ApiError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }

    fn invalidate(&self, _: Fingerprint) -> bool {
        false
    }
}

/// A decoded answer.
pub(crate) struct Decoded<T> {
    pub(crate) value: T,
    /// How far the server's clock is ahead of ours, in milliseconds, according to the `Date` header.
    pub(crate) clock_ahead_millis: Option<i64>,
}

impl RetryingClient {
    pub(crate) fn now_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// A renewal of credentials failed while those that there are are still good.
    pub(crate) fn renewal_failed(&self, error: &ApiError) {
        self.observer.renewal_failed(error);
    }

    /// A call as most are.
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
            limit: self.limits.max_response_bytes,
            retries: self.limits.max_retries,
        }
    }

    /// Reads a secret that a call needs.
    pub(crate) async fn secret(
        &self,
        endpoint: Endpoint,
        source: &Source,
    ) -> Result<Secret, ApiError> {
        let read = timeout(self.limits.request_timeout, source.read()).await;
        read.unwrap_or_else(|_| Err("the file of a secret does not answer".to_owned()))
            .map_err(|what| ApiError::Credentials { endpoint, what })
    }

    /// One call with its retries. `decode` parses successful answers; its errors
    /// are retried like those of the request.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after the retries where they can help.
    pub(crate) async fn send<T>(
        &self,
        call: &ApiCall<'_>,
        mut decode: impl FnMut(&Response) -> Result<T, ApiError>,
    ) -> Result<Decoded<T>, ApiError> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(call.retries)
            .with_jitter()
            .build();
        let mut was_refused = false;
        loop {
            let credentials = call.credentials.credentials().await?;
            let error = match self.attempt(call, &credentials, &mut decode).await {
                Ok(decoded) => return Ok(decoded),
                Err(error) => error,
            };
            let is_refused =
                matches!(&error, ApiError::Refused { status: StatusCode::UNAUTHORIZED, .. });
            if is_refused
                && call.credentials.invalidate(credentials.fingerprint())
                && !std::mem::replace(&mut was_refused, true)
            {
                continue;
            }
            if let Some(pause) = asked_pause(&error).filter(|_| call.endpoint.is_of_api()) {
                self.observer.asked_to_pause(&error, pause);
                self.gate.close_for(pause);
            }
            let Some(delay) = delays.next().filter(|_| error.is_transient()) else {
                return Err(error);
            };
            tracing::debug!(%error, retry_in = ?delay, "request failed, trying again");
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
        let fingerprint = credentials.fingerprint();
        let key = CallKey { project_id: &self.project_id, endpoint, credentials: fingerprint };
        // Who proves nothing can be refused nothing.
        let key = Some(key).filter(|_| !matches!(credentials, Credentials::Machine(_)));
        let trial = match key {
            Some(key) => self.backoff.admit(key).await?,
            None => None,
        };
        // A pause that the API asked for is none of the machine's own service, and all projects wait
        // for its keys.
        let permit = match key {
            Some(_) => {
                let (permit, paused) = self.gate.enter().await;
                if !paused.is_zero() {
                    self.observer.throttled(paused);
                }
                Some(permit)
            }
            None => None,
        };
        key.map_or(Ok(()), |key| self.backoff.check(key))?;
        let mut request = call.request.clone();
        let now = Timestamp::from_millis(self.now_millis());
        credentials
            .authorize(&mut request, &self.project_id, now)
            .map_err(|what| ApiError::Credentials { endpoint, what })?;

        let begun = Instant::now();
        let result = exchange(call, request).await;
        let took = begun.elapsed();
        // The next request goes out before a page is read: the API need not wait for us. After a
        // refusal nothing may go out until it is remembered.
        let is_good = result.as_ref().is_ok_and(|response| response.status == call.succeeds_with);
        let held = if is_good {
            key.inspect(|key| self.backoff.report(None, *key));
            drop((permit, trial));
            yield_now().await;
            None
        } else {
            Some((permit, trial))
        };
        let clock_ahead_millis =
            result.as_ref().ok().and_then(|response| self.clock_ahead(response));
        let result = result.and_then(|response| {
            let result = if is_good {
                decode(&response)
            } else {
                Err(refused(endpoint, &response, credentials, clock_ahead_millis))
            };
            result.map_err(|error| {
                let secrets = credentials.secrets().map(Secret::expose);
                let is_leak = contains_secret(&response.body, &error.to_string(), secrets);
                if is_leak { error.without_texts() } else { error }
            })
        });
        let code = match &result {
            Ok(_) => Some(call.succeeds_with.as_u16().to_string()),
            Err(error) => error.code(),
        };
        self.observer.requested(endpoint, code.as_deref().unwrap_or("connect"), took);
        if held.is_some() {
            key.inspect(|key| self.backoff.report(result.as_ref().err(), *key));
        }
        drop(held);
        result.map(|value| Decoded { value, clock_ahead_millis })
    }

    fn clock_ahead(&self, response: &Response) -> Option<i64> {
        let date = date(&response.headers, header::DATE)?;
        date.timestamp_millis().checked_sub(self.clock.now_millis())
    }
}

async fn exchange(call: &ApiCall<'_>, request: Request<Bytes>) -> Result<Response, ApiError> {
    let (endpoint, after) = (call.endpoint, call.timeout);
    let sent = call.transport.send(request, call.limit);
    match timeout(after, sent).await {
        Err(_) => Err(ApiError::Timeout { endpoint, after }),
        Ok(Ok(response)) => Ok(response),
        Ok(Err(TransportError::TooLarge(limit))) => Err(ApiError::TooLarge { endpoint, limit }),
        Ok(Err(TransportError::Connection(what))) => Err(ApiError::Unreachable { endpoint, what }),
    }
}

fn refused(
    endpoint: Endpoint,
    response: &Response,
    credentials: &Credentials,
    clock_ahead_millis: Option<i64>,
) -> ApiError {
    let mut error_body = ErrorBody::read(&response.body);
    let (status, body) = (response.status, &response.body[..]);
    let cause = Cause::of(endpoint, (status, body), &error_body, credentials, clock_ahead_millis);
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
        // The gateway echoes the signed request there, session tokens included. What a proxy echoes
        // may be its own password.
        error_body.message = None;
    }
    let retry_after = retry_after(&response.headers);
    ApiError::Refused { endpoint, status, error_body, cause, retry_after }
}

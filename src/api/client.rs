//! The client: asks for one page, and does not give up at the first stumble.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::auth::{self, Auth};
use super::echo::repeats;
use super::error::{ApiError, Endpoint};
use super::gate::Gate;
use super::observer::Observer;
use super::page_size::PageSize;
use super::pools::{self, DesktopPool};
use super::query::{RecordsFilter, RecordsQuery};
use super::refusals::Refusals;
use super::throttle::{asked_pause, retry_after};
use super::transport::{Answer, Transport, TransportError};
use super::wire::{Fault, Page, PageError};
use crate::clock::Clock;

/// How much a client may ask, wait and read. The keys of the config's section `api`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rows asked for in a page, 1 to 1000.
    pub page_size: u32,
    /// Requests under way at once.
    pub max_concurrent_requests: usize,
    /// Requests begun within any second.
    pub max_requests_per_second: f64,
    /// Time for one request, from the first byte sent to the last byte read.
    pub request_timeout: Duration,
    /// Attempts after the first.
    pub max_retries: usize,
    /// Size of a body after decompression.
    pub max_response_bytes: usize,
}

/// Whom to ask, and as whom.
#[derive(Debug)]
pub struct Target {
    /// Scheme and host.
    pub endpoint: Url,
    /// The project's id, part of every path.
    pub project_id: String,
    /// Who asks.
    pub auth: Auth,
}

/// Asks the records API of one project.
pub struct Client {
    target: Target,
    limits: Limits,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    gate: Gate,
    page_size: PageSize,
    refusals: Refusals,
}

/// What was made of a page, and what came with it.
#[derive(Debug)]
pub struct Listed<T> {
    /// What the reader returned.
    pub value: T,
    /// How far the API's clock is ahead of ours, in milliseconds, by the answer's `Date`.
    pub clock_ahead_millis: Option<i64>,
}

const POOLS_PAGE: u32 = 1000;
const MAX_POOLS: usize = 10_000;

impl Client {
    /// A client for one project.
    pub fn new(
        target: Target,
        limits: Limits,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let gate = Gate::new(limits.max_concurrent_requests, limits.max_requests_per_second);
        let page_size = PageSize::new(limits.page_size);
        let refusals = Refusals::default();
        Self { target, limits, transport, clock, observer, gate, page_size, refusals }
    }

    /// Rows that a page may ask for: as configured, or what the server turned out to grant.
    pub fn page_size(&self) -> u32 {
        self.page_size.current()
    }

    /// Remembers that the server gives no more rows than this, whatever is asked for.
    pub fn limit_page_size(&self, granted: u32) {
        self.page_size.grant(granted);
    }

    /// Requests that may be under way at once.
    pub fn max_concurrent_requests(&self) -> usize {
        self.limits.max_concurrent_requests
    }

    /// Asks for one page of records and hands it to `read`, once, when it is complete and valid.
    ///
    /// `query.limit` is lowered to what the server is known to grant; if it refuses that, less is
    /// tried and remembered, unless it must not shrink: something else may be refused.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after the configured retries where they can help.
    pub async fn list_records<T>(
        &self,
        query: &RecordsQuery,
        shrinks: bool,
        mut read: impl FnMut(Page<'_>) -> T + Send,
    ) -> Result<Listed<T>, ApiError> {
        let mut query = query.clone();
        query.limit = query.limit.min(self.page_size());
        let mut refused: Option<ApiError> = None;
        loop {
            let text = query.to_query_string();
            let asked = self
                .ask(Endpoint::ScreenRecords, &text, |answer| {
                    Page::read(&answer.body, query.offset, &mut read).map_err(page_error)
                })
                .await;
            let error = match asked {
                Ok(listed) => {
                    if refused.is_some() {
                        self.limit_page_size(query.limit);
                    }
                    return Ok(listed);
                }
                Err(error) => error,
            };
            let smaller = PageSize::smaller_than(query.limit).filter(|_| shrinks);
            match (&error, smaller) {
                (ApiError::Refused { status: StatusCode::BAD_REQUEST, .. }, Some(smaller)) => {
                    query.limit = smaller;
                    refused.get_or_insert(error);
                }
                // The first refusal named the true cause if no page size helped.
                _ => return Err(refused.unwrap_or(error)),
            }
        }
    }

    /// Asks for all desktop pools.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; nothing but the pools' names is lost by it.
    pub async fn desktop_pools(&self) -> Result<Vec<DesktopPool>, ApiError> {
        let mut pools = Vec::new();
        loop {
            let query = format!("limit={POOLS_PAGE}&offset={}", pools.len());
            let page = self
                .ask(Endpoint::DesktopPools, &query, |answer| {
                    pools::decode(&answer.body).map_err(|what| ApiError::Invalid {
                        endpoint: Endpoint::DesktopPools,
                        what,
                    })
                })
                .await?
                .value;
            let before = pools.len();
            pools.extend(page);
            pools.sort();
            pools.dedup_by(|one, other| one.id == other.id);
            if pools.len() == before || pools.len() >= MAX_POOLS {
                pools.truncate(MAX_POOLS);
                return Ok(pools);
            }
        }
    }

    /// One question with its retries.
    async fn ask<T>(
        &self,
        endpoint: Endpoint,
        query: &str,
        mut read: impl FnMut(&Answer) -> Result<T, ApiError>,
    ) -> Result<Listed<T>, ApiError> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(self.limits.max_retries)
            .with_jitter()
            .build();
        loop {
            let error = match self.attempt(endpoint, query, &mut read).await {
                Ok(listed) => return Ok(listed),
                Err(error) => error,
            };
            if let Some(pause) = asked_pause(&error) {
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
        endpoint: Endpoint,
        query: &str,
        read: &mut impl FnMut(&Answer) -> Result<T, ApiError>,
    ) -> Result<Listed<T>, ApiError> {
        let (permit, paused) = self.gate.enter().await;
        if !paused.is_zero() {
            self.observer.throttled(paused);
        }
        let mut request = self.request(endpoint, query)?;
        let authorized =
            timeout(self.limits.request_timeout, self.target.auth.authorize(&mut request));
        let credentials = authorized
            .await
            .unwrap_or_else(|_| Err("the token file does not answer".to_owned()))
            .map_err(|what| ApiError::Credentials { endpoint, what })?;
        self.refusals.check(endpoint, credentials)?;
        let secret = request.headers().get(auth::TOKEN_HEADER).cloned();

        let begun = Instant::now();
        let result = self.exchange(endpoint, request).await;
        let took = begun.elapsed();
        // The next request goes out before a page is read: the API need not wait for us. After a
        // refusal nothing may go out until it is remembered.
        let permit = if result.as_ref().is_ok_and(|answer| answer.status == StatusCode::OK) {
            drop(permit);
            yield_now().await;
            None
        } else {
            Some(permit)
        };
        let clock_ahead_millis = result.as_ref().ok().and_then(|answer| self.clock_ahead(answer));
        let result = result.and_then(|answer| {
            let ok = answer.status == StatusCode::OK;
            let result = if ok { read(&answer) } else { Err(refused(endpoint, &answer)) };
            result.map_err(|error| match &secret {
                Some(secret)
                    if repeats(&answer.body, secret.as_bytes())
                        || repeats(error.to_string().as_bytes(), secret.as_bytes()) =>
                {
                    error.without_texts()
                }
                _ => error,
            })
        });
        let code = result.as_ref().map_or_else(ApiError::code, |_| Some("200".to_owned()));
        self.observer.requested(endpoint, code.as_deref().unwrap_or("connect"), took);
        if let Err(error) = &result {
            self.refusals.remember(error, credentials);
        }
        drop(permit);
        result.map(|value| Listed { value, clock_ahead_millis })
    }

    /// Whose records it lists with this filter.
    pub fn identity(&self, filter: &RecordsFilter) -> String {
        format!("{} {} {filter:?}", self.target.endpoint, self.target.project_id)
    }

    /// Path and query by which records are asked for, for people.
    pub fn records_path(&self, query: &RecordsQuery) -> String {
        self.path(Endpoint::ScreenRecords, &query.to_query_string())
    }

    /// Path and query by which desktop pools are asked for, for people.
    pub fn pools_path(&self) -> String {
        self.path(Endpoint::DesktopPools, &format!("limit={POOLS_PAGE}&offset=0"))
    }

    fn path(&self, endpoint: Endpoint, query: &str) -> String {
        format!("/v2/{}/{endpoint}?{query}", self.target.project_id)
    }

    fn request(&self, endpoint: Endpoint, query: &str) -> Result<Request<Bytes>, ApiError> {
        let base = self.target.endpoint.as_str().trim_end_matches('/');
        Request::get(format!("{base}{}", self.path(endpoint, query)))
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| ApiError::Unreachable { endpoint, what: error.to_string() })
    }

    async fn exchange(
        &self,
        endpoint: Endpoint,
        request: Request<Bytes>,
    ) -> Result<Answer, ApiError> {
        let after = self.limits.request_timeout;
        let sent = self.transport.send(request, self.limits.max_response_bytes);
        match timeout(after, sent).await {
            Err(_) => Err(ApiError::Timeout { endpoint, after }),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(TransportError::TooLarge(limit))) => Err(ApiError::TooLarge { endpoint, limit }),
            Ok(Err(TransportError::Connection(what))) => {
                Err(ApiError::Unreachable { endpoint, what })
            }
        }
    }

    fn clock_ahead(&self, answer: &Answer) -> Option<i64> {
        let date = answer.headers.get(header::DATE)?.to_str().ok()?;
        let date = chrono::DateTime::parse_from_rfc2822(date).ok()?;
        date.timestamp_millis().checked_sub(self.clock.now_millis())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("target", &self.target).finish_non_exhaustive()
    }
}

fn page_error(error: PageError) -> ApiError {
    let endpoint = Endpoint::ScreenRecords;
    match error {
        // The documents list error codes that arrive with status 200.
        PageError::Fault(fault) => {
            ApiError::Refused { endpoint, status: StatusCode::OK, fault, retry_after: None }
        }
        PageError::NotJson(_) | PageError::NoRecords => {
            ApiError::Invalid { endpoint, what: error.to_string() }
        }
    }
}

fn refused(endpoint: Endpoint, answer: &Answer) -> ApiError {
    let mut fault = Fault::read(&answer.body);
    if answer.status == StatusCode::UNAUTHORIZED {
        // The gateway echoes the signed request there, session tokens included.
        fault.message = None;
    }
    let retry_after = retry_after(&answer.headers);
    ApiError::Refused { endpoint, status: answer.status, fault, retry_after }
}

//! The client: asks for one page of records, or for the desktop pools.

mod date;
mod gate;
mod limits;
mod observer;
mod page_size;
pub(crate) mod query;
pub(crate) mod retry;
mod secret_scan;
pub(crate) mod throttle;
pub(crate) mod transport;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use url::Url;

use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::sign_in::{Auth, CredentialBackoff, Session, SignIn};
use crate::wire::{DesktopPool, OwnedPage, PageError, pools};
use gate::Gate;
pub use limits::Limits;
pub use observer::{Observer, Unobserved};
use page_size::PageSize;
pub use query::{RecordsFilter, RecordsQuery, SortOrder};
use retry::{Decoded, RetryingClient};
pub use transport::{HttpTransport, Response, Transport, TransportError};

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

/// A page of records, and the clock of the server that returned it.
#[derive(Debug)]
pub struct Listed {
    /// The page with its body.
    pub page: OwnedPage,
    /// How far the API's clock is ahead of ours, in milliseconds, according to the `Date` header;
    /// `None` if the answer has no readable one.
    pub clock_ahead_millis: Option<i64>,
}

/// Asks the records API of one project.
pub struct Client {
    endpoint: Url,
    http: Arc<RetryingClient>,
    session: Session,
    page_size: PageSize,
}

const POOLS_PAGE: u32 = 1000;
const MAX_POOLS: usize = 10_000;

impl Client {
    /// A client for one project. What is known of refused credentials is shared with others.
    pub fn new(
        target: Target,
        limits: Limits,
        backoff: Arc<CredentialBackoff>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let Target { endpoint, project_id, auth } = target;
        let gate = Gate::new(limits.max_concurrent_requests, limits.max_requests_per_second);
        let page_size = PageSize::new(limits.page_size);
        let http = Arc::new(RetryingClient {
            project_id,
            limits,
            gate,
            transport,
            clock,
            observer,
            backoff,
        });
        let session = Session::new(auth, http.clone());
        Self { endpoint, http, session, page_size }
    }

    /// Where it stands with its credentials.
    pub fn sign_in(&self) -> SignIn {
        self.session.sign_in()
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
        self.http.limits.max_concurrent_requests
    }

    /// Requests that may begin within a second.
    pub fn max_requests_per_second(&self) -> f64 {
        self.http.limits.max_requests_per_second
    }

    /// Requests one page of records. The page is complete and parsed; rows that are not records
    /// are rejections in it.
    ///
    /// `query.limit` is lowered to what the server is known to grant; if it refuses that, less is
    /// tried and remembered, unless it must not shrink: something else may be refused.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after the configured retries where they can help.
    pub async fn list_records(
        &self,
        query: &RecordsQuery,
        shrinks: bool,
    ) -> Result<Listed, ApiError> {
        let mut query = query.clone();
        query.limit = query.limit.min(self.page_size());
        let mut refused: Option<ApiError> = None;
        loop {
            let text = query.to_query_string();
            let asked = self
                .send(Endpoint::ScreenRecords, &text, |response| {
                    OwnedPage::parse(&response.body, query.offset).map_err(page_error)
                })
                .await;
            let error = match asked {
                Ok(Decoded { value: page, clock_ahead_millis }) => {
                    if refused.is_some() {
                        self.limit_page_size(query.limit);
                    }
                    return Ok(Listed { page, clock_ahead_millis });
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
                .send(Endpoint::DesktopPools, &query, |response| {
                    pools::decode(&response.body).map_err(|what| ApiError::Invalid {
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

    async fn send<T>(
        &self,
        endpoint: Endpoint,
        query: &str,
        decode: impl FnMut(&Response) -> Result<T, ApiError>,
    ) -> Result<Decoded<T>, ApiError> {
        let request = self.request(endpoint, query)?;
        self.http.send(&self.http.api_call(endpoint, request, &self.session), decode).await
    }

    /// Whose records it lists with this filter.
    pub fn identity(&self, filter: &RecordsFilter) -> String {
        let mut filter = filter.clone();
        filter.desktop_names.sort_unstable();
        format!("{} {} {filter:?}", self.endpoint, self.http.project_id)
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
        format!("/v2/{}/{endpoint}?{query}", self.http.project_id)
    }

    fn request(&self, endpoint: Endpoint, query: &str) -> Result<Request<Bytes>, ApiError> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        Request::get(format!("{base}{}", self.path(endpoint, query)))
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| ApiError::Unreachable { endpoint, what: error.to_string() })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("endpoint", &self.endpoint.as_str())
            .field("project_id", &self.http.project_id)
            .finish_non_exhaustive()
    }
}

fn page_error(error: PageError) -> ApiError {
    let endpoint = Endpoint::ScreenRecords;
    match error {
        // The documents list error codes that arrive with status 200.
        PageError::Reported(error_body) => ApiError::Refused {
            endpoint,
            status: StatusCode::OK,
            error_body,
            cause: None,
            retry_after: None,
        },
        PageError::NotJson(_) | PageError::NoRecords => {
            ApiError::Invalid { endpoint, what: error.to_string() }
        }
    }
}

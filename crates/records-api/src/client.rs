//! Requests pages of records and the desktop pools of one project.

mod page_size;
mod query;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use url::Url;

use crate::call::{
    CredentialBackoff, Decoded, Gate, Limits, Observer, Response, RetryingClient, Transport,
};
use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::sign_in::{Auth, Session, SignIn};
use crate::wire::{DesktopPool, OwnedPage, PageError, pools};
use page_size::PageSize;
pub use query::{RecordsFilter, RecordsQuery, SortOrder};

/// The project whose records are requested.
#[derive(Debug)]
pub struct Target {
    /// Base URL of the API: scheme, host and port.
    pub endpoint: Url,
    /// ID of the project, part of all paths.
    pub project_id: String,
    /// Method of authentication.
    pub auth: Auth,
}

/// A page of records, and the clock of the server that returned it.
#[derive(Debug)]
pub struct Listed {
    /// The page with its body.
    pub page: OwnedPage,
    /// Time by which the API's clock is ahead of this machine's, in milliseconds, according to the `Date` header;
    /// `None` if the answer has no readable one.
    pub clock_ahead_millis: Option<i64>,
    /// Age of the answer, if it comes from a cache.
    pub age: Option<Duration>,
}

/// Client of the records API for one project.
pub struct Client {
    endpoint: Url,
    http: Arc<RetryingClient>,
    session: Session,
    page_size: PageSize,
}

/// Pools requested per page.
const POOLS_PAGE_SIZE: u32 = 1000;
/// Further pools have no names.
const MAX_POOLS: usize = 10_000;

impl Client {
    /// Creates a client for one project. Clients that may use the same credentials share `backoff`,
    /// so that credentials that were refused once are not tried by others.
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

    /// Returns the method of authentication and the expiry of the credentials, for people.
    pub fn sign_in(&self) -> SignIn {
        self.session.sign_in()
    }

    /// Returns the number of rows to request per page: the configured one, or a smaller one if the
    /// server grants less.
    pub fn page_size(&self) -> u32 {
        self.page_size.current()
    }

    /// Remembers for an hour that the server returns at most `granted` rows per page.
    pub fn limit_page_size(&self, granted: u32) {
        self.page_size.grant(granted);
    }

    /// Returns the maximum number of requests in progress at the same time.
    pub fn max_concurrent_requests(&self) -> usize {
        self.http.limits.max_concurrent_requests
    }

    /// Returns the maximum number of requests that start within any second.
    pub fn max_requests_per_second(&self) -> f64 {
        self.http.limits.max_requests_per_second
    }

    /// Requests one page of records. Rows that are not records are rejections in the page.
    ///
    /// Lowers `query.limit` to the page size that the server is known to grant. If the server
    /// answers 400 and `shrinks` is true, smaller page sizes are tried, and the one that is
    /// accepted is remembered. `shrinks` must be false for a query with a parameter that the server
    /// may refuse.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after the configured retries if it is transient.
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
            let result = self
                .send(Endpoint::ScreenRecords, &text, |response| {
                    OwnedPage::parse(&response.body, query.offset).map_err(page_error)
                })
                .await;
            let error = match result {
                Ok(Decoded { value: page, clock_ahead_millis, age }) => {
                    if refused.is_some() {
                        self.limit_page_size(query.limit);
                    }
                    return Ok(Listed { page, clock_ahead_millis, age });
                }
                Err(error) => error,
            };
            let smaller = PageSize::smaller_than(query.limit).filter(|_| shrinks);
            match (&error, smaller) {
                (ApiError::Refused { status: StatusCode::BAD_REQUEST, .. }, Some(smaller)) => {
                    query.limit = smaller;
                    refused.get_or_insert(error);
                }
                // If no page size is accepted, the first refusal has the true reason.
                _ => return Err(refused.unwrap_or(error)),
            }
        }
    }

    /// Requests all desktop pools, sorted by ID; at most 10,000.
    ///
    /// # Errors
    ///
    /// [`ApiError`] if a page cannot be read. Only the names of pools depend on it.
    pub async fn desktop_pools(&self) -> Result<Vec<DesktopPool>, ApiError> {
        let mut pools = Vec::new();
        loop {
            let query = format!("limit={POOLS_PAGE_SIZE}&offset={}", pools.len());
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
            // Ends at the first page without a new pool, because a server may ignore the offset.
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

    /// Returns a text that identifies the records that a filter selects: endpoint, project and
    /// filter. Two clients with the same text list the same records.
    pub fn identity(&self, filter: &RecordsFilter) -> String {
        let mut filter = filter.clone();
        filter.desktop_names.sort_unstable();
        format!("{} {} {filter:?}", self.endpoint, self.http.project_id)
    }

    /// Returns path and query of a request for records, for people.
    pub fn records_path(&self, query: &RecordsQuery) -> String {
        self.path(Endpoint::ScreenRecords, &query.to_query_string())
    }

    /// Returns path and query of the request for desktop pools, for people.
    pub fn pools_path(&self) -> String {
        self.path(Endpoint::DesktopPools, &format!("limit={POOLS_PAGE_SIZE}&offset=0"))
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
        // According to the documents, some errors are sent with status 200.
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

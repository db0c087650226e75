//! Requests pages of records and the desktop pools of one project.

mod page_size;
mod query;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use sha2::{Digest, Sha256};
use url::Url;

use crate::call::{
    ApiCall, CredentialBackoff, Decoded, Gate, Limits, Observer, PageLimit, PageSizeChange,
    Response, RetryingClient, Transport,
};
use crate::clock::Clock;
use crate::credentials::Fingerprint;
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

/// Treatment of the page size in a request for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSizing {
    /// No other size is tried: a refusal may be about a parameter of the query.
    Fixed,
    /// Smaller sizes are tried if the server refuses the request.
    Shrinking,
    /// The same, and a larger page is requested if a test of a learned size is due. If the server
    /// does not return it, this costs one more request.
    Tested,
}

/// A page of records, and the clock of the server that returned it.
#[derive(Debug)]
pub struct Listed {
    /// The page with its body.
    pub page: OwnedPage,
    /// Number of rows that were requested.
    pub requested: u32,
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
/// Beginning of a hashed identity.
const HASHED: &str = "sha256:";
/// Maximum number of desktop pools that are read. Further ones have no names.
pub const MAX_POOLS: usize = 10_000;

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

    /// Returns true if the configured credentials have changed since they were last used, for example in
    /// their files. The next request uses them.
    pub async fn credentials_have_changed(&self) -> bool {
        self.session.has_changed().await
    }

    /// Identifies the configured credentials as they were last used; `None` for those of an agency, and
    /// before their first use.
    pub fn configured_credentials(&self) -> Option<Fingerprint> {
        self.session.configured()
    }

    /// Returns the number of rows to request per page: the configured one, or a smaller one if the
    /// server grants less.
    pub fn page_size(&self) -> u32 {
        self.page_size.current()
    }

    /// Returns the configured number of rows per page.
    pub fn configured_page_size(&self) -> u32 {
        self.http.limits.page_size
    }

    /// Remembers that the server returns at most `granted` rows per page, although it accepts
    /// requests for more. Later requests test whether that is still true.
    pub fn limit_page_size(&self, granted: u32) {
        self.report(self.page_size.lower(granted, PageLimit::Clamped));
    }

    /// Notes that a poll begins. A page size that was learned recently is tested again.
    pub fn begin_poll(&self) {
        self.page_size.begin_poll();
    }

    fn report(&self, change: Option<PageSizeChange>) {
        if let Some(change) = change {
            self.http.observer.page_size_changed(change);
        }
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
    /// Lowers `query.limit` to the page size that the server is known to grant. If it refuses the
    /// request, `sizing` says whether smaller page sizes are tried. The largest one that is accepted
    /// is remembered, and tested from time to time.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after the configured retries if it is transient.
    pub async fn list_records(
        &self,
        query: &RecordsQuery,
        sizing: PageSizing,
    ) -> Result<Listed, ApiError> {
        let mut query = query.clone();
        let is_limited = query.limit >= self.page_size();
        query.limit = query.limit.min(self.page_size());
        if sizing == PageSizing::Tested
            && is_limited
            && let Some(listed) = self.test_page_size(&query).await?
        {
            return Ok(listed);
        }
        match self.list(&query, self.http.limits.max_retries).await {
            Err(error) if sizing != PageSizing::Fixed && error.refuses_request() => {
                self.find_page_size(query, error).await
            }
            result => result,
        }
    }

    /// Requests a larger page if a test of the page size is due. `None` if none is due, or if the
    /// server does not return the larger page.
    async fn test_page_size(&self, query: &RecordsQuery) -> Result<Option<Listed>, ApiError> {
        let Some(test) = self.page_size.begin_page() else { return Ok(None) };
        let mut larger = query.clone();
        larger.limit = test.rows;
        // Without retries, so that a test costs one request at most.
        match self.list(&larger, 0).await {
            Ok(listed) => {
                self.report(test.accepted(listed.page.page().rows.len()));
                Ok(Some(listed))
            }
            // A smaller page may succeed. A test never makes a poll fail.
            Err(error) if error.may_depend_on_page_size() => {
                test.confirmed();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the largest page size that the server accepts, after it refused `query`. Makes at most
    /// ten requests.
    async fn find_page_size(
        &self,
        mut query: RecordsQuery,
        refusal: ApiError,
    ) -> Result<Listed, ApiError> {
        let refused = query.limit;
        let mut accepted = loop {
            // If no page size is accepted, the first refusal has the true reason.
            let Some(smaller) = PageSize::smaller_than(query.limit) else { return Err(refusal) };
            query.limit = smaller;
            match self.list(&query, self.http.limits.max_retries).await {
                Ok(listed) => break listed,
                Err(error) if error.refuses_request() => {}
                Err(_) => return Err(refusal),
            }
        };
        // The refusals may have been about something else, which is over now. So the refused sizes
        // are tried once more, the largest first.
        accepted.page.copy_body(query.offset);
        let granted = query.limit;
        query.limit = refused;
        while query.limit > granted {
            match self.list(&query, self.http.limits.max_retries).await {
                Ok(listed) => {
                    accepted = listed;
                    break;
                }
                Err(error) if error.refuses_request() => {
                    query.limit = PageSize::smaller_than(query.limit).unwrap_or(granted);
                }
                // This says nothing about the size.
                Err(_) => break,
            }
        }
        if accepted.requested < refused {
            self.report(self.page_size.lower(accepted.requested, PageLimit::Refused));
        }
        Ok(accepted)
    }

    async fn list(&self, query: &RecordsQuery, max_retries: usize) -> Result<Listed, ApiError> {
        let endpoint = Endpoint::ScreenRecords;
        let request = self.request(endpoint, &query.to_query_string())?;
        let hidden = query.hidden_names();
        let call = self.http.api_call(endpoint, request, &self.session);
        let call = ApiCall { max_retries, hidden, ..call };
        let sent = self.http.send(&call, |response| {
            OwnedPage::parse(&response.body, query.offset).map_err(page_error)
        });
        let Decoded { value: page, clock_ahead_millis, age } = sent.await?;
        Ok(Listed { page, requested: query.limit, clock_ahead_millis, age })
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
        let call = self.http.api_call(endpoint, request, &self.session);
        self.http.send(&call, decode).await.map_err(|error| self.with_invalid_file(error))
    }

    /// Replaces the refusal of credentials by the reason why newer ones are not used, if they are not
    /// valid.
    fn with_invalid_file(&self, error: ApiError) -> ApiError {
        match (&error, self.session.problem()) {
            (
                ApiError::Refused { endpoint, status: StatusCode::UNAUTHORIZED, .. }
                | ApiError::HeldBack { endpoint, status: StatusCode::UNAUTHORIZED, .. },
                Some(what),
            ) => {
                let what = format!("{what}; the last valid ones were refused (401)");
                ApiError::Credentials { endpoint: *endpoint, what }
            }
            _ => error,
        }
    }

    /// Returns a text that identifies the records that a filter selects: endpoint, project and
    /// filter. Two clients with the same text list the same records. It is a hash, because the filter
    /// may contain names.
    pub fn identity(&self, filter: &RecordsFilter) -> String {
        let mut filter = filter.clone();
        filter.desktop_names.sort_unstable();
        hashed_identity(&format!("{} {} {filter:?}", self.endpoint, self.http.project_id))
    }

    /// Returns path and query of a request for records, for people.
    pub fn records_path(&self, query: &RecordsQuery) -> String {
        self.path(Endpoint::ScreenRecords, &query.shown_query_string())
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

/// Returns the hash of an identity. A hash is returned unchanged.
pub fn hashed_identity(identity: &str) -> String {
    if identity.starts_with(HASHED) {
        return identity.to_owned();
    }
    let digest = Sha256::digest(identity.as_bytes());
    digest.iter().fold(HASHED.to_owned(), |text, byte| format!("{text}{byte:02x}"))
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

#[cfg(test)]
mod tests;

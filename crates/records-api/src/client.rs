//! Requests pages of records and the desktop pools of one project.

mod list;
mod page_size;
mod query;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use sha2::{Digest, Sha256};
use url::Url;

use crate::call::{
    CredentialBackoff, Decoded, Gate, Limits, Observer, PageLimit, PageSizeChange, Response,
    RetryingClient, Transport,
};
use crate::clock::Clock;
use crate::credentials::Fingerprint;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::sign_in::{Auth, Session, SignIn};
use crate::wire::{DesktopPool, pools};
pub use list::{Listed, PageSizing};
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

#[cfg(test)]
mod tests;

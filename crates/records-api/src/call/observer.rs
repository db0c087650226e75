//! Events of the client, for metrics and logs.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Evidence for a limit of the page size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageLimit {
    /// The server answered 400 to larger pages.
    Refused,
    /// The server returned fewer rows than requested, in several pages.
    Clamped,
}

/// A change of the number of rows requested per page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSizeChange {
    /// The configured number.
    pub configured: u32,
    /// The number that was requested before.
    pub before: u32,
    /// The number that is requested from now on.
    pub rows: u32,
    /// Evidence for the limit; `None` if the configured number is requested again.
    pub limit: Option<PageLimit>,
}

/// Receives the events of a client.
pub trait Observer: Send + Sync + 'static {
    /// An attempt ended after `took`. `code` is the HTTP status, `timeout`, `connect` or `invalid`.
    fn requested(&self, endpoint: Endpoint, code: &str, took: Duration);

    /// The API requested a pause of this length with the response that `error` describes.
    fn asked_to_pause(&self, error: &ApiError, pause: Duration);

    /// A request was delayed by this long because of such a pause.
    fn throttled(&self, waited: Duration);

    /// A response of this age came from a cache.
    fn cached(&self, endpoint: Endpoint, age: Duration);

    /// Credentials could not be renewed; the current ones are still valid.
    fn renewal_failed(&self, error: &ApiError);

    /// The number of rows requested per page has changed.
    fn page_size_changed(&self, change: PageSizeChange);
}

//! How much may be asked, waited for and read.

use std::time::Duration;

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

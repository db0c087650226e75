//! Limits of the requests of a project.

use std::time::Duration;

/// Limits of the requests of a project. They are keys of the config section `api`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rows requested per page, 1 to 1000.
    pub page_size: u32,
    /// Maximum number of requests in progress at the same time.
    pub max_concurrent_requests: usize,
    /// Maximum number of requests that start within any second; may be below 1.
    pub max_requests_per_second: f64,
    /// Time limit of one attempt, from the first byte sent until the last byte received.
    pub request_timeout: Duration,
    /// Maximum number of attempts after the first.
    pub max_retries: usize,
    /// Maximum size of a response body in bytes, after decompression.
    pub max_response_bytes: usize,
}

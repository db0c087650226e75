//! The rate limit of the gateway.

/// Counts the requests of the current second.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    second: i64,
    requests: u32,
}

impl RateLimiter {
    /// Counts a request at `now`, in milliseconds. True if it is among the first `limit` of its
    /// second.
    pub(crate) fn admits(&mut self, limit: u32, now: i64) -> bool {
        let second = now.div_euclid(1000);
        if self.second != second {
            (self.second, self.requests) = (second, 0);
        }
        self.requests += 1;
        self.requests <= limit
    }
}

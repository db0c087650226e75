//! The number of rows requested per page: the configured one, or a smaller one if the server grants
//! less.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Page sizes to try when one is refused. The API's documents contradict each other about the limit
/// (1000 or 100).
const SMALLER_SIZES: [u32; 5] = [100, 50, 10, 5, 1];
/// Time for which a smaller page size is used before the configured one is tried again. A server that
/// refused once by mistake must not cost ten times the requests for ever; one that always refuses
/// costs one more request per hour.
const GRANT_LIFETIME: Duration = Duration::from_secs(3600);

/// The number of rows requested per page.
#[derive(Debug)]
pub(crate) struct PageSize {
    configured: u32,
    granted: Mutex<Option<Grant>>,
}

/// A page size below the configured one.
#[derive(Debug, Clone, Copy)]
struct Grant {
    rows: u32,
    since: Instant,
}

impl PageSize {
    /// Starts with the configured page size.
    pub(crate) fn new(configured: u32) -> Self {
        Self { configured, granted: Mutex::default() }
    }

    /// Returns the number of rows to request now.
    pub(crate) fn current(&self) -> u32 {
        let mut granted = self.granted.lock();
        granted.take_if(|grant| grant.since.elapsed() >= GRANT_LIFETIME);
        granted.map_or(self.configured, |grant| grant.rows)
    }

    /// Remembers that the server returns at most `rows` rows per page. Never raises the page size.
    pub(crate) fn grant(&self, rows: u32) {
        let rows = rows.max(1);
        let mut granted = self.granted.lock();
        if granted.map_or(self.configured, |grant| grant.rows) > rows {
            *granted = Some(Grant { rows, since: Instant::now() });
        }
    }

    /// Returns the next page size to try after the server refused `rows`.
    pub(crate) fn smaller_than(rows: u32) -> Option<u32> {
        SMALLER_SIZES.into_iter().find(|size| *size < rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_granted_page_size_is_used_for_an_hour() {
        let size = PageSize::new(1000);
        assert_eq!(size.current(), 1000);
        size.grant(2000);
        assert_eq!(size.current(), 1000);
        size.grant(100);
        size.grant(500);
        assert_eq!(size.current(), 100);
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert_eq!(size.current(), 100);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(size.current(), 1000);
    }

    #[test]
    fn smaller_pages_are_tried_down_to_a_single_row() {
        let mut tried = vec![1000];
        while let Some(smaller) = PageSize::smaller_than(tried[tried.len() - 1]) {
            tried.push(smaller);
        }
        assert_eq!(tried, [1000, 100, 50, 10, 5, 1]);
    }
}

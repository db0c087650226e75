//! How many rows a page may ask for: as configured, or what the server turned out to grant.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// What is tried when a page size is refused: the limits that the documents contradict each other
/// about, and less.
const SMALLER: [u32; 5] = [100, 50, 10, 5, 1];
/// A grant is believed so long. A server that refused once by mistake must not cost ten times the
/// requests for ever; one that always refuses costs a request an hour more.
const BELIEVED_FOR: Duration = Duration::from_secs(3600);

/// The number of rows that a page asks for.
#[derive(Debug)]
pub(crate) struct PageSize {
    configured: u32,
    granted: Mutex<Option<(u32, Instant)>>,
}

impl PageSize {
    /// Nothing is known of the server yet.
    pub(crate) fn new(configured: u32) -> Self {
        Self { configured, granted: Mutex::default() }
    }

    /// Rows to ask for now.
    pub(crate) fn current(&self) -> u32 {
        let mut granted = self.granted.lock();
        granted.take_if(|(_, since)| since.elapsed() >= BELIEVED_FOR);
        granted.map_or(self.configured, |(rows, _)| rows)
    }

    /// The server gives no more rows than this, whatever is asked for.
    pub(crate) fn grant(&self, rows: u32) {
        let rows = rows.max(1);
        let mut granted = self.granted.lock();
        if granted.map_or(self.configured, |(known, _)| known) > rows {
            *granted = Some((rows, Instant::now()));
        }
    }

    /// What to try when the server refused to give so many.
    pub(crate) fn smaller_than(rows: u32) -> Option<u32> {
        SMALLER.into_iter().find(|size| *size < rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_granted_is_believed_for_an_hour() {
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

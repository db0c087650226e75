//! The number of rows requested per page: the configured one, or a smaller one if the server grants
//! less.
//!
//! A smaller size is a conclusion, and what it was drawn from may have been about something else. So
//! it is tested again: after a few pages, in the next poll, and then ever more rarely.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::call::{PageLimit, PageSizeChange};

/// Page sizes to try when one is refused. The API's documents contradict each other about the limit
/// (1000 or 100).
const SMALLER_SIZES: [u32; 5] = [100, 50, 10, 5, 1];
/// Number of pages after which a smaller size is tested for the first time.
const PAGES_BEFORE_TEST: u32 = 10;
/// Number of tests that are made soon. The second one is made in the next poll.
const SOON_TESTS: u32 = 2;
/// Time between the last of these tests and the next one. It doubles with each test.
const MIN_PAUSE: Duration = Duration::from_secs(60);
/// Maximum time between two tests.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// The number of rows requested per page.
#[derive(Debug)]
pub(super) struct PageSize {
    configured: u32,
    learned: Mutex<Option<Learned>>,
}

/// A page size below the configured one.
#[derive(Debug, Clone, Copy)]
struct Learned {
    rows: u32,
    limit: PageLimit,
    /// Tests in a row that confirmed the size.
    confirmed: u32,
    /// Number of pages since the size was learned or tested.
    pages: u32,
    /// True if a poll has begun since then.
    is_next_poll: bool,
    /// Time at which the size was learned or tested.
    tested: Instant,
    /// True while a test is in progress.
    is_testing: bool,
}

/// A test of the learned page size: a request for a larger page. Without a result, the next page is
/// another test.
pub(super) struct PageSizeTest<'p> {
    page_size: &'p PageSize,
    /// The learned size.
    learned: u32,
    limit: PageLimit,
    /// Number of rows to request.
    pub(super) rows: u32,
}

impl Drop for PageSizeTest<'_> {
    fn drop(&mut self) {
        if let Some(learned) = &mut *self.page_size.learned.lock() {
            learned.is_testing = false;
        }
    }
}

impl PageSizeTest<'_> {
    /// Notes that the server accepted the request and returned a page of `rows` rows. Returns the
    /// change of the page size, if there is one.
    pub(super) fn accepted(self, rows: usize) -> Option<PageSizeChange> {
        match self.limit {
            PageLimit::Refused => self.page_size.raise(self.learned, self.rows),
            PageLimit::Clamped if rows > self.learned as usize => {
                self.page_size.raise(self.learned, self.rows)
            }
            PageLimit::Clamped if rows == self.learned as usize => {
                self.confirmed();
                None
            }
            // The last page of a list says nothing about the limit.
            PageLimit::Clamped => None,
        }
    }

    /// Notes that the server did not return the larger page.
    pub(super) fn confirmed(self) {
        if let Some(learned) = &mut *self.page_size.learned.lock()
            && learned.rows == self.learned
        {
            let confirmed = learned.confirmed.saturating_add(1);
            *learned = Learned { confirmed, ..Learned::new(learned.rows, learned.limit) };
        }
    }
}

impl Learned {
    fn new(rows: u32, limit: PageLimit) -> Self {
        Self {
            rows,
            limit,
            confirmed: 0,
            pages: 0,
            is_next_poll: false,
            tested: Instant::now(),
            is_testing: false,
        }
    }

    fn is_test_due(&self) -> bool {
        match self.confirmed {
            _ if self.is_testing => false,
            0 => self.pages >= PAGES_BEFORE_TEST || self.is_next_poll,
            confirmed if confirmed < SOON_TESTS => self.is_next_poll,
            confirmed => {
                let doubled = 1 << (confirmed - SOON_TESTS).min(16);
                self.tested.elapsed() >= (MIN_PAUSE * doubled).min(MAX_PAUSE)
            }
        }
    }
}

impl PageSize {
    /// Starts with the configured page size.
    pub(super) fn new(configured: u32) -> Self {
        Self { configured, learned: Mutex::default() }
    }

    /// Returns the number of rows to request now.
    pub(super) fn current(&self) -> u32 {
        self.learned.lock().map_or(self.configured, |learned| learned.rows)
    }

    /// Notes that a poll begins.
    pub(super) fn begin_poll(&self) {
        if let Some(learned) = &mut *self.learned.lock() {
            learned.is_next_poll = true;
        }
    }

    /// Notes that a page is about to be requested. Returns a test if one is due.
    pub(super) fn begin_page(&self) -> Option<PageSizeTest<'_>> {
        let mut learned = self.learned.lock();
        let learned = learned.as_mut()?;
        learned.pages = learned.pages.saturating_add(1);
        if !learned.is_test_due() {
            return None;
        }
        learned.is_testing = true;
        let rows = match learned.limit {
            PageLimit::Refused => self.larger_than(learned.rows),
            PageLimit::Clamped => self.configured,
        };
        Some(PageSizeTest { page_size: self, learned: learned.rows, limit: learned.limit, rows })
    }

    /// Remembers that the server returns at most `rows` rows per page. Never raises the page size.
    /// Returns the change, if there is one.
    pub(super) fn lower(&self, rows: u32, limit: PageLimit) -> Option<PageSizeChange> {
        let rows = rows.max(1);
        let mut learned = self.learned.lock();
        let before = learned.map_or(self.configured, |learned| learned.rows);
        (before > rows).then(|| {
            *learned = Some(Learned::new(rows, limit));
            PageSizeChange { configured: self.configured, before, rows, limit: Some(limit) }
        })
    }

    /// Raises the page size from `before` to `rows`, which the server accepted.
    fn raise(&self, before: u32, rows: u32) -> Option<PageSizeChange> {
        let mut learned = self.learned.lock();
        // Another request may have learned a smaller size in the meantime.
        let known = learned.filter(|known| known.rows == before)?;
        let limit = (rows < self.configured).then_some(known.limit);
        // The next larger size is tested with the next page, which costs nothing if it is accepted.
        *learned =
            limit.map(|limit| Learned { pages: PAGES_BEFORE_TEST, ..Learned::new(rows, limit) });
        Some(PageSizeChange { configured: self.configured, before, rows, limit })
    }

    /// Returns the next page size to try after the server refused `rows`.
    pub(super) fn smaller_than(rows: u32) -> Option<u32> {
        SMALLER_SIZES.into_iter().find(|size| *size < rows)
    }

    /// Returns the next page size to test if the server accepts `rows`.
    fn larger_than(&self, rows: u32) -> u32 {
        let larger = SMALLER_SIZES.into_iter().rev().find(|size| *size > rows);
        larger.map_or(self.configured, |size| size.min(self.configured))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests a page. Returns the size that a test requested; the server grants `granted` rows.
    fn page(size: &PageSize, granted: u32) -> Option<u32> {
        let test = size.begin_page()?;
        let rows = test.rows;
        if rows <= granted {
            test.accepted(rows as usize);
        } else {
            test.confirmed();
        }
        Some(rows)
    }

    #[tokio::test(start_paused = true)]
    async fn a_size_is_tested_after_ten_pages_in_the_next_poll_and_then_ever_more_rarely() {
        let size = PageSize::new(1000);
        assert_eq!(page(&size, 1000), None);
        size.lower(100, PageLimit::Refused);
        let tests: Vec<_> = (0..30).filter(|_| page(&size, 100).is_some()).collect();
        assert_eq!(tests, [9]);
        size.begin_poll();
        let tests: Vec<_> = (0..30).filter(|_| page(&size, 100) == Some(1000)).collect();
        assert_eq!(tests, [0]);
        let mut minutes = Vec::new();
        for minute in 0..400 {
            size.begin_poll();
            minutes.extend(page(&size, 100).map(|_| minute));
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(minutes, [1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
        assert_eq!(size.current(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_size_is_raised_step_by_step_to_the_largest_that_is_accepted() {
        for (granted, expected) in [(200, 200), (120, 100), (70, 50), (7, 5), (1, 1)] {
            let size = PageSize::new(200);
            size.lower(1, PageLimit::Refused);
            size.begin_poll();
            let tests = (0..20).filter(|_| page(&size, granted).is_some()).count();
            assert_eq!(size.current(), expected, "{granted}");
            assert!(tests <= 6, "{granted}: {tests}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clamp_ends_with_a_larger_page_and_not_with_the_end_of_a_list() {
        let size = PageSize::new(1000);
        let change = size.lower(137, PageLimit::Clamped).unwrap();
        assert_eq!((change.before, change.rows), (1000, 137));
        assert_eq!(size.lower(500, PageLimit::Clamped), None);
        for (rows, expected) in [(3, 137), (137, 137), (138, 1000)] {
            size.begin_poll();
            let test = size.begin_page().unwrap();
            assert_eq!(test.rows, 1000);
            assert!(size.begin_page().is_none(), "one test at a time");
            let change = test.accepted(rows);
            assert_eq!(change.is_some(), expected == 1000, "{rows}");
            assert_eq!(size.current(), expected, "{rows}");
        }
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

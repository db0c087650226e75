//! Size of a read, and its limits.

use crate::sync::error::SyncError;

/// Maximum number of records of a project: 5,000 desktops recorded around the clock for 15 days in
/// files of 10 minutes are 10.8 million.
pub(super) const MAX_RECORDS: usize = 12_000_000;
/// Maximum number of rows of a poll. An API whose list never ends would be read forever.
const MAX_ROWS: usize = 3 * MAX_RECORDS;
/// Maximum number of pages of a poll: all records in pages of 100, and as many again.
const MAX_PAGES: u32 = 240_000;

/// Number of rows and pages that were read so far.
#[derive(Debug)]
pub(super) struct ReadSize {
    /// Number of rows in all pages, including repeated rows.
    rows: usize,
    pages: u32,
    /// Maximum number of new and changed records.
    pub(super) max_records: usize,
}

impl Default for ReadSize {
    fn default() -> Self {
        Self { rows: 0, pages: 0, max_records: MAX_RECORDS }
    }
}

impl ReadSize {
    /// Adds a page, after which `records` are new or changed.
    ///
    /// # Errors
    ///
    /// Returns a [`SyncError`] if a limit is exceeded.
    pub(super) fn add_page(&mut self, rows: usize, records: usize) -> Result<(), SyncError> {
        self.rows += rows;
        self.pages += 1;
        if records > self.max_records {
            return Err(SyncError::TooMany { limit: self.max_records });
        }
        if self.rows > MAX_ROWS || self.pages > MAX_PAGES {
            return Err(SyncError::Endless { rows: self.rows, pages: self.pages });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_does_not_end_is_not_taken_for_a_large_window() {
        let mut size = ReadSize::default();
        let error = (0..).find_map(|_| size.add_page(1000, 5).err()).unwrap();
        assert_eq!(error, SyncError::Endless { rows: 36_001_000, pages: 36_001 });
        let mut size = ReadSize::default();
        let error = (0..).find_map(|_| size.add_page(10, 5).err()).unwrap();
        assert_eq!(error, SyncError::Endless { rows: 2_400_010, pages: 240_001 });
        let mut size = ReadSize { max_records: 4, ..ReadSize::default() };
        assert_eq!(size.add_page(5, 5), Err(SyncError::TooMany { limit: 4 }));
    }
}

//! Rejected rows of a read. Each counts once, although a listing may be read several times.

use std::collections::BTreeMap;

use crate::sync::read::segment::ListingOutcome;
use records_api::record::{RejectionReason, Timestamp};
use records_api::wire::Page;

/// A rejected row.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct RejectedRow {
    /// Start of the row before it, or of the segment.
    pub(in crate::sync) near: Timestamp,
    pub(in crate::sync) reason: RejectionReason,
}

/// Rejected rows of listings that may still be read again, by segment.
#[derive(Debug, Default)]
pub(in crate::sync) struct PendingRejections {
    rows: BTreeMap<usize, Vec<RejectedRow>>,
    /// Number of pages in a row that held only rejected rows.
    unreadable_pages: BTreeMap<usize, u32>,
}

/// Number of pages in a row of one segment that may hold only rejected rows: 200 pages of 100 rows
/// are 1% of two million. An API that returns a rejected row for every offset would be read
/// forever.
const MAX_UNREADABLE_PAGES: u32 = 200;

impl PendingRejections {
    /// Adds a rejected row of a segment.
    pub(in crate::sync) fn note(&mut self, segment: usize, row: RejectedRow) {
        self.rows.entry(segment).or_default().push(row);
    }

    /// Returns the rows to count after a page with this outcome. Drops those that are read again.
    pub(in crate::sync) fn settle(
        &mut self,
        segment: usize,
        outcome: ListingOutcome,
    ) -> Vec<RejectedRow> {
        match outcome {
            ListingOutcome::Continues => Vec::new(),
            ListingOutcome::Accepted => self.rows.remove(&segment).unwrap_or_default(),
            ListingOutcome::Discarded => {
                self.rows.remove(&segment);
                Vec::new()
            }
        }
    }

    /// Notes a page, whose new rows begin at `first_new`. Returns true if too many pages of the segment
    /// in a row had no new rows but rejected ones.
    pub(in crate::sync) fn is_unreadable(
        &mut self,
        segment: usize,
        page: &Page<'_>,
        first_new: usize,
    ) -> bool {
        let pages = self.unreadable_pages.entry(segment).or_default();
        let new = page.rows.get(first_new..).unwrap_or_default();
        let is_unreadable = !new.is_empty() && new.iter().all(Result::is_err);
        *pages = if is_unreadable { *pages + 1 } else { 0 };
        *pages > MAX_UNREADABLE_PAGES
    }

    /// Returns the number of rows that are not settled.
    pub(in crate::sync) fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// Returns the reasons of the rows that are not settled.
    pub(in crate::sync) fn reasons(&self) -> impl Iterator<Item = RejectionReason> {
        self.rows.values().flatten().map(|row| row.reason)
    }
}

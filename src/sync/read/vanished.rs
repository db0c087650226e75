//! Fails a read whose answers lost records that are known: an empty list where the API counts some, or
//! rows that cannot be interpreted in their place.

use crate::ledger::Ledger;
use crate::sync::error::SyncError;
use crate::sync::read::reader::ExtentReader;
use crate::sync::read::size::MAX_RECORDS;
use crate::sync::read::walk::PageRequest;
use records_api::record::TimeRange;
use records_api::wire::Page;

/// Number of rejected rows, without a readable one, after which a read fails: more than 1% of all
/// that can follow.
const MAX_REJECTIONS_WITHOUT_RECORD: usize = MAX_RECORDS / 100;

/// If rows are rejected, at least this share (1/n) of the known records must still be listed.
const MIN_SHARE_LEFT: u64 = 10;

impl ExtentReader {
    /// Requests the first page once more if it is empty although records are known in the extent.
    /// Returns true in this case. Without this, one answer that lost its rows would hide them all.
    ///
    /// # Errors
    ///
    /// Returns [`SyncError::Vanished`] if the second answer is empty too and its count contradicts
    /// it.
    pub(super) fn recheck_known(
        &mut self,
        request: &PageRequest,
        page: &Page<'_>,
        ledger: &Ledger,
    ) -> Result<bool, SyncError> {
        let is_empty_start = page.rows.is_empty() && request.offset == 0 && request.segment == 0;
        if !is_empty_start
            || self.extent.status.is_some()
            || !ledger.shows_since(self.extent.range.start)
        {
            return Ok(false);
        }
        if self.walk.recheck_empty() {
            return Ok(true);
        }
        let is_contradicted = match page.total_count {
            Some(total) => total > self.known.surplus,
            None => self.known.has_counts,
        };
        // Without an end, `check_for_vanished` decides, by the count alone.
        if !self.extent.range.is_unbounded() && is_contradicted {
            return Err(SyncError::Vanished { total: page.total_count.unwrap_or(0) });
        }
        Ok(false)
    }

    /// Fails if the window is empty, although the API counts records in it and some are known. A
    /// window in which none are known is taken as empty whatever its count is: the count may be
    /// wrong.
    pub(super) fn check_for_vanished(
        &self,
        page: &Page<'_>,
        ledger: &Ledger,
    ) -> Result<(), SyncError> {
        let total = page.total_count.unwrap_or(0);
        if page.rows.is_empty()
            && total > self.known.surplus
            && self.extent.status.is_none()
            && ledger.shows_since(self.summary.window_start)
        {
            return Err(SyncError::Vanished { total });
        }
        Ok(())
    }

    /// Fails if a page has rows and none of them can be interpreted. Such a page would pass for the end
    /// of the list.
    pub(super) fn check_readable(
        &self,
        request: &PageRequest,
        page: &Page<'_>,
    ) -> Result<(), SyncError> {
        // A list by status hides nothing, and pages of one row are spoiled by one broken record.
        let proves_nothing = self.extent.status.is_some() || request.limit <= 1;
        let is_unreadable = !page.rows.is_empty() && page.rows.iter().all(Result::is_err);
        // The overlap may consist of rows that were rejected before.
        let end = request.offset + page.rows.len() as u64;
        if proves_nothing || !is_unreadable || !self.walk.is_beyond(request.segment, end) {
            return Ok(());
        }
        let mut summary = self.summary.clone();
        for rejection in page.rows.iter().filter_map(|row| row.as_ref().err()) {
            summary.rows += 1;
            *summary.rejected.entry(rejection.reason).or_default() += 1;
        }
        Err(summary.rejection())
    }

    /// Fails if rejected rows were listed where records are known, and hardly any of these. A list
    /// that loses its rows and gets others that cannot be interpreted would empty the window.
    pub(super) fn check_emptied(&self, ledger: &Ledger) -> Result<(), SyncError> {
        let range = TimeRange { start: self.summary.window_start, ..self.extent.range };
        let rejected: u64 = self.summary.rejected.values().sum();
        let left = self.summary.rows - rejected;
        let rejected = rejected + self.unplaced;
        let is_emptied = self.extent.status.is_none()
            && rejected * 100 > left + rejected
            && left * MIN_SHARE_LEFT <= ledger.count_in(range).saturating_sub(self.kept);
        if is_emptied { Err(self.summary.rejection()) } else { Ok(()) }
    }

    /// True if the read should fail because rows are rejected page after page.
    pub(super) fn has_only_rejections(
        &mut self,
        segment: usize,
        page: &Page<'_>,
        first_new: usize,
    ) -> bool {
        let has_record = self.staging.staged() > 0 || self.summary.rows > 0;
        self.rejections.is_unreadable(segment, page, first_new)
            || !has_record && self.rejections.len() > MAX_REJECTIONS_WITHOUT_RECORD
    }

    /// Returns the error that lists all rejected rows, including those that are not settled.
    pub(super) fn rejection(&self) -> SyncError {
        let mut summary = self.summary.clone();
        for reason in self.rejections.reasons() {
            summary.rows += 1;
            *summary.rejected.entry(reason).or_default() += 1;
        }
        summary.rejection()
    }
}

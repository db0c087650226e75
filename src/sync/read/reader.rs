//! Reads one extent: takes the pages of a walk into a staging.

use crate::ledger::{ApiCounts, Ledger, Staging};
use crate::sync::anomalies::{Anomalies, Anomaly};
use crate::sync::error::SyncError;
use crate::sync::extent::{Extent, ReadSummary};
use crate::sync::read::filter::{FilterMatch, check, has_other_status};
use crate::sync::read::page::RowRef;
use crate::sync::read::rejections::{PendingRejections, RejectedRow};
use crate::sync::read::size::{MAX_RECORDS, ReadSize};
use crate::sync::read::ties::KeySet;
use crate::sync::read::walk::{NewRows, Next, PageRequest, Walk};
use records_api::RecordsFilter;
use records_api::record::{Record, RecordKey, Rejection, Row, Term, TimeRange, Timestamp};
use records_api::wire::Page;

/// A read of one extent in progress. Request the pages of [`Self::next_page`], pass each answer to
/// [`Self::take`], and call [`Self::finish`] after [`Next::Done`].
#[derive(Debug)]
pub struct ExtentReader {
    walk: Walk,
    staging: Staging,
    extent: Extent,
    /// Records that start earlier are dropped.
    keeps_since: Timestamp,
    filter: RecordsFilter,
    /// Reliability of the API's counts.
    known: ApiCounts,
    /// True if the API ignores the status filter. Such a list would be the whole window, so it is
    /// not read further.
    is_abandoned: bool,
    summary: ReadSummary,
    /// Records before the extent that the first listing contained. The API's count includes them.
    before_window: KeySet,
    /// Count in the first answer.
    total_count: Option<u64>,
    has_first_page: bool,
    size: ReadSize,
    rejections: PendingRejections,
    /// Number of rows without a status, repeated ones included.
    unchecked: usize,
}

/// Maximum number of rows without a status in a list by status: nothing shows whether the API has
/// filtered them.
const MAX_UNCHECKED_ROWS: usize = 1000;
/// Number of rejected rows, without a readable one, after which a read fails: more than 1% of all
/// that can follow.
const MAX_REJECTIONS_WITHOUT_RECORD: usize = MAX_RECORDS / 100;

impl ExtentReader {
    /// Starts to read an extent, whose start is rounded down to whole seconds, in pages of `limit`
    /// rows. `now` is the local time, `known` says how far the API's counts can be relied on.
    pub fn new(
        extent: Extent,
        now: Timestamp,
        limit: u32,
        known: ApiCounts,
        filter: RecordsFilter,
    ) -> Self {
        let window_start = extent.range.start.floor_to_second();
        let range = TimeRange { start: window_start, ..extent.range };
        Self {
            walk: Walk::new(range, now, limit, known.trusts_counts),
            staging: Staging::default(),
            keeps_since: window_start,
            filter,
            known,
            extent,
            is_abandoned: false,
            summary: ReadSummary { window_start, ..ReadSummary::default() },
            before_window: KeySet::default(),
            total_count: None,
            has_first_page: false,
            size: ReadSize::default(),
            rejections: PendingRejections::default(),
            unchecked: 0,
        }
    }

    /// Also keeps listed records before the extent that start at `window_start` or later. An API
    /// that compares intervals first lists the records that were still recording at the bound.
    #[must_use]
    pub fn keeping_since(self, window_start: Timestamp) -> Self {
        Self { keeps_since: window_start.min(self.keeps_since), ..self }
    }

    /// Fails if there are more new and changed records than this.
    #[must_use]
    pub fn with_max_records(mut self, max_records: usize) -> Self {
        self.size.max_records = max_records;
        self
    }

    /// Returns the next action.
    pub fn next_page(&mut self) -> Next {
        if self.is_abandoned { Next::Done } else { self.walk.next_page() }
    }

    /// Returns the number of rows that are requested per page.
    pub fn limit(&self) -> u32 {
        self.walk.limit()
    }

    /// Notes by how many milliseconds the API's clock is ahead of the local one.
    pub fn note_clock(&mut self, ahead_millis: i64) {
        self.walk.note_clock(ahead_millis);
    }

    /// Limits the number of rows to request per page.
    pub fn limit_pages(&mut self, rows: u32) {
        self.walk.limit_pages(rows);
    }

    /// Takes the answer to a request. Adds new and changed records to the staging.
    ///
    /// # Errors
    ///
    /// Returns a [`SyncError`] if the read cannot be completed.
    pub fn take(
        &mut self,
        request: &PageRequest,
        page: &Page<'_>,
        ledger: &Ledger,
    ) -> Result<(), SyncError> {
        if self.is_abandoned {
            // This request was sent before. Its records are as good as any.
            for (key, record) in page.rows.iter().flatten().map(|r| (RecordKey::of(&r.id), r)) {
                self.take_record(request, key, record, ledger);
            }
            return Ok(());
        }
        if self.recheck_known(request, page, ledger)? {
            return Ok(());
        }
        let refs: Vec<Option<RowRef>> = page.rows.iter().map(row_ref).collect();
        let new_rows = self.walk.take(request, &refs, page.total_count)?;
        if !self.has_first_page {
            self.has_first_page = true;
            self.total_count = page.total_count;
            self.check_for_vanished(page, ledger)?;
        }
        self.take_rows(request, page, &refs, &new_rows, ledger);
        for RejectedRow { near, reason } in
            self.rejections.settle(request.segment, new_rows.outcome)
        {
            self.summary.rows += 1;
            self.summary.anomalies.note(near, Anomaly::Rejected(reason));
            *self.summary.rejected.entry(reason).or_default() += 1;
        }
        let unchecked = page.rows.iter().flatten().filter(|row| row.status == Term::Absent);
        self.unchecked += unchecked.count();
        // If the API ignores the filter, the list would be the whole window.
        self.is_abandoned |= self.extent.status.is_some() && self.unchecked > MAX_UNCHECKED_ROWS;
        if self.has_only_rejections(request.segment, page) {
            return Err(self.rejection());
        }
        self.size.add_page(page.rows.len(), self.staging.staged())
    }

    /// Returns the number of rows read, and the API's count of all rows if it gave one.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.summary.rows, self.total_count.filter(|total| *total > 0))
    }

    /// Ends the read. Returns the staging to commit, and the summary.
    ///
    /// # Panics
    ///
    /// Panics if pages are missing: call it only after [`Next::Done`].
    pub fn finish(mut self) -> (Staging, ReadSummary) {
        assert!(matches!(self.next_page(), Next::Done), "a read is finished when it is complete");
        let before = self.before_window.len() as u64;
        if self.summary.unfiltered == 0 {
            self.summary.reported = self.total_count.and_then(|total| total.checked_sub(before));
        }
        let Extent { range, status } = self.extent;
        let range = TimeRange { start: self.summary.window_start, ..range };
        // A list by status does not cover its range: what it omits may be in another status.
        if status.is_none() && !self.is_abandoned {
            self.staging.cover(range);
            self.summary.anomalies.cover(range);
        } else {
            self.summary.anomalies = Anomalies::default();
        }
        let came = self.summary.rows + before;
        self.summary.count_matches = self.total_count == Some(came) && range.is_unbounded();
        self.summary.ignores_bound = self.walk.ignores_bound;
        self.summary.first_start = self.walk.first_start();
        self.summary.first_start_beyond = self.walk.first_start_beyond();
        (self.staging, self.summary)
    }

    /// Requests the first page once more if it is empty although records are known in the extent.
    /// Returns true in this case. Without this, one answer that lost its rows would hide them all.
    ///
    /// # Errors
    ///
    /// Returns [`SyncError::Vanished`] if the second answer is empty too and its count contradicts
    /// it.
    fn recheck_known(
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
    fn check_for_vanished(&self, page: &Page<'_>, ledger: &Ledger) -> Result<(), SyncError> {
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

    /// True if the read should fail because rows are rejected page after page.
    fn has_only_rejections(&mut self, segment: usize, page: &Page<'_>) -> bool {
        let has_record = self.staging.staged() > 0 || self.summary.rows > 0;
        self.rejections.is_unreadable(segment, page)
            || !has_record && self.rejections.len() > MAX_REJECTIONS_WITHOUT_RECORD
    }

    /// Returns the error that lists all rejected rows, including those that are not settled.
    fn rejection(&self) -> SyncError {
        let mut summary = self.summary.clone();
        for reason in self.rejections.reasons() {
            summary.rows += 1;
            *summary.rejected.entry(reason).or_default() += 1;
        }
        summary.rejection()
    }

    fn take_rows(
        &mut self,
        request: &PageRequest,
        page: &Page<'_>,
        refs: &[Option<RowRef>],
        new_rows: &NewRows,
        ledger: &Ledger,
    ) {
        let mut last_start = new_rows.previous_start;
        for (index, (row, row_ref)) in page.rows.iter().zip(refs).enumerate() {
            match row {
                Ok(record) => {
                    last_start = Some(record.start_time);
                    let key = row_ref.map_or_else(|| RecordKey::of(&record.id), |row| row.key);
                    self.take_record(request, key, record, ledger);
                }
                Err(Rejection { reason, id }) => {
                    if let Some(id) = id {
                        self.staging.keep(ledger, id, self.summary.window_start);
                    }
                    // Neighbouring segments list each other's rows. A rejected row has no start, so
                    // it counts in the segment of the row before it.
                    let is_in_segment = match last_start {
                        // A row before all others comes first in the list of every segment.
                        None => new_rows.range.start == self.keeps_since,
                        Some(start) => new_rows.range.contains(start),
                    };
                    if is_in_segment && index >= new_rows.first_row {
                        let near = last_start.unwrap_or(new_rows.range.start);
                        let row = RejectedRow { near, reason: *reason };
                        self.rejections.note(request.segment, row);
                    }
                }
            }
        }
    }

    fn take_record(
        &mut self,
        request: &PageRequest,
        key: RecordKey,
        record: &Record<'_>,
        ledger: &Ledger,
    ) {
        match check(&self.filter, key, record, ledger) {
            FilterMatch::Yes => {}
            FilterMatch::Unknown => return,
            FilterMatch::No => {
                self.summary.unfiltered += 1;
                self.is_abandoned |= self.extent.status.is_some();
                return;
            }
        }
        // The status filter is ignored. The record is read all the same.
        if self.extent.status.is_some_and(|status| has_other_status(record, status)) {
            self.summary.unfiltered += 1;
            self.is_abandoned = true;
        }
        // A bound is sent a second early, so a record before the extent may still be after the
        // bound.
        self.summary.lists_earlier |= record.start_time < request.start_time;
        if record.start_time < self.summary.window_start {
            // The reported count is that of this bound, so it includes these records.
            if request.start_time < self.summary.window_start {
                self.before_window.insert(key);
            }
            if record.start_time >= self.keeps_since {
                self.staging.read(ledger, key, record);
            }
            return;
        }
        if !self.staging.read(ledger, key, record) {
            return;
        }
        self.summary.rows += 1;
        let unknown = [
            ("status", matches!(record.status, Term::Unknown(_))),
            ("type", matches!(record.record_type, Term::Unknown(_))),
        ];
        let unknown = unknown.into_iter().filter(|(_, is)| *is).map(|(name, _)| name);
        for field in record.odd.names().chain(unknown) {
            self.summary.anomalies.note(record.start_time, Anomaly::Unknown(field));
        }
    }
}

fn row_ref(row: &Row<'_>) -> Option<RowRef> {
    let record = row.as_ref().ok()?;
    let key = RecordKey::of(&record.id);
    Some(RowRef { key, start: record.start_time, end: record.end_time })
}

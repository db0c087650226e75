//! Reads one extent: takes the pages of a walk into a staging.

use crate::ledger::{ApiCounts, Ledger, Staging};
use crate::sync::anomalies::{Anomalies, Anomaly};
use crate::sync::error::SyncError;
use crate::sync::extent::{CountMeaning, Extent, ReadSummary};
use crate::sync::read::filter::{FilterMatch, check, has_other_status};
use crate::sync::read::page::RowRef;
use crate::sync::read::rejections::{PendingRejections, RejectedRow};
use crate::sync::read::rows::KeptRows;
use crate::sync::read::size::ReadSize;
use crate::sync::read::ties::KeySet;
use crate::sync::read::walk::{NewRows, Next, PageRequest, Walk};
use records_api::RecordsFilter;
use records_api::record::{Record, RecordKey, Rejection, Row, Term, TimeRange, Timestamp};
use records_api::wire::Page;

/// A read of one extent in progress. Request the pages of [`Self::next_page`], pass each answer to
/// [`Self::take`], and call [`Self::finish`] after [`Next::Done`].
#[derive(Debug)]
pub struct ExtentReader {
    pub(super) walk: Walk,
    pub(super) staging: Staging,
    /// Whole rows, if the caller wants them.
    pub(super) rows: Option<KeptRows>,
    pub(super) extent: Extent,
    /// Records that start earlier are dropped.
    keeps_since: Timestamp,
    filter: RecordsFilter,
    /// Reliability of the API's counts.
    pub(super) known: ApiCounts,
    /// True if the API ignores the status filter. Such a list would be the whole window, so it is
    /// not read further.
    is_abandoned: bool,
    pub(super) summary: ReadSummary,
    /// Records before the extent that the first listing contained. The API's count includes them.
    before_window: KeySet,
    /// Number of rows in the first answer.
    first_page: u64,
    /// Count in the first answer.
    total_count: Option<u64>,
    has_first_page: bool,
    size: ReadSize,
    pub(super) rejections: PendingRejections,
    /// Number of rows without a status, repeated ones included.
    unchecked: usize,
    /// Number of rows that start after the read began.
    began_later: u64,
    /// Number of rejected rows before all others, which another read of the poll counts.
    pub(super) unplaced: u64,
    /// Number of known records whose row was rejected.
    pub(super) kept: u64,
}

/// Maximum number of rows without a status in a list by status: nothing shows whether the API has
/// filtered them.
const MAX_UNCHECKED_ROWS: usize = 1000;

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
        let rounded = Extent { range, ..extent };
        Self {
            walk: Walk::new(&rounded, now, limit, known.trusts_counts),
            staging: Staging::default(),
            rows: None,
            keeps_since: window_start,
            filter,
            known,
            extent,
            is_abandoned: false,
            summary: ReadSummary { window_start, ..ReadSummary::default() },
            before_window: KeySet::default(),
            first_page: 0,
            total_count: None,
            has_first_page: false,
            size: ReadSize::default(),
            rejections: PendingRejections::default(),
            began_later: 0,
            unplaced: 0,
            kept: 0,
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

    /// Notes the local time of the answer that [`Self::take`] will get, and by how many milliseconds
    /// the API's clock is ahead if the answer shows it.
    pub fn note_answer(&mut self, now: Timestamp, ahead_millis: Option<i64>) {
        self.walk.note_answer(now, ahead_millis);
    }

    /// Sets the number of rows to request per page: fewer or more than before.
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
        self.check_readable(request, page)?;
        let refs: Vec<Option<RowRef>> = page.rows.iter().map(row_ref).collect();
        let new_rows = self.walk.take(request, &refs, page.total_count)?;
        if !self.has_first_page {
            self.has_first_page = true;
            self.total_count = page.total_count;
            self.first_page = page.rows.len() as u64;
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
        if self.has_only_rejections(request.segment, page, new_rows.first_row) {
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
    /// # Errors
    ///
    /// Returns [`SyncError::Rejected`] if rows were rejected where records are known, and no other row
    /// was listed there.
    ///
    /// # Panics
    ///
    /// Panics if pages are missing: call it only after [`Next::Done`].
    pub fn finish(mut self, ledger: &Ledger) -> Result<(Staging, ReadSummary), SyncError> {
        assert!(matches!(self.next_page(), Next::Done), "a read is finished when it is complete");
        self.check_emptied(ledger)?;
        let before = self.before_window.len() as u64;
        if self.summary.unfiltered == 0 {
            self.summary.reported = self.total_count.and_then(|total| total.checked_sub(before));
        }
        let Extent { range, status } = self.extent;
        let range = TimeRange { start: self.summary.window_start, ..range };
        let is_unbounded = range.is_unbounded();
        // Records that start later are as they were known. If they were covered, those of a desktop
        // whose clock is ahead would be hidden whenever the list goes on.
        let range = TimeRange { end: range.end.or(self.walk.open_end()), ..range };
        // A list by status does not cover its range: what it omits may be in another status.
        if status.is_none() && !self.is_abandoned {
            self.staging.cover(range);
            self.summary.anomalies.cover(range);
        } else {
            self.summary.anomalies = Anomalies::default();
        }
        let came = self.summary.rows + before;
        self.summary.count = self.count_meaning(came, is_unbounded);
        self.summary.ignores_bound = self.walk.ignores_bound;
        self.summary.open_end = self.walk.open_end();
        self.summary.first_start = self.walk.first_start();
        self.summary.first_start_beyond = self.walk.first_start_beyond();
        Ok((self.staging, self.summary))
    }

    /// Compares the count in the first answer with the number of rows that came.
    fn count_meaning(&self, came: u64, is_unbounded: bool) -> CountMeaning {
        // The first answer did not count what began after it.
        let counted = came.saturating_sub(self.began_later)..=came;
        match self.total_count {
            Some(total) if total == self.first_page && came > total => CountMeaning::RowsOfPage,
            Some(total) if is_unbounded && counted.contains(&total) => CountMeaning::AllRows,
            _ => CountMeaning::Unknown,
        }
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
                    if let Some(id) = id
                        && self.staging.keep(ledger, id, self.summary.window_start)
                    {
                        self.kept += 1;
                    }
                    // Neighbouring segments list each other's rows. A rejected row has no start, so
                    // it counts in the segment of the row before it.
                    let last = last_start.filter(|start| *start >= self.keeps_since);
                    let is_in_segment = match last {
                        // A row before all others comes first in the list of every segment. Rows
                        // before the window do not show that this one belongs there, too.
                        None => new_rows.range.start == self.keeps_since,
                        Some(start) => new_rows.range.contains(start),
                    };
                    self.unplaced += u64::from(!is_in_segment && last.is_none());
                    if is_in_segment && index >= new_rows.first_row {
                        let near = last.unwrap_or(new_rows.range.start);
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
        if let Some(rows) = &mut self.rows {
            rows.read(key, record);
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
        self.began_later += u64::from(self.walk.is_later(record.start_time));
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

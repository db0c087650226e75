//! Reading the whole window once.

use std::collections::BTreeMap;

use crate::ledger::{ApiCounts, Ledger, Staging};
use crate::sync::anomalies::{Anomalies, Anomaly};
use crate::sync::error::SyncError;
use crate::sync::extent::{Extent, ReadSummary};
use crate::sync::read::segment::ListingOutcome;
use crate::sync::read::ties::{KeySet, RowRef};
use crate::sync::read::walk::{Next, PageRequest, Walk};
use records_api::RecordsFilter;
use records_api::record::{Record, RecordKey, RejectionReason, Row, Term, TimeRange, Timestamp};
use records_api::wire::Page;

/// A reading under way: the pages of one extent, until they are all there.
#[derive(Debug)]
pub struct ExtentReader {
    walk: Walk,
    staging: Staging,
    extent: Extent,
    /// What starts earlier is of no use, wherever it is shown.
    keeps_since: Timestamp,
    filter: RecordsFilter,
    /// What is known of the API.
    known: ApiCounts,
    /// The API shows what was not asked for: there is no use in going on.
    is_abandoned: bool,
    summary: ReadSummary,
    /// Records of the first listing that began before the window.
    before_window: KeySet,
    total_count: Option<u64>,
    has_first_page: bool,
    /// Rows of all pages, those read twice and those of other windows too.
    received: usize,
    pages: u32,
    /// Pages without a readable row since the last one that had some, by segment.
    unreadable_pages: BTreeMap<usize, u32>,
    /// Rejections of the listings that are being read, by segment.
    rejected: BTreeMap<usize, Vec<(Timestamp, RejectionReason)>>,
}

/// A poll holds no more records than this: 5,000 desktops recorded around the clock for 15 days
/// in files of 10 minutes are 10.8 million.
const MAX_RECORDS: usize = 12_000_000;
/// Rows that a poll receives at most: an API that never ends must not hold it for ever.
const MAX_ROWS: usize = 3 * MAX_RECORDS;
/// Pages that a poll asks for at most: all those records in pages of 100, and as many again.
const MAX_PAGES: u32 = 240_000;
/// Pages in a row of one segment that hold nothing but rejected rows: 200 of 100 rows would be 1%
/// of two million. Without a limit an API that answers with a broken row for ever is asked for
/// ever.
const MAX_UNREADABLE_PAGES: u32 = 200;
/// Rejected rows, and not one that was understood, after which a poll is given up: more than 1% of
/// the most that can follow.
const MAX_REJECTIONS_WITHOUT_RECORD: usize = MAX_RECORDS / 100;

impl ExtentReader {
    /// Begins to read an extent, whose beginning counts in whole seconds, in pages of `limit`.
    /// What is `known` of the API says what its counts are good for.
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
            received: 0,
            pages: 0,
            unreadable_pages: BTreeMap::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// Takes what is shown beside the extent too, as long as it starts at `window_start` or later:
    /// an API that compares intervals shows first what was still going on.
    #[must_use]
    pub fn keeping_since(self, window_start: Timestamp) -> Self {
        Self { keeps_since: window_start.min(self.keeps_since), ..self }
    }

    /// The page to ask for next.
    pub fn next_page(&mut self) -> Next {
        if self.is_abandoned { Next::Done } else { self.walk.next_page() }
    }

    /// Rows that a page asks for by now.
    pub fn limit(&self) -> u32 {
        self.walk.limit()
    }

    /// The API's clock is so far ahead of the one that gave `now`.
    pub fn note_clock(&mut self, ahead_millis: i64) {
        self.walk.note_clock(ahead_millis);
    }

    /// Pages are granted no more rows than this from now on.
    pub fn limit_pages(&mut self, rows: u32) {
        self.walk.limit_pages(rows);
    }

    /// Takes the answer to a request. New and changed records go into the staging.
    ///
    /// # Errors
    ///
    /// [`SyncError`]; the reading cannot be completed.
    pub fn take(
        &mut self,
        request: &PageRequest,
        page: &Page<'_>,
        ledger: &Ledger,
    ) -> Result<(), SyncError> {
        if self.is_abandoned {
            // What was asked for before is read all the same.
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
        let mut last_start = new_rows.previous_start;
        for (index, (row, row_ref)) in page.rows.iter().zip(&refs).enumerate() {
            match row {
                Ok(record) => {
                    last_start = Some(record.start_time);
                    let key = row_ref.map_or_else(|| RecordKey::of(&record.id), |row| row.key);
                    self.take_record(request, key, record, ledger);
                }
                Err(rejection) => {
                    if let Some(id) = &rejection.id {
                        self.staging.keep(ledger, id, self.summary.window_start);
                    }
                    // Neighbouring segments see each other's rows; a rejection counts where the
                    // row before it belongs.
                    let belongs = match last_start {
                        // What stands before everything does so in each list: it counts once.
                        None => new_rows.range.start == self.keeps_since,
                        Some(start) => new_rows.range.contains(start),
                    };
                    if belongs && index >= new_rows.first_row {
                        let near = last_start.unwrap_or(new_rows.range.start);
                        let rejected = self.rejected.entry(request.segment).or_default();
                        rejected.push((near, rejection.reason));
                    }
                }
            }
        }
        self.settle_rejections(request.segment, new_rows.outcome);
        self.received += page.rows.len();
        self.pages += 1;
        if self.has_only_rejections(request.segment, page) {
            return Err(self.rejection());
        }
        if self.staging.staged() > MAX_RECORDS || self.received > MAX_ROWS || self.pages > MAX_PAGES
        {
            return Err(SyncError::TooMany { limit: MAX_RECORDS });
        }
        Ok(())
    }

    /// How far it is: rows read of those that the API counts, if it counts any.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.summary.rows, self.total_count.filter(|total| *total > 0))
    }

    /// Ends the reading: the staging to commit, and what is to be said about it.
    ///
    /// # Panics
    ///
    /// If pages are missing: call it only after [`Next::Done`].
    pub fn finish(mut self) -> (Staging, ReadSummary) {
        assert!(matches!(self.next_page(), Next::Done), "a reading is finished when complete");
        let before = self.before_window.len() as u64;
        if self.summary.unfiltered == 0 {
            self.summary.reported = self.total_count.and_then(|total| total.checked_sub(before));
        }
        let Extent { range, status } = self.extent;
        let range = TimeRange { start: self.summary.window_start, ..range };
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

    /// An extent in which records are known is not empty because one answer says so: it is asked
    /// for once more, and should count none.
    fn recheck_known(
        &mut self,
        request: &PageRequest,
        page: &Page<'_>,
        ledger: &Ledger,
    ) -> Result<bool, SyncError> {
        let is_doubtful = page.rows.is_empty() && request.offset == 0 && request.segment == 0;
        if !is_doubtful
            || self.extent.status.is_some()
            || !ledger.shows_since(self.extent.range.start)
        {
            return Ok(false);
        }
        if self.walk.recheck_empty() {
            return Ok(true);
        }
        let is_denied = match page.total_count {
            Some(total) => total > self.known.surplus,
            None => self.known.has_counts,
        };
        if !self.extent.range.is_unbounded() && is_denied {
            return Err(SyncError::Vanished { total: page.total_count.unwrap_or(0) });
        }
        Ok(false)
    }

    /// An empty window is believed, whatever its count, unless it was not empty before.
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

    /// Whether nothing but rejected rows comes, page after page: an API that speaks otherwise.
    fn has_only_rejections(&mut self, segment: usize, page: &Page<'_>) -> bool {
        let unreadable = self.unreadable_pages.entry(segment).or_default();
        let is_unreadable = !page.rows.is_empty() && page.rows.iter().all(Result::is_err);
        *unreadable = if is_unreadable { *unreadable + 1 } else { 0 };
        let pending: usize = self.rejected.values().map(Vec::len).sum();
        *unreadable > MAX_UNREADABLE_PAGES
            || self.staging.staged() == 0
                && self.summary.rows == 0
                && pending > MAX_REJECTIONS_WITHOUT_RECORD
    }

    /// The error that says what was rejected, what is not settled yet included.
    fn rejection(&self) -> SyncError {
        let mut summary = self.summary.clone();
        for (_, reason) in self.rejected.values().flatten() {
            summary.rows += 1;
            *summary.rejected.entry(*reason).or_default() += 1;
        }
        summary.rejection()
    }

    /// Counts the rejections of a listing when it stands, so that what is read again counts once.
    fn settle_rejections(&mut self, segment: usize, outcome: ListingOutcome) {
        if outcome == ListingOutcome::Continues {
            return;
        }
        let reasons = self.rejected.remove(&segment).unwrap_or_default();
        if outcome == ListingOutcome::Accepted {
            for (near, reason) in reasons {
                self.summary.rows += 1;
                self.summary.anomalies.note(near, Anomaly::Rejected(reason));
                *self.summary.rejected.entry(reason).or_default() += 1;
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
        if !matches(&self.filter, record) {
            self.summary.unfiltered += 1;
            self.is_abandoned |= self.extent.status.is_some();
            return;
        }
        if self.extent.status.is_some_and(|status| record.status != Term::Known(status)) {
            self.summary.unfiltered += 1;
            self.is_abandoned = true;
        }
        // A bound is sent a second early, so what begins before the extent may still be behind it.
        self.summary.lists_earlier |= record.start_time < request.start_time;
        if record.start_time < self.summary.window_start {
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

/// Whether a record is one that was asked for: a filter may be silently ignored.
fn matches(filter: &RecordsFilter, record: &Record<'_>) -> bool {
    let is = |wanted: &Option<String>, value: &Option<std::borrow::Cow<'_, str>>| {
        wanted.as_ref().is_none_or(|wanted| value.as_deref() == Some(wanted))
    };
    let names = &filter.desktop_names;
    is(&filter.desktop_id, &record.desktop_id)
        && is(&filter.username, &record.username)
        && (names.is_empty()
            || record.desktop_name.as_deref().is_some_and(|name| names.iter().any(|n| n == name)))
        && filter.status.is_none_or(|status| record.status == Term::Known(status))
        && filter.record_type.is_none_or(|kind| record.record_type == Term::Known(kind))
}

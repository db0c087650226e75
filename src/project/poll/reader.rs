//! Requests of a poll: reads an extent, lists a status, or counts. Each takes one or more requests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::{ApiCounts, Counted, Staging};
use crate::project::error::{PollError, Reason};
use crate::project::first_sync_progress::FirstSyncProgress;
use crate::project::polling::Polling;
use crate::project::state::ProjectState;
use crate::sync::{Extent, ExtentReader, Next, PageRequest, ReadSummary, SyncError};
use records_api::clock::Clock;
use records_api::record::{Status, Term, TimeRange, Timestamp};
use records_api::wire::Page;
use records_api::{ApiError, Client, Listed, PageSizing, RecordsFilter, RecordsQuery};

/// Maximum difference of the clocks. If they differ more, the API and the exporter mean different windows.
const MAX_CLOCK_DIFFERENCE_MILLIS: i64 = 5 * 60 * 1000;
/// Maximum age of an answer from a cache. An older one has another window, too.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The API counts this many records in an extent, which is more than the caller accepts. Nothing was kept.
pub(super) struct TooMany(pub(super) u64);

/// Everything that the requests of one poll need.
pub(in crate::project) struct PollReader<'a> {
    pub(in crate::project) project: &'a str,
    pub(in crate::project) progress: &'a Mutex<FirstSyncProgress>,
    pub(in crate::project) client: &'a Client,
    pub(in crate::project) state: &'a Arc<Mutex<ProjectState>>,
    pub(in crate::project) polling: &'a Mutex<Polling>,
    /// Cancelled when a config with another client replaces the one of this poll.
    pub(in crate::project) replaced: &'a CancellationToken,
    pub(in crate::project) filter: &'a RecordsFilter,
    /// True if the names in the filter must not appear in errors and logs.
    pub(in crate::project) hides_names: bool,
    /// Maximum number of records that the project may hold.
    pub(in crate::project) max_records: usize,
    /// Start of the window, in whole seconds.
    pub(in crate::project) window_start: Timestamp,
    /// Time at which the poll started.
    pub(in crate::project) now: Timestamp,
    pub(in crate::project) clock: &'a dyn Clock,
}

impl PollReader<'_> {
    /// Reads several extents at the same time.
    pub(super) async fn read_all(
        &self,
        extents: Vec<Extent>,
        known: ApiCounts,
    ) -> Result<Vec<(Staging, ReadSummary)>, PollError> {
        try_join_all(extents.into_iter().map(|extent| self.read(extent, known))).await
    }

    /// Lists the records of the window that are in a status. `None` if the API refuses the request, false
    /// if it ignores the status filter. The rows that it returns are read even then.
    pub(super) async fn list(
        &self,
        status: Status,
        known: ApiCounts,
    ) -> Result<Option<(Staging, bool)>, PollError> {
        let range = TimeRange::since(self.window_start);
        let extent = Extent { range, status: Some(status) };
        match self.read(extent, known).await {
            Ok((staging, summary)) => Ok(Some((staging, summary.unfiltered == 0))),
            Err(PollError { reason: Reason::Api(error), .. }) if error.refuses_request() => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the number of records that start at `from` or later. `None` if the API gives no count, or
    /// refuses or ignores the status filter.
    pub(super) async fn count(
        &self,
        counted: Counted,
        from: Timestamp,
    ) -> Result<Option<u64>, PollError> {
        let status = match counted {
            Counted::All => self.filter.status,
            Counted::Uploaded => Some(Status::UploadCompleted),
        };
        let filter = RecordsFilter { status, ..self.filter.clone() };
        let query = RecordsQuery::ascending(from, 0, 1, filter).hiding_names(self.hides_names);
        let failed = |reason: Reason| PollError::at(self.client.records_path(&query), reason);
        let read = |page: &Page<'_>| {
            let mut shown = page.rows.iter().flatten();
            let is_asked_for = shown.all(|record| {
                counted == Counted::All
                    || matches!(record.status, Term::Known(Status::UploadCompleted) | Term::Absent)
            });
            page.total_count.filter(|_| is_asked_for)
        };
        let mut answer = self.list_records(&query, PageSizing::Fixed).await;
        // One refusal may have been about something else.
        if answer.as_ref().is_err_and(ApiError::refuses_request) {
            answer = self.list_records(&query, PageSizing::Fixed).await;
        }
        match answer {
            Ok(listed) => {
                check_time(&listed).map_err(failed)?;
                Ok(read(listed.page.page()))
            }
            Err(error) if counted == Counted::Uploaded && error.refuses_request() => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Reads an extent to its end.
    pub(super) async fn read(
        &self,
        extent: Extent,
        known: ApiCounts,
    ) -> Result<(Staging, ReadSummary), PollError> {
        self.read_keeping(&mut None, extent, known).await
    }

    /// The same. If the read breaks off, leaves what was read so far in `broken`.
    pub(super) async fn read_keeping(
        &self,
        broken: &mut Option<ExtentReader>,
        extent: Extent,
        known: ApiCounts,
    ) -> Result<(Staging, ReadSummary), PollError> {
        match self.read_up_to(u64::MAX, extent, known, broken).await? {
            Ok(read) => Ok(read),
            Err(TooMany(_)) => unreachable!("no count exceeds u64::MAX"),
        }
    }

    /// Reads an extent to its end, unless the API counts more than `most` records in it. If the read
    /// breaks off, leaves what was read so far in `broken`.
    pub(super) async fn read_up_to(
        &self,
        most: u64,
        extent: Extent,
        known: ApiCounts,
        broken: &mut Option<ExtentReader>,
    ) -> Result<Result<(Staging, ReadSummary), TooMany>, PollError> {
        let limit = self.client.page_size();
        let start = extent.range.start;
        let status = extent.status.or(self.filter.status);
        let filter = RecordsFilter { status, ..self.filter.clone() };
        let is_whole = extent.status.is_none();
        // Every poll requests a page of new records. Without changes a poll makes at most six requests, so
        // this page does not test the page size.
        let is_new = extent.range.end.is_none() && extent.range.start > self.window_start;
        let mut sizing = match (is_whole, is_new) {
            (false, _) => PageSizing::Fixed,
            (true, true) => PageSizing::Shrinking,
            (true, false) => PageSizing::Tested,
        };
        let read = ExtentReader::new(extent, self.now, limit, known, self.filter.clone())
            .keeping_since(self.window_start)
            .with_max_records(self.max_records);
        let read = Mutex::new(read);
        let mut under_way = FuturesUnordered::new();
        loop {
            // Twice as many pages as requests, so that a request starts while an answer is parsed.
            while under_way.len() < 2 * self.client.max_concurrent_requests() {
                match read.lock().next_page() {
                    Next::Request(request) => {
                        under_way.push(self.page(&read, &filter, request, sizing));
                        if is_whole {
                            sizing = PageSizing::Tested;
                        }
                    }
                    Next::Wait | Next::Done => break,
                }
            }
            match under_way.next().await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    drop(under_way);
                    *broken = Some(read.into_inner());
                    return Err(error);
                }
                None => break,
            }
            if let (_, Some(total)) = read.lock().progress()
                && total > most
            {
                return Ok(Err(TooMany(total)));
            }
        }
        drop(under_way);
        let read = read.into_inner().finish(self.state.lock().ledger());
        let query = RecordsQuery::ascending(start, 0, limit, filter).hiding_names(self.hides_names);
        let failed = |error: SyncError| PollError::at(self.client.records_path(&query), error);
        Ok(Ok(read.map_err(failed)?))
    }

    /// Requests a page. A first sync repeats what the API refused because of too many requests: the
    /// client waits for the end of the pause, and without the page, all others of its part are lost.
    async fn list_records(
        &self,
        query: &RecordsQuery,
        sizing: PageSizing,
    ) -> Result<Listed, ApiError> {
        loop {
            let result = self.client.list_records(query, sizing).await;
            let waits = result.as_ref().is_err_and(|error| {
                error.is_throttled()
                    && self.progress.lock().waits_for(self.project, error, Instant::now())
            });
            if !waits {
                return result;
            }
        }
    }

    async fn page(
        &self,
        read: &Mutex<ExtentReader>,
        filter: &RecordsFilter,
        mut request: PageRequest,
        sizing: PageSizing,
    ) -> Result<(), PollError> {
        let PageRequest { start_time, offset, limit, .. } = request;
        let query = RecordsQuery::ascending(start_time, offset, limit, filter.clone())
            .hiding_names(self.hides_names);
        let failed = |reason: Reason| PollError::at(self.client.records_path(&query), reason);
        let listed =
            self.list_records(&query, sizing).await.map_err(|error| failed(error.into()))?;
        check_time(&listed).map_err(failed)?;
        // The client may have requested a smaller page, or a larger one to test the page size.
        request.limit = listed.requested;
        let answered = Timestamp::from_millis(self.clock.now_millis());
        let mut read = read.lock();
        read.note_answer(answered, listed.clock_ahead_millis);
        let limit = read.limit();
        let taken = read.take(&request, listed.page.page(), self.state.lock().ledger());
        if read.limit() < limit {
            self.client.limit_page_size(read.limit());
        }
        let (rows, total) = read.progress();
        self.progress.lock().note(self.project, rows, total, Instant::now());
        read.limit_pages(self.client.page_size());
        taken.map_err(|error| failed(error.into()))
    }
}

/// Fails if the API's clock differs too much from this machine's, or if a cache returned an old answer.
pub(super) fn check_time(listed: &Listed) -> Result<(), Reason> {
    if let Some(age) = listed.age.filter(|age| *age > MAX_AGE) {
        return Err(Reason::Cached { age });
    }
    match listed.clock_ahead_millis {
        Some(ahead_millis) if ahead_millis.abs() > MAX_CLOCK_DIFFERENCE_MILLIS => {
            Err(Reason::Clock { ahead_millis })
        }
        _ => Ok(()),
    }
}

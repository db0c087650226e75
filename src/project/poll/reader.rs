//! Requests of a poll: reads an extent, lists a status, or counts. Each takes one or more requests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::FuturesUnordered;
use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::{ApiCounts, Counted, Staging};
use crate::project::error::{PollError, Reason};
use crate::project::first_sync_progress::FirstSyncProgress;
use crate::project::polling::Polling;
use crate::project::state::ProjectState;
use crate::sync::{Extent, ExtentReader, Next, PageRequest, ReadSummary};
use records_api::clock::Clock;
use records_api::record::{Status, Term, TimeRange, Timestamp};
use records_api::wire::Page;
use records_api::{ApiError, Client, Listed, RecordsFilter, RecordsQuery};

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

    /// Lists the records of the window that are in a status. Returns false if the API refuses or ignores
    /// the status filter. The rows that it returns are read even then.
    pub(super) async fn list(
        &self,
        status: Status,
        known: ApiCounts,
    ) -> Result<(Staging, bool), PollError> {
        let range = TimeRange::since(self.window_start);
        let extent = Extent { range, status: Some(status) };
        match self.read(extent, known).await {
            Ok((staging, summary)) => Ok((staging, summary.unfiltered == 0)),
            Err(PollError {
                reason: Reason::Api(ApiError::Refused { status: StatusCode::BAD_REQUEST, .. }),
                ..
            }) => Ok((Staging::default(), false)),
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
        let query = RecordsQuery::ascending(from, 0, 1, filter);
        let failed = |reason: Reason| PollError::at(self.client.records_path(&query), reason);
        let read = |page: &Page<'_>| {
            let mut shown = page.rows.iter().flatten();
            let is_asked_for = shown.all(|record| {
                counted == Counted::All || record.status == Term::Known(Status::UploadCompleted)
            });
            page.total_count.filter(|_| is_asked_for)
        };
        match self.list_records(&query, false).await {
            Ok(listed) => {
                check_time(&listed).map_err(failed)?;
                Ok(read(listed.page.page()))
            }
            Err(ApiError::Refused { status: StatusCode::BAD_REQUEST, .. })
                if counted == Counted::Uploaded =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Reads an extent to its end.
    pub(super) async fn read(
        &self,
        extent: Extent,
        known: ApiCounts,
    ) -> Result<(Staging, ReadSummary), PollError> {
        match self.read_up_to(u64::MAX, extent, known).await? {
            Ok(read) => Ok(read),
            Err(TooMany(_)) => unreachable!("no count exceeds u64::MAX"),
        }
    }

    /// Reads an extent to its end, unless the API counts more than `most` records in it.
    pub(super) async fn read_up_to(
        &self,
        most: u64,
        extent: Extent,
        known: ApiCounts,
    ) -> Result<Result<(Staging, ReadSummary), TooMany>, PollError> {
        let limit = self.client.page_size();
        let status = extent.status.or(self.filter.status);
        let filter = RecordsFilter { status, ..self.filter.clone() };
        let is_whole = extent.status.is_none();
        let read = ExtentReader::new(extent, self.now, limit, known, self.filter.clone())
            .keeping_since(self.window_start);
        let read = Mutex::new(read);
        let mut under_way = FuturesUnordered::new();
        loop {
            // Twice as many pages as requests, so that a request starts while an answer is parsed.
            while under_way.len() < 2 * self.client.max_concurrent_requests() {
                match read.lock().next_page() {
                    Next::Request(request) => {
                        under_way.push(self.page(&read, &filter, request, is_whole));
                    }
                    Next::Wait | Next::Done => break,
                }
            }
            match under_way.next().await {
                Some(answered) => answered?,
                None => break,
            }
            if let (_, Some(total)) = read.lock().progress()
                && total > most
            {
                return Ok(Err(TooMany(total)));
            }
        }
        drop(under_way);
        let read = read.into_inner();
        self.client.limit_page_size(read.limit());
        Ok(Ok(read.finish()))
    }

    /// Requests a page. A first sync repeats what the API refused because of too many requests: the
    /// client waits for the end of the pause, and without the page, all others of its part are lost.
    async fn list_records(&self, query: &RecordsQuery, shrinks: bool) -> Result<Listed, ApiError> {
        loop {
            let result = self.client.list_records(query, shrinks).await;
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
        request: PageRequest,
        shrinks: bool,
    ) -> Result<(), PollError> {
        let PageRequest { start_time, offset, limit, .. } = request;
        let query = RecordsQuery::ascending(start_time, offset, limit, filter.clone());
        let failed = |reason: Reason| PollError::at(self.client.records_path(&query), reason);
        let listed =
            self.list_records(&query, shrinks).await.map_err(|error| failed(error.into()))?;
        check_time(&listed).map_err(failed)?;
        let mut read = read.lock();
        let taken = read.take(&request, listed.page.page(), self.state.lock().ledger());
        let (rows, total) = read.progress();
        self.progress.lock().note(self.project, rows, total, Instant::now());
        read.note_clock(listed.clock_ahead_millis.unwrap_or(0));
        // The client may have retried this request with a smaller page.
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

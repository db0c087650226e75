//! Requests of a poll: reads an extent, lists a status, or counts. Each takes one or more requests.

use std::sync::Arc;

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::{ApiCounts, Counted, Ledger, Staging};
use crate::listing::{ExtentRequests, ReadContext, ReadEnd, ReadError, ReadFailure, Sizings};
use crate::project::error::{PollError, Reason};
use crate::project::first_sync_progress::FirstSyncProgress;
use crate::project::polling::Polling;
use crate::project::state::ProjectState;
use crate::sync::{Extent, ExtentReader, ReadSummary};
use records_api::clock::Clock;
use records_api::record::{Record, Status, Term, TimeRange, Timestamp};
use records_api::{ApiError, Client, PageSizing, RecordsFilter};

/// The API counts this many records in an extent, which is more than the caller accepts. Nothing was kept.
pub(super) struct TooMany(pub(super) u64);

/// Everything that the requests of one poll need.
pub(in crate::project) struct PollReader<'a> {
    pub(in crate::project) project: &'a str,
    pub(in crate::project) progress: &'a Mutex<FirstSyncProgress>,
    pub(in crate::project) client: &'a Client,
    pub(in crate::project) state: &'a Arc<Mutex<ProjectState>>,
    pub(in crate::project) polling: &'a Mutex<Polling>,
    /// Cancelled if nothing of the poll is of use any more.
    pub(in crate::project) cancelled: &'a CancellationToken,
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
            Err(PollError { reason: Reason::Read(ReadFailure::Api(error)), .. })
                if error.refuses_request() =>
            {
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
        let context = PollRead { poll: self, most: u64::MAX };
        let requests = self.requests(&filter, &context);
        let is_asked_for = |record: &Record<'_>| {
            counted == Counted::All
                || matches!(record.status, Term::Known(Status::UploadCompleted) | Term::Absent)
        };
        match requests.count(from).await {
            Ok(listed) => {
                let page = listed.page.page();
                Ok(page.total_count.filter(|_| page.rows.iter().flatten().all(is_asked_for)))
            }
            Err(ReadError { failure: ReadFailure::Api(error), .. })
                if counted == Counted::Uploaded && error.refuses_request() =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
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
        let (first, others) = match (is_whole, is_new) {
            (false, _) => (PageSizing::Fixed, PageSizing::Fixed),
            (true, true) => (PageSizing::Shrinking, PageSizing::Tested),
            (true, false) => (PageSizing::Tested, PageSizing::Tested),
        };
        let sizings = Sizings { first, others };
        let reader = ExtentReader::new(extent, self.now, limit, known, self.filter.clone())
            .keeping_since(self.window_start)
            .with_max_records(self.max_records);
        let context = PollRead { poll: self, most };
        let requests = self.requests(&filter, &context);
        match requests.read(reader, sizings).await {
            Ok(ReadEnd { reader, is_complete: true }) => {
                let read = reader.finish(self.state.lock().ledger());
                Ok(Ok(read.map_err(|error| requests.failed_from(start, error))?))
            }
            Ok(ReadEnd { reader, is_complete: false }) => {
                Ok(Err(TooMany(reader.progress().1.unwrap_or(most))))
            }
            Err(failed) => {
                *broken = Some(failed.reader);
                Err(failed.error.into())
            }
        }
    }

    fn requests<'a>(
        &'a self,
        filter: &'a RecordsFilter,
        context: &'a PollRead<'a>,
    ) -> ExtentRequests<'a, PollRead<'a>> {
        let Self { client, clock, hides_names, .. } = *self;
        ExtentRequests { client, clock, filter, hides_names, context }
    }
}

/// One read of a poll.
struct PollRead<'a> {
    poll: &'a PollReader<'a>,
    /// Number of records in the API's count above which the read is stopped.
    most: u64,
}

impl ReadContext for PollRead<'_> {
    fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(self.poll.state.lock().ledger())
    }

    fn note_progress(&self, rows: u64, total: Option<u64>) {
        self.poll.progress.lock().note(self.poll.project, rows, total, Instant::now());
    }

    /// A first sync repeats what the API refused because of too many requests: without the page, all
    /// others of its part are lost.
    fn waits_for(&self, error: &ApiError) -> bool {
        self.poll.progress.lock().waits_for(self.poll.project, error, Instant::now())
    }

    fn stops(&self, read: &ExtentReader) -> bool {
        read.progress().1.is_some_and(|total| total > self.most)
    }
}

//! Requests the pages of an extent until everything is read.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;

use super::error::{ReadError, ReadFailure};
use crate::ledger::Ledger;
use crate::sync::{ExtentReader, Next, PageRequest, SyncError};
use records_api::clock::Clock;
use records_api::record::Timestamp;
use records_api::{ApiError, Client, Listed, PageSizing, RecordsFilter, RecordsQuery};

/// Maximum difference of the clocks. If they differ more, the API and the exporter mean different windows.
const MAX_CLOCK_DIFFERENCE_MILLIS: i64 = 5 * 60 * 1000;
/// Maximum age of an answer from a cache. An older one has another window, too.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The surroundings of a read.
pub trait ReadContext: Sync {
    /// Calls `read` with the known records.
    fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T;

    /// Notes the number of rows read, and the API's count of all rows if it gave one.
    fn note_progress(&self, rows: u64, total: Option<u64>);

    /// Returns whether a request that the API refused because of too many is to be sent again.
    fn waits_for(&self, error: &ApiError) -> bool;

    /// Returns whether to stop the read before it is complete.
    fn stops(&self, read: &ExtentReader) -> bool;
}

/// Parameters that all requests of a read have in common.
#[derive(Clone, Copy)]
pub struct ExtentRequests<'a, C> {
    /// Client of the project.
    pub client: &'a Client,
    /// Clock of this machine.
    pub clock: &'a dyn Clock,
    /// Conditions that are sent to the API.
    pub filter: &'a RecordsFilter,
    /// True if the names in the filter must not appear in errors and logs.
    pub hides_names: bool,
    /// The surroundings of the read.
    pub context: &'a C,
}

/// Page sizes of a read: that of its first page, and that of the others.
#[derive(Debug, Clone, Copy)]
pub struct Sizings {
    /// Treatment of the page size in the first request.
    pub first: PageSizing,
    /// The same in all others.
    pub others: PageSizing,
}

/// A read that ended.
pub struct ReadEnd {
    /// The pages that were read.
    pub reader: ExtentReader,
    /// True if everything was read, false if the read was stopped.
    pub is_complete: bool,
}

/// A read that broke off.
pub struct BrokenRead {
    /// The pages that were read.
    pub reader: ExtentReader,
    /// Error of the request that failed.
    pub error: ReadError,
}

impl<C: ReadContext> ExtentRequests<'_, C> {
    /// Reads until everything is read or the context stops the read.
    ///
    /// # Errors
    ///
    /// [`BrokenRead`] with what was read before.
    pub async fn read(
        &self,
        reader: ExtentReader,
        sizings: Sizings,
    ) -> Result<ReadEnd, Box<BrokenRead>> {
        let read = Mutex::new(reader);
        let mut sizing = sizings.first;
        let mut under_way = FuturesUnordered::new();
        loop {
            // Twice as many pages as requests, so that a request starts while an answer is parsed.
            while under_way.len() < 2 * self.client.max_concurrent_requests() {
                match read.lock().next_page() {
                    Next::Request(request) => {
                        under_way.push(self.page(&read, request, sizing));
                        sizing = sizings.others;
                    }
                    Next::Wait | Next::Done => break,
                }
            }
            match under_way.next().await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    drop(under_way);
                    return Err(Box::new(BrokenRead { reader: read.into_inner(), error }));
                }
                None => break,
            }
            if self.context.stops(&read.lock()) {
                drop(under_way);
                return Ok(ReadEnd { reader: read.into_inner(), is_complete: false });
            }
        }
        drop(under_way);
        Ok(ReadEnd { reader: read.into_inner(), is_complete: true })
    }

    /// Requests the API's count of the records that start at `from` or later, with one of them. Requests
    /// it a second time if the API refuses it, because one refusal may have been about something else.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the request fails, or if its answer is too old.
    pub async fn count(&self, from: Timestamp) -> Result<Listed, ReadError> {
        let query = self.query(from, 0, 1);
        let failed =
            |failure: ReadFailure| ReadError::at(self.client.records_path(&query), failure);
        let mut answer = self.list_records(&query, PageSizing::Fixed).await;
        if answer.as_ref().is_err_and(ApiError::refuses_request) {
            answer = self.list_records(&query, PageSizing::Fixed).await;
        }
        let listed = answer.map_err(|error| failed(error.into()))?;
        check_time(&listed).map_err(failed)?;
        Ok(listed)
    }

    /// Returns the error of a read from `start` on whose answers prove nothing.
    pub fn failed_from(&self, start: Timestamp, error: SyncError) -> ReadError {
        let query = self.query(start, 0, self.client.page_size());
        ReadError::at(self.client.records_path(&query), error)
    }

    fn query(&self, start: Timestamp, offset: u64, limit: u32) -> RecordsQuery {
        RecordsQuery::ascending(start, offset, limit, self.filter.clone())
            .hiding_names(self.hides_names)
    }

    /// Requests a page. If the API refuses it because of too many requests, the client waits for the end
    /// of the pause before the next attempt.
    async fn list_records(
        &self,
        query: &RecordsQuery,
        sizing: PageSizing,
    ) -> Result<Listed, ApiError> {
        loop {
            let result = self.client.list_records(query, sizing).await;
            let is_throttled = |error: &ApiError| error.is_throttled();
            if !result.as_ref().is_err_and(|e| is_throttled(e) && self.context.waits_for(e)) {
                return result;
            }
        }
    }

    async fn page(
        &self,
        read: &Mutex<ExtentReader>,
        mut request: PageRequest,
        sizing: PageSizing,
    ) -> Result<(), ReadError> {
        let query = self.query(request.start_time, request.offset, request.limit);
        let failed =
            |failure: ReadFailure| ReadError::at(self.client.records_path(&query), failure);
        let listed =
            self.list_records(&query, sizing).await.map_err(|error| failed(error.into()))?;
        check_time(&listed).map_err(failed)?;
        // The client may have requested a smaller page, or a larger one to test the page size.
        request.limit = listed.requested;
        let answered = Timestamp::from_millis(self.clock.now_millis());
        let mut read = read.lock();
        read.note_answer(answered, listed.clock_ahead_millis);
        let limit = read.limit();
        let page = listed.page.page();
        let taken = self.context.with_ledger(|ledger| read.take(&request, page, ledger));
        if read.limit() < limit {
            self.client.limit_page_size(read.limit());
        }
        let (rows, total) = read.progress();
        self.context.note_progress(rows, total);
        read.limit_pages(self.client.page_size());
        taken.map_err(|error| failed(error.into()))
    }
}

/// Fails if the API's clock differs too much from this machine's, or if a cache returned an old answer.
///
/// # Errors
///
/// [`ReadFailure::Clock`] or [`ReadFailure::Cached`].
pub fn check_time(listed: &Listed) -> Result<(), ReadFailure> {
    if let Some(age) = listed.age.filter(|age| *age > MAX_AGE) {
        return Err(ReadFailure::Cached { age });
    }
    match listed.clock_ahead_millis {
        Some(ahead_millis) if ahead_millis.abs() > MAX_CLOCK_DIFFERENCE_MILLIS => {
            Err(ReadFailure::Clock { ahead_millis })
        }
        _ => Ok(()),
    }
}

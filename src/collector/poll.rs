//! One poll: the whole window, or what can have changed in it, or an error.

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::future::{join, try_join_all};
use futures_util::stream::FuturesUnordered;
use http::StatusCode;

use tokio::time::Instant;

use super::books::Books;
use super::error::{PollError, Reason};
use super::progress::Progress;
use crate::api::{ApiError, Client, RecordsFilter, RecordsQuery};
use crate::record::{Status, Timestamp};
use crate::store::Draft;
use crate::sync::{
    Extent, Next, PageRequest, Plan, ReadSummary, SyncError, WindowRead, flights_left,
};

/// Beyond this difference of clocks a window means something else to each side.
const LARGEST_CLOCK_DIFFERENCE_MILLIS: i64 = 5 * 60 * 1000;

/// What a complete poll read.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) draft: Draft,
    pub(super) summary: ReadSummary,
    /// What it had asked for.
    pub(super) plan: Plan,
    /// The API's count of the window, if it was asked for.
    pub(super) total: Option<u64>,
    /// The status filter turned out not to work.
    pub(super) filter_fails: bool,
}

/// Who asks, and about what.
pub(super) struct Asking<'a> {
    pub(super) project: &'a str,
    pub(super) progress: &'a Mutex<Progress>,
    pub(super) client: &'a Client,
    pub(super) books: &'a Mutex<Books>,
    pub(super) filter: &'a RecordsFilter,
    /// Lower edge of the window, in whole seconds.
    pub(super) window_start: Timestamp,
    pub(super) now: Timestamp,
}

impl Asking<'_> {
    /// Polls. Nothing is committed.
    pub(super) async fn poll(&self) -> Result<Polled, PollError> {
        let plan = {
            let mut books = locked(self.books);
            let moments = (self.window_start, self.now);
            books.plan(moments, self.client.page_size(), self.filter.status.is_some())
        };
        match plan.clone() {
            Plan::Everything => {
                let (draft, summary) = self.read(Extent::since(self.window_start), false).await?;
                let total = summary.reported;
                Ok(Polled { draft, summary, plan, total, filter_fails: false })
            }
            Plan::Changes { news, lists, counts, slice } => {
                self.changes(plan, news, lists, counts, slice).await
            }
        }
    }

    async fn changes(
        &self,
        plan: Plan,
        news: Timestamp,
        lists: Vec<Status>,
        counts: bool,
        slice: Option<(Timestamp, Timestamp)>,
    ) -> Result<Polled, PollError> {
        let trusts = locked(self.books).tactics.trusts_counts();
        let slice = slice.map(|(from, until)| Extent { from, until: Some(until), status: None });
        let extents = std::iter::once(Extent::since(news)).chain(slice);
        // First, since they find out anew which pages are granted: a list that is refused for its
        // pages would look like one that is refused for its status.
        let extents = try_join_all(extents.map(|extent| self.read(extent, trusts))).await?;
        let lists = try_join_all(lists.into_iter().map(|status| self.list(status, trusts)));
        let total = async { if counts { self.count().await } else { Ok(None) } };
        let (lists, total) = join(lists, total).await;
        let (mut extents, lists, total) = (extents.into_iter(), lists?, total?);
        let (mut draft, mut summary) = extents.next().expect("what is new was asked for");
        let mut filter_fails = false;
        for list in lists {
            match list {
                Some(rows) => draft.merge(rows),
                None => filter_fails = true,
            }
        }
        for (rows, other) in extents {
            draft.merge(rows);
            summary.merge(other);
        }
        // What left the lists, or was never in them, is read where it lies.
        let left = {
            let books = locked(self.books);
            flights_left(&books.store, &draft, self.window_start, self.client.page_size())
        };
        for (rows, other) in try_join_all(left.into_iter().map(|e| self.read(e, trusts))).await? {
            draft.merge(rows);
            summary.merge(other);
        }
        summary.window_start = self.window_start;
        summary.reported = total;
        Ok(Polled { draft, summary, plan, total, filter_fails })
    }

    /// Lists what is in a status, anywhere in the window; `None` where the filter is refused or
    /// ignored.
    async fn list(&self, status: Status, trusts_counts: bool) -> Result<Option<Draft>, PollError> {
        let extent = Extent { from: self.window_start, until: None, status: Some(status) };
        match self.read(extent, trusts_counts).await {
            Ok((_, summary)) if summary.unfiltered > 0 => Ok(None),
            Ok((draft, _)) => Ok(Some(draft)),
            Err(PollError {
                reason: Reason::Api(ApiError::Refused { status: StatusCode::BAD_REQUEST, .. }),
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks how many records the window has.
    async fn count(&self) -> Result<Option<u64>, PollError> {
        let query = RecordsQuery::ascending(self.window_start, 0, 1, self.filter.clone());
        let failed = |reason: Reason| PollError::at(self.client.records_path(&query), reason);
        let counted = self.client.list_records(&query, false, |page| page.total_count).await;
        let counted = counted.map_err(|error| failed(error.into()))?;
        check_clock(counted.clock_ahead_millis).map_err(failed)?;
        Ok(counted.value)
    }

    /// Reads an extent to its end.
    async fn read(
        &self,
        extent: Extent,
        trusts_counts: bool,
    ) -> Result<(Draft, ReadSummary), PollError> {
        let limits = (self.client.page_size(), trusts_counts);
        let status = extent.status.or(self.filter.status);
        let filter = RecordsFilter { status, ..self.filter.clone() };
        let (from, is_whole) = (extent.from, extent.status.is_none());
        let read = WindowRead::new(extent, self.now, limits, self.filter.clone())
            .keeping_from(self.window_start);
        let read = Mutex::new(read);
        let mut under_way = FuturesUnordered::new();
        loop {
            // Twice as many cursors as requests: while one reads its answer another one asks.
            while under_way.len() < 2 * self.client.max_concurrent_requests() {
                match locked(&read).next_page() {
                    Next::Ask(request) => {
                        under_way.push(self.page(&read, &filter, request, is_whole));
                    }
                    Next::Wait | Next::Done => break,
                }
            }
            match under_way.next().await {
                Some(answered) => answered?,
                None => break,
            }
        }
        drop(under_way);
        let read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.client.limit_page_size(read.limit());
        let everything = RecordsQuery::ascending(from, 0, self.client.page_size(), filter);
        read.finish().map_err(|error| PollError::at(self.client.records_path(&everything), error))
    }

    async fn page(
        &self,
        read: &Mutex<WindowRead>,
        filter: &RecordsFilter,
        request: PageRequest,
        shrinks: bool,
    ) -> Result<(), PollError> {
        let PageRequest { start_time, offset, limit, .. } = request;
        let query = RecordsQuery::ascending(start_time, offset, limit, filter.clone());
        let failed = |reason: Reason| PollError::at(self.client.records_path(&query), reason);
        let listed = self
            .client
            .list_records(&query, shrinks, |page| -> Result<(), SyncError> {
                locked(read).take(&request, &page, &mut locked(self.books).store)
            })
            .await
            .map_err(|error| failed(error.into()))?;
        check_clock(listed.clock_ahead_millis).map_err(failed)?;
        let mut read = locked(read);
        locked(self.progress).note(self.project, read.progress(), Instant::now());
        read.note_clock(listed.clock_ahead_millis.unwrap_or(0));
        // A smaller page may have been granted for this request than the walk had asked for.
        read.limit_pages(self.client.page_size());
        listed.value.map_err(|error| failed(error.into()))
    }
}

/// Refuses an answer of another time.
pub(super) fn check_clock(ahead_millis: Option<i64>) -> Result<(), Reason> {
    match ahead_millis {
        Some(ahead_millis) if ahead_millis.abs() > LARGEST_CLOCK_DIFFERENCE_MILLIS => {
            Err(Reason::Clock { ahead_millis })
        }
        _ => Ok(()),
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A draft is thrown away with its poll, and the books change only by a whole commit, so neither
    // is left half-written by a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

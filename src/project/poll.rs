//! One poll: the whole window, or what can have changed in it, or an error.

mod first_sync;
mod pool_names;
mod probe;
mod reader;

use futures_util::future::{join, try_join_all};

use super::books::Polled;
use super::error::PollError;
use crate::ledger::{ApiCounts, Counted, Staging};
use crate::sync::{
    CountBisection, CountTaken, Extent, Plan, PollContext, ReadSummary, flights_left,
};
use records_api::RecordsQuery;
use records_api::record::{Status, Timestamp};

pub(super) use pool_names::PoolNames;
pub use probe::Found;
pub(super) use probe::probe;
pub(super) use reader::PollReader;

impl PollReader<'_> {
    /// Polls. Nothing is committed but parts of a first sync.
    pub(super) async fn poll(&self) -> Result<Polled, PollError> {
        let identity = self.client.identity(self.filter);
        let (plan, is_first) = {
            let mut books = self.books.lock();
            let plan = books.plan(&PollContext {
                window_start: self.window_start,
                now: self.now,
                page: self.client.page_size(),
                filters_status: self.filter.status.is_some(),
                identity: &identity,
            });
            (plan, books.ledger().last_poll().is_none())
        };
        let polled = match plan.clone() {
            Plan::Everything if is_first => self.first_sync(&identity).await?,
            Plan::Everything => {
                // Everything is read to see whether counts are right.
                let known = self.books.lock().planner.known();
                let known = ApiCounts { trusts_counts: false, ..known };
                let (staging, summary) = self.read(Extent::since(self.window_start), known).await?;
                Polled::everything(staging, summary, self.now)
            }
            Plan::Changes { news, lists, counts, slices } => {
                self.changes(plan, news, lists, counts, slices).await?
            }
        };
        if let Err(error) = self.check_rejections(&polled) {
            // The parts of a first sync were rejected with the rest. If they cannot be discarded now,
            // the next poll ends here again.
            let _ = self.discard_parts().await;
            return Err(error);
        }
        Ok(polled)
    }

    /// Fails if too many rows could not be understood, of those that were read or are known.
    fn check_rejections(&self, polled: &Polled) -> Result<(), PollError> {
        let known = match polled.plan {
            Plan::Everything => 0,
            Plan::Changes { .. } => self.books.lock().ledger().shown_since(self.window_start),
        };
        let (page, filter) = (self.client.page_size(), self.filter.clone());
        let everything = RecordsQuery::ascending(self.window_start, 0, page, filter);
        let failed = |error| PollError::at(self.client.records_path(&everything), error);
        polled.summary.check_rejections(known).map_err(failed)
    }

    async fn changes(
        &self,
        plan: Plan,
        news: Timestamp,
        lists: Vec<Status>,
        counts: Vec<Counted>,
        slices: Vec<(Timestamp, Timestamp)>,
    ) -> Result<Polled, PollError> {
        let known = self.books.lock().planner.known();
        let slices = slices.into_iter();
        let slices = slices.map(|(from, until)| Extent { from, until: Some(until), status: None });
        let extents = std::iter::once(Extent::since(news)).chain(slices);
        // First, since they find out anew which pages are granted: a list that is refused for its
        // pages would look like one that is refused for its status.
        let mut extents = self.read_all(extents.collect(), known).await?.into_iter();
        let (mut staging, mut summary) = extents.next().expect("what is new was asked for");
        for (rows, other) in extents {
            staging.merge(rows);
            summary.merge(other);
        }
        let totals = try_join_all(counts.iter().map(|of| self.count(*of, self.window_start)));
        let flights = self.flights(&mut staging, &mut summary, lists, known);
        let (filter_fails, totals) = join(flights, totals).await;
        let (filter_fails, totals) = (filter_fails?, totals?);
        let mut taken = Vec::new();
        for (counted, total) in counts.into_iter().zip(totals) {
            let mut search = None;
            if let Some(total) = total {
                search = self.search((counted, total), news, &staging).await?;
            }
            if let Some(search) = &mut search {
                let extents = search.extents(self.books.lock().ledger());
                for (rows, other) in self.read_all(extents, known).await? {
                    staging.merge(rows);
                    summary.merge(other);
                }
            }
            taken.push(CountTaken { counted, total, search });
        }
        summary.window_start = self.window_start;
        let window = taken.iter().find(|taken| taken.counted == Counted::All);
        summary.reported = window.and_then(|taken| taken.total);
        Ok(Polled { staging, summary, plan, since: self.now, counts: taken, filter_fails })
    }

    /// Reads what is in flight, beside what `staging` has read. Returns whether the status filter
    /// fails.
    pub(super) async fn flights(
        &self,
        staging: &mut Staging,
        summary: &mut ReadSummary,
        lists: Vec<Status>,
        known: ApiCounts,
    ) -> Result<bool, PollError> {
        let mut filter_fails = false;
        let lists = lists.into_iter().map(|status| self.list(status, known));
        for (rows, filter_works) in try_join_all(lists).await? {
            staging.merge(rows);
            filter_fails |= !filter_works;
        }
        // What left the lists, or was never in them, is read where it lies.
        let left = {
            let books = self.books.lock();
            flights_left(books.ledger(), staging, self.window_start, self.client.page_size())
        };
        for (rows, other) in self.read_all(left, known).await? {
            staging.merge(rows);
            summary.merge(other);
        }
        Ok(filter_fails)
    }

    /// Finds where a count differs from what is known and read, if it is time to.
    async fn search(
        &self,
        count: (Counted, u64),
        news: Timestamp,
        staging: &Staging,
    ) -> Result<Option<CountBisection>, PollError> {
        let search = {
            let books = self.books.lock();
            let (edges, page) = ((self.window_start, news), self.client.page_size());
            books.planner.search((books.ledger(), staging), count, edges, page)
        };
        let Some(mut search) = search else { return Ok(None) };
        loop {
            let moments = search.questions(self.books.lock().ledger());
            if moments.is_empty() {
                return Ok(Some(search));
            }
            let counts = moments.iter().map(|moment| self.count(count.0, *moment));
            let counts: Option<Vec<_>> = try_join_all(counts).await?.into_iter().collect();
            // Where there is no count any more there is nothing to go by.
            let Some(counts) = counts else { return Ok(None) };
            search.take(moments.into_iter().zip(counts));
        }
    }
}

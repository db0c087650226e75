//! Reads what one poll needs: the whole window, or the part of it that may have changed.

mod api_check;
mod first_sync;
mod pool_names;
mod reader;

use futures_util::future::{join, try_join_all};

use super::error::PollError;
use super::state::Polled;
use crate::ledger::{ApiCounts, Counted, Staging};
use crate::sync::{
    BisectionContext, CountBisection, CountTaken, Extent, Plan, PollContext, ReadSummary,
    SyncError, unsettled_extents,
};
use records_api::RecordsQuery;
use records_api::record::{Status, TimeRange, Timestamp};

pub use api_check::ApiCheck;
pub(super) use api_check::check_api;
pub(super) use pool_names::PoolNames;
pub(super) use reader::PollReader;

/// Maximum number of searches for the difference of one count.
const MAX_SEARCHES: usize = 3;

impl PollReader<'_> {
    /// Reads everything that a poll needs. Commits nothing except parts of a first sync.
    pub(super) async fn poll(&self) -> Result<Polled, PollError> {
        let identity = self.client.identity(self.filter);
        let (plan, is_first) = {
            let mut state = self.state.lock();
            let plan = state.plan(&PollContext {
                window_start: self.window_start,
                now: self.now,
                page_size: self.client.page_size(),
                filters_status: self.filter.status.is_some(),
                identity: &identity,
            });
            (plan, state.ledger().last_poll().is_none())
        };
        let polled = match plan.clone() {
            // Boxed, because the future is large.
            Plan::Everything if is_first => Box::pin(self.first_sync(&identity)).await?,
            Plan::Everything => {
                // This reading finds out whether the API's counts are right, so it must not rely on them.
                let known = self.state.lock().planner.api_counts();
                let known = ApiCounts { trusts_counts: false, ..known };
                let (staging, summary) = self.read(Extent::since(self.window_start), known).await?;
                Polled::everything(staging, summary, self.now)
            }
            Plan::Changes { new_since, lists, counts, slices } => {
                self.changes(plan, new_since, lists, counts, slices).await?
            }
        };
        if let Err(error) = self.check_rejections(&polled) {
            // The rejected rows include those of earlier parts of a first sync. If the parts were kept,
            // every later poll would fail here. If discarding them fails, the next poll tries again.
            let _ = self.discard_parts().await;
            return Err(error);
        }
        self.check_size(&polled.staging)?;
        Ok(polled)
    }

    /// Fails if the project would hold too many records after a commit.
    pub(super) fn check_size(&self, staging: &Staging) -> Result<(), PollError> {
        let records = self.state.lock().ledger().len_after(staging, self.window_start);
        if records > self.max_records {
            return Err(SyncError::TooMany { limit: self.max_records }.into());
        }
        Ok(())
    }

    /// Fails if too many of the rows could not be understood. A poll that reads only changes is compared
    /// with the known records, because a few rejected rows would be a large share of what it read.
    fn check_rejections(&self, polled: &Polled) -> Result<(), PollError> {
        let known = match polled.plan {
            Plan::Everything => 0,
            Plan::Changes { .. } => self.state.lock().ledger().shown_since(self.window_start),
        };
        let (page, filter) = (self.client.page_size(), self.filter.clone());
        let everything = RecordsQuery::ascending(self.window_start, 0, page, filter)
            .hiding_names(self.hides_names);
        let failed = |error| PollError::at(self.client.records_path(&everything), error);
        polled.summary.check_rejections(known).map_err(failed)
    }

    /// Reads what may have changed since the last poll.
    async fn changes(
        &self,
        plan: Plan,
        new_since: Timestamp,
        lists: Vec<Status>,
        counts: Vec<Counted>,
        slices: Vec<TimeRange>,
    ) -> Result<Polled, PollError> {
        let known = self.state.lock().planner.api_counts();
        let slices = slices.into_iter().map(Extent::all);
        let extents = std::iter::once(Extent::since(new_since)).chain(slices);
        // Ranges are read before the lists by status, because they find out which page size the API
        // grants. A list that is refused for its page size would look like one refused for its status.
        let mut extents = self.read_all(extents.collect(), known).await?.into_iter();
        let (mut staging, mut summary) =
            extents.next().expect("the range of new records was requested");
        for (rows, other) in extents {
            staging.merge(rows);
            summary.merge(other);
        }
        let totals = try_join_all(counts.iter().map(|of| self.count(*of, self.window_start)));
        let read_in_flight = self.read_in_flight(&mut staging, &mut summary, lists, known);
        let (filter_works, totals) = join(read_in_flight, totals).await;
        let (filter_works, totals) = (filter_works?, totals?);
        let mut taken = Vec::new();
        // The window comes last: what another search reads may uncover a difference of the window that
        // another one had cancelled out.
        for (counted, total) in counts.into_iter().zip(totals).rev() {
            let bisection = match total {
                Some(total) => {
                    self.search(counted, total, new_since, known, &mut staging, &mut summary)
                        .await?
                }
                None => None,
            };
            taken.push(CountTaken { counted, total, bisection });
        }
        summary.window_start = self.window_start;
        let window = taken.iter().find(|taken| taken.counted == Counted::All);
        summary.reported = window.and_then(|taken| taken.total);
        Ok(Polled { staging, summary, plan, since: self.now, counts: taken, filter_works })
    }

    /// Reads the records in flight that `staging` does not hold yet. Returns false if the API refuses or
    /// ignores the status filter, `None` if it was not used.
    pub(super) async fn read_in_flight(
        &self,
        staging: &mut Staging,
        summary: &mut ReadSummary,
        lists: Vec<Status>,
        known: ApiCounts,
    ) -> Result<Option<bool>, PollError> {
        let mut filter_works = (!lists.is_empty()).then_some(true);
        let mut take = |list: Option<(Staging, bool)>| match list {
            Some((rows, is_filtered)) => {
                staging.merge(rows);
                filter_works = filter_works.map(|works| works && is_filtered);
                true
            }
            None => false,
        };
        let answers = try_join_all(lists.iter().map(|status| self.list(*status, known))).await?;
        let mut refused = Vec::new();
        for (status, list) in lists.into_iter().zip(answers) {
            if !take(list) {
                refused.push(status);
            }
        }
        // One refusal may have been about something else, so it is confirmed.
        for status in refused {
            if !take(self.list(status, known).await?) {
                filter_works = Some(false);
                break;
            }
        }
        // Records that left the lists, or never were in them, are read by their start. Without this, the
        // end of a recording would show only after the reconcile interval.
        let left = {
            let state = self.state.lock();
            unsettled_extents(state.ledger(), staging, self.window_start, self.client.page_size())
        };
        for (rows, other) in self.read_all(left, known).await? {
            staging.merge(rows);
            summary.merge(other);
        }
        Ok(filter_works)
    }

    /// Locates the difference between a count and the known records, and reads the ranges that differ.
    /// Differences that had cancelled each other out show only then, so the search is repeated as long as
    /// it finds something new.
    async fn search(
        &self,
        counted: Counted,
        total: u64,
        new_since: Timestamp,
        known: ApiCounts,
        staging: &mut Staging,
        summary: &mut ReadSummary,
    ) -> Result<Option<CountBisection>, PollError> {
        let mut last: Option<CountBisection> = None;
        for _ in 0..MAX_SEARCHES {
            let Some(mut bisection) = self.bisect(counted, total, new_since, staging).await? else {
                break;
            };
            let extents = bisection.extents(self.state.lock().ledger());
            let is_repetition = last.as_ref().is_some_and(|last| last.found_the_same(&bisection));
            last = Some(bisection);
            if extents.is_empty() || is_repetition {
                break;
            }
            for (rows, other) in self.read_all(extents, known).await? {
                staging.merge(rows);
                summary.merge(other);
            }
        }
        Ok(last)
    }

    /// Locates the difference between a count and the known records, if the planner wants to know.
    async fn bisect(
        &self,
        counted: Counted,
        total: u64,
        new_since: Timestamp,
        staging: &Staging,
    ) -> Result<Option<CountBisection>, PollError> {
        let bisection = {
            let state = self.state.lock();
            let range = TimeRange::new(self.window_start, new_since);
            let (ledger, page_size) = (state.ledger(), self.client.page_size());
            let context = BisectionContext { ledger, staging, range, page_size };
            state.planner.start_bisection(&context, counted, total)
        };
        let Some(mut bisection) = bisection else { return Ok(None) };
        loop {
            let bounds = bisection.next_bounds(self.state.lock().ledger());
            if bounds.is_empty() {
                return Ok(Some(bisection));
            }
            let counts = bounds.iter().map(|bound| self.count(counted, *bound));
            let counts: Option<Vec<_>> = try_join_all(counts).await?.into_iter().collect();
            // The API stopped counting, so the difference cannot be located.
            let Some(counts) = counts else { return Ok(None) };
            bisection.take(bounds.into_iter().zip(counts));
        }
    }
}

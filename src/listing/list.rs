//! A listing: reads parts side by side, and returns them in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::error::{ReadError, ReadFailure};
use super::options::ListingOptions;
use super::part::{PartOutcome, PartRead, Shared};
use super::plan::{Plan, Task};
use crate::sync::{KeptRows, LATE_ARRIVAL_MILLIS, ReadSummary};
use records_api::record::{Record, RejectionReason, Timestamp};

/// A list of all records that start in a range, by start and then by id, each exactly once.
///
/// Memory does not grow with the range, except for records that start in the same second, and for an
/// API that ignores the parameter `start_time`, whose list is read at once.
pub struct Listing {
    shared: Arc<Shared>,
    plan: Plan,
    tasks: FuturesUnordered<BoxFuture<'static, Answer>>,
    max_tasks: usize,
    /// Number of rows returned, and of rejected ones.
    summary: ReadSummary,
}

/// The next records of a listing.
#[derive(Debug)]
pub struct Part {
    rows: KeptRows,
    /// Number of rejected rows, by reason.
    pub rejected: BTreeMap<RejectionReason, u64>,
}

enum Answer {
    Count(Timestamp, Result<Option<u64>, ReadError>),
    Read(u64, Result<PartOutcome, ReadError>),
}

/// Number of parts that wait in memory until those before them are complete.
const WAITING_PARTS: usize = 1;

impl Listing {
    /// Starts a listing. It sends no request before [`Self::next_part`].
    pub fn new(options: ListingOptions) -> Self {
        let max_tasks = options.client.max_concurrent_requests() + 1;
        // Half a page or more in the first answers means that there is more to come.
        let first_rows = (options.client.page_size() / 2).max(1) as usize;
        let shared = Arc::new(Shared::new(options));
        let quiet_until = shared.begun.plus_millis(-LATE_ARRIVAL_MILLIS).floor_to_second();
        let range = shared.options.range;
        Self {
            plan: Plan::new(range, quiet_until, max_tasks + WAITING_PARTS, first_rows),
            shared,
            tasks: FuturesUnordered::new(),
            max_tasks,
            summary: ReadSummary::default(),
        }
    }

    /// Returns the next records; `None` after the last ones.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the list cannot be completed, or if more than 10 rows and more than 1% were
    /// rejected.
    pub async fn next_part(&mut self) -> Result<Option<Part>, ReadError> {
        loop {
            if let Some(part) = self.plan.pop().map_err(|error| self.shared.failed(error))? {
                return Ok(Some(self.returned(part)));
            }
            if self.plan.is_done() {
                if self.summary.rows == 0 {
                    self.shared.check_empty().await?;
                }
                let checked = self.summary.check_rejections(0);
                return checked.map(|()| None).map_err(|error| self.shared.failed(error));
            }
            while self.tasks.len() < self.max_tasks
                && let Some(task) = self.plan.next_task()
            {
                self.start(task);
            }
            match self.tasks.next().await {
                Some(Answer::Count(edge, count)) => self.plan.take_count(edge, count?),
                Some(Answer::Read(slot, read)) => self.take(slot, read)?,
                None => unreachable!("a part that is not read has a request"),
            }
        }
    }

    /// Returns the start up to which all records were returned.
    pub fn position(&self) -> Timestamp {
        self.plan.returned.end.unwrap_or(self.plan.returned.start)
    }

    /// Returns the number of rows returned, and the number of rejected ones by reason.
    pub fn summary(&self) -> (u64, &BTreeMap<RejectionReason, u64>) {
        (self.summary.rows, &self.summary.rejected)
    }

    fn start(&self, task: Task) {
        let shared = self.shared.clone();
        self.tasks.push(match task {
            Task::Count(edge) => {
                Box::pin(async move { Answer::Count(edge, shared.count(edge).await) })
            }
            Task::Read { slot, range, max_rows } => {
                let is_open = !range.ends_by(self.plan.quiet_until);
                Box::pin(
                    async move { Answer::Read(slot, shared.read(range, max_rows, is_open).await) },
                )
            }
        });
    }

    fn take(&mut self, slot: u64, read: Result<PartOutcome, ReadError>) -> Result<(), ReadError> {
        match read {
            Ok(PartOutcome::Read(read)) => self.plan.take_read(slot, read),
            Ok(PartOutcome::IgnoresBound) => {
                self.tasks.clear();
                self.plan.read_whole(self.shared.options.range.end);
            }
            Err(ReadError { failure: ReadFailure::Sync(error), .. })
                if self.plan.retries(slot, &error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn returned(&mut self, PartRead { rows, rejected, .. }: PartRead) -> Part {
        self.summary.rows += rows.len() as u64 + rejected.values().sum::<u64>();
        for (reason, number) in &rejected {
            *self.summary.rejected.entry(*reason).or_default() += number;
        }
        Part { rows, rejected }
    }
}

impl Part {
    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether the part is empty.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the records, by start and then by id.
    pub fn into_records(self) -> impl ExactSizeIterator<Item = Record<'static>> {
        self.rows.into_records()
    }
}

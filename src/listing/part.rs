//! Reads one part of a listing.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::error::ReadError;
use super::options::ListingOptions;
use super::pauses::Pauses;
use super::requests::{ExtentRequests, ReadContext, ReadEnd, Sizings};
use crate::ledger::{ApiCounts, Ledger};
use crate::sync::{Extent, ExtentReader, KeptRows, ReadSummary, RowsPrefix, SyncError};
use records_api::record::{RejectionReason, TimeRange, Timestamp};
use records_api::{ApiError, PageSizing};

/// The records of one part.
#[derive(Debug)]
pub(super) struct PartRead {
    pub(super) rows: KeptRows,
    pub(super) rejected: BTreeMap<RejectionReason, u64>,
    /// End of what was read, if the read was stopped.
    pub(super) until: Option<Timestamp>,
    /// Number of records after that, if the API counts them; at least as many as the part has.
    pub(super) counted_rest: Option<u64>,
    /// First listed start at the beginning of the part or later.
    first: Option<Timestamp>,
    /// First listed start at the end of the part or later.
    beyond: Option<Timestamp>,
}

impl PartRead {
    /// True if the API listed nothing at all.
    pub(super) fn is_empty_list(&self) -> bool {
        self.rows.is_empty() && self.first.is_none() && self.beyond.is_none()
    }

    /// True if the next part follows without a gap: the first record that this one saw after its end is
    /// also the first one of the next part. Otherwise the API withheld records from one of them. Records
    /// that begin meanwhile, not before `quiet_until`, may be in one of the two lists only.
    pub(super) fn meets(&self, next: &Self, quiet_until: Timestamp) -> bool {
        let is_quiet = |start: &Timestamp| *start < quiet_until;
        match (self.beyond.filter(is_quiet), next.first.filter(is_quiet)) {
            (None, None) => true,
            (Some(seen), Some(first)) => first <= seen,
            _ => false,
        }
    }

    /// Returns the error of two parts that do not meet.
    pub(super) fn apart(&self, next: &Self) -> SyncError {
        let ended = self.first.unwrap_or_default();
        match (self.beyond, next.first) {
            (None, Some(first)) => SyncError::Apart { ended, first },
            (seen, _) => SyncError::Moving { near: seen.unwrap_or(ended) },
        }
    }
}

/// The outcome of the read of a part.
#[derive(Debug)]
pub(super) enum PartOutcome {
    Read(PartRead),
    /// The API ignores the lower bound.
    IgnoresBound,
}

/// The state that all reads of a listing share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ListingOptions,
    /// Time at which the listing began.
    pub(super) begun: Timestamp,
    /// Nothing is known before.
    ledger: Ledger,
    pauses: Mutex<Pauses>,
}

/// One read.
struct PartContext<'a> {
    shared: &'a Shared,
    max_rows: Option<usize>,
}

impl ReadContext for PartContext<'_> {
    fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.shared.ledger)
    }

    fn note_progress(&self, _: u64, _: Option<u64>) {
        self.shared.pauses.lock().note_page();
    }

    fn waits_for(&self, error: &ApiError) -> bool {
        let waits = self.shared.pauses.lock().waits(Instant::now());
        if waits {
            tracing::info!(%error, "the list of records waits");
        }
        waits
    }

    fn stops(&self, read: &ExtentReader) -> bool {
        let Some(max_rows) = self.max_rows else { return false };
        read.ignores_bound() || read.kept_rows() >= max_rows && read.has_prefix()
    }
}

impl Shared {
    pub(super) fn new(options: ListingOptions) -> Self {
        let begun = Timestamp::from_millis(options.clock.now_millis());
        Self { options, begun, ledger: Ledger::default(), pauses: Mutex::default() }
    }

    fn requests<'a>(&'a self, context: &'a PartContext<'a>) -> ExtentRequests<'a, PartContext<'a>> {
        let ListingOptions { client, clock, filter, hides_names, .. } = &self.options;
        ExtentRequests { client, clock: &**clock, filter, hides_names: *hides_names, context }
    }

    /// Returns the API's count of the records that start at `from` or later; `None` if it gives none.
    pub(super) async fn count(&self, from: Timestamp) -> Result<Option<u64>, ReadError> {
        let context = PartContext { shared: self, max_rows: None };
        match self.requests(&context).count(from).await {
            Ok(listed) => Ok(listed.page.page().total_count),
            Err(error) if error.refuses_request() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Checks a list without records: nothing was listed, so the API must not count anything either.
    ///
    /// # Errors
    ///
    /// [`SyncError::Vanished`] if the API counts records in the range and lists none. A count that ignores
    /// the range is the same at both ends.
    pub(super) async fn check_empty(&self) -> Result<(), ReadError> {
        let context = PartContext { shared: self, max_rows: None };
        let requests = self.requests(&context);
        let TimeRange { start, end } = self.options.range;
        let listed = match requests.count(start).await {
            Ok(listed) => listed,
            Err(error) if error.refuses_request() => return Ok(()),
            Err(error) => return Err(error),
        };
        let page = listed.page.page();
        let Some(counted) = page.total_count.filter(|_| page.rows.is_empty()) else {
            return Ok(());
        };
        let later = match end {
            Some(end) if counted > 0 => self.count(end).await?.unwrap_or(counted),
            _ => 0,
        };
        match counted.checked_sub(later) {
            None | Some(0) => Ok(()),
            Some(total) => Err(self.failed(SyncError::Vanished { total })),
        }
    }

    /// Reads the records of a range. Stops after about `max_rows` of them; without it, reads everything,
    /// also from an API that ignores bounds. `is_open` is true for a range whose end may lie in the
    /// future.
    pub(super) async fn read(
        &self,
        range: TimeRange,
        max_rows: Option<usize>,
        is_open: bool,
    ) -> Result<PartOutcome, ReadError> {
        let (options, context) = (&self.options, PartContext { shared: self, max_rows });
        let requests = self.requests(&context);
        // An API that ignores bounds must be known to list everything since the start of the listing.
        let start = if max_rows.is_some() { range.start } else { options.range.start };
        let extent = TimeRange { start, end: range.end.filter(|_| !is_open) };
        let (limit, counts) = (options.client.page_size(), ApiCounts::default());
        let filter = options.filter.clone();
        let reader = ExtentReader::new(Extent::all(extent), self.begun, limit, counts, filter)
            .keeping_since(options.range.start)
            .keeping_rows(range)
            .with_one_cursor();
        let sizings = Sizings { first: PageSizing::Tested, others: PageSizing::Tested };
        let ReadEnd { reader, is_complete } =
            requests.read(reader, sizings).await.map_err(|broken| broken.error)?;
        if !is_complete && reader.ignores_bound() {
            return Ok(PartOutcome::IgnoresBound);
        }
        let counted = reader.progress().1;
        let read = if is_complete {
            let read = reader.finish_rows(&self.ledger);
            let (rows, summary) = read.map_err(|error| requests.failed_from(start, error))?;
            part_read(rows, summary)
        } else {
            let prefix = reader.into_rows_prefix().expect("a read stops only with a prefix");
            let RowsPrefix { rows, summary, until, beyond } = prefix;
            let counted_rest = counted.and_then(|counted| counted.checked_sub(rows.len() as u64));
            let (until, beyond) = (Some(until), Some(beyond));
            PartRead { until, counted_rest, beyond, ..part_read(rows, summary) }
        };
        Ok(PartOutcome::Read(read))
    }

    /// Returns the error of a listing whose answers prove nothing.
    pub(super) fn failed(&self, error: SyncError) -> ReadError {
        let context = PartContext { shared: self, max_rows: None };
        self.requests(&context).failed_from(self.options.range.start, error)
    }
}

fn part_read(rows: KeptRows, summary: ReadSummary) -> PartRead {
    let ReadSummary { rejected, first_start, first_start_beyond, .. } = summary;
    let (first, beyond) = (first_start, first_start_beyond);
    PartRead { rows, rejected, until: None, counted_rest: None, first, beyond }
}

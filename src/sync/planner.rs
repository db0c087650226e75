//! Decides what a poll requests: the whole window, or only what can have changed.
//!
//! After a read of the whole window, a poll requests new records, records in flight, a few counts,
//! and a slice of the window, so that every record is read again within the reconcile interval.
//! Each of these relies on a property of the API. Where the API lacks it, the next poll does
//! without, at worst by reading everything.

use super::extent::{CountMeaning, Extent, ReadSummary};
use super::read::LATE_ARRIVAL_MILLIS;
use super::recount::{BisectionContext, Count, CountBisection, CountTaken};
use super::retry::Retry;
use super::scrub::Scrub;
use crate::ledger::{ApiCounts, Counted, Ledger, PollFacts, Staging};
use records_api::record::{Status, TimeRange, Timestamp};

/// The statuses of records in flight, in the order in which they are listed.
const IN_FLIGHT: [Status; 3] = [Status::Recording, Status::RecCompleted, Status::Uploading];
/// Maximum difference of the clocks of the API and the exporter.
const MAX_CLOCK_DIFFERENCE_MILLIS: i64 = 300_000;
/// Largest page. A greater count cannot be the number of rows of one page.
const MAX_PAGE_SIZE: u64 = 1000;
/// A window of fewer pages is read whole: requesting the changes would cost as many requests.
const WHOLE_READ_PAGES: u64 = 3;
/// Maximum number of known rows that are read again with the new ones, if half a page is more.
/// Records that the API lists late appear among them.
const MAX_OVERLAP: u64 = 100;

/// Properties of the API as far as known, and when each part of the window was read.
#[derive(Debug, Clone)]
pub struct Planner {
    scrub: Scrub,
    /// Uses of the status filter.
    status_filter: Retry,
    /// Counts of the records and of the uploaded records in the window.
    counts: [Count; 2],
    /// Reliability of the API's counts.
    api_counts: ApiCounts,
    /// True if the next poll must read everything: nothing was read yet, or a poll met a
    /// contradiction.
    needs_full_read: bool,
    /// Start up to which the last poll read everything; `None` before the first poll of a process.
    read_to: Option<Timestamp>,
    /// True if the API ignores the lower bound. No part can be read alone then.
    ignores_bound: bool,
}

/// Requests of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The whole window.
    Everything,
    /// Only what can have changed.
    Changes {
        /// Start from which on all records are read, in whole seconds.
        new_since: Timestamp,
        /// Statuses to list over the whole window.
        lists: Vec<Status>,
        /// Counts to request.
        counts: Vec<Counted>,
        /// Ranges before `new_since` to read again.
        slices: Vec<TimeRange>,
    },
}

/// State of a poll at its beginning.
#[derive(Debug, Clone, Copy)]
pub struct PollContext<'a> {
    /// Lower edge of the window, in whole seconds.
    pub window_start: Timestamp,
    /// Begin of the poll.
    pub now: Timestamp,
    /// Rows per page.
    pub page_size: u32,
    /// True if the project is configured to read the records of one status only.
    pub filters_status: bool,
    /// Project, endpoint and filter (see [`PollFacts::identity`]).
    pub identity: &'a str,
}

/// Kind of request that polls rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Polls request only what can have changed.
    Incremental,
    /// Like `Incremental`, without the status filter.
    NoStatusFilter,
    /// Like `Incremental`, without counts.
    NoCounts,
    /// Every poll reads the whole window.
    FullWalk,
}

impl Planner {
    /// Creates the planner of a process that continues after the poll `last` of an earlier process.
    /// Without one, the first poll reads everything.
    pub fn new(reconcile_interval_millis: i64, last: Option<&PollFacts>) -> Self {
        let last = last.filter(|last| !last.parts.is_empty());
        let api_counts = last.map_or_else(ApiCounts::default, |last| last.counts);
        let mut counts = [Count::new(Counted::All), Count::new(Counted::Uploaded)];
        for count in &mut counts {
            count.reset(api_counts.has_counts);
        }
        Self {
            scrub: Scrub::new(reconcile_interval_millis, last),
            status_filter: Retry::default(),
            counts,
            api_counts,
            needs_full_read: last.is_none(),
            read_to: None,
            ignores_bound: false,
        }
    }

    /// Sets the interval within which each record is read again, in milliseconds.
    pub fn set_reconcile_interval(&mut self, interval_millis: i64) {
        self.scrub.interval_millis = interval_millis;
    }

    /// Returns the requests of a poll.
    pub fn plan(&mut self, ledger: &Ledger, poll: &PollContext<'_>) -> Plan {
        let PollContext { window_start, now, page_size, filters_status, identity } = *poll;
        let known = ledger.shown_since(window_start);
        let page_size = u64::from(page_size);
        // The ledger knows nothing of what lies before the last window, or of another project.
        // Requests for changes would not find it.
        let is_other = ledger
            .last_poll()
            .is_none_or(|last| window_start < last.window_start || identity != last.identity);
        let is_overdue = self.scrub.is_overdue(now, known / page_size);
        if self.needs_full_read
            || is_overdue
            || self.ignores_bound
            || is_other
            || known < WHOLE_READ_PAGES * page_size
        {
            return Plan::Everything;
        }
        let overlap = (page_size / 2).clamp(1, MAX_OVERLAP);
        let new_since = ledger.start_at(known.saturating_sub(overlap), window_start);
        // Records that started since the last poll are new even if known rows start in the future,
        // or if more rows than the overlap started at once.
        let begun = ledger.last_poll().map_or(window_start, |last| last.begun);
        // An earlier process may have stopped reading where the API's clock was, behind this one.
        let read_to = self.read_to.unwrap_or(begun.plus_millis(-MAX_CLOCK_DIFFERENCE_MILLIS));
        let lately = read_to.min(begun).plus_millis(-LATE_ARRIVAL_MILLIS).max(window_start);
        let new_since = new_since.unwrap_or(window_start).min(lately).floor_to_second();
        // A project that reads one status uses the filter for it. Without lists, uploaded records
        // are not counted either, since that needs the filter too.
        let lists = self.status_filter.is_due(now) && !filters_status;
        let counts = self.counts.iter().filter(|count| count.is_on(now));
        let counts = counts.map(|count| count.counted);
        Plan::Changes {
            new_since,
            lists: Self::lists(!lists),
            counts: counts.filter(|counted| lists || *counted == Counted::All).collect(),
            slices: self.scrub.slices(
                ledger,
                TimeRange::new(window_start, new_since),
                now,
                page_size,
            ),
        }
    }

    /// Returns the statuses to list. None if a status filter is in use already, or does not work.
    pub fn lists(filters_status: bool) -> Vec<Status> {
        if filters_status { Vec::new() } else { IN_FLIGHT.to_vec() }
    }

    /// Returns how far the API's counts can be relied on.
    pub fn api_counts(&self) -> ApiCounts {
        self.api_counts
    }

    /// Adds to the facts of a poll the state from which a later process continues.
    pub fn remember(&self, facts: PollFacts) -> PollFacts {
        // Facts without parts make a later process read everything, as this one would.
        if self.ignores_bound || self.needs_full_read {
            return facts;
        }
        let (parts, caught_up_to) = (self.scrub.parts(), self.scrub.caught_up_to());
        PollFacts { counts: self.api_counts, parts, caught_up_to, ..facts }
    }

    /// Notes that everything was read from the start of `reading` until its end.
    pub fn note_full_read(&mut self, summary: &ReadSummary, page_size: u32, reading: TimeRange) {
        self.needs_full_read = false;
        self.ignores_bound = summary.ignores_bound;
        // A count can be compared with the ledger only if it includes exactly the records that the
        // API lists within the bound and the filter.
        self.api_counts = ApiCounts {
            has_counts: !summary.ignores_bound
                && summary.reported.is_some()
                && summary.count != CountMeaning::RowsOfPage
                && !summary.lists_earlier
                && summary.unfiltered == 0,
            // If the window fits into a page, the count may be the number of rows in the page.
            // Trusted, it would end a longer list at the first short page.
            trusts_counts: summary.count == CountMeaning::AllRows
                && summary.rows > u64::from(page_size),
            surplus: summary.reported.unwrap_or(0).saturating_sub(summary.rows),
        };
        self.scrub.note_full_read(reading);
        for count in &mut self.counts {
            count.reset(self.api_counts.has_counts);
        }
    }

    /// Notes that a poll which began at `now` has been committed.
    pub fn note_poll(&mut self, summary: &ReadSummary, now: Timestamp) {
        self.read_to = Some(summary.open_end.map_or(now, |end| end.min(now)));
    }

    /// Notes whether the lists by status worked in a poll that began at `now`. They did not if one was
    /// refused, or contained other records.
    pub fn note_filter(&mut self, works: bool, now: Timestamp) {
        self.status_filter.note(works, now);
    }

    /// Notes that a poll that began at `now` read a slice and all that starts at `new_since` or
    /// later.
    pub fn note_slice(&mut self, slice: TimeRange, new_since: Timestamp, now: Timestamp) {
        self.scrub.note_slice(slice, new_since, now);
    }

    /// Starts the search for a difference, if the API's count of the window, `total`, differs from
    /// the ledger in this poll as in the one before.
    pub fn start_bisection(
        &self,
        context: &BisectionContext<'_>,
        counted: Counted,
        total: u64,
    ) -> Option<CountBisection> {
        self.counts[counted as usize].start_bisection(context, total)
    }

    /// Notes a count of a poll that began at `now` and has been committed.
    pub fn note_count(
        &mut self,
        ledger: &Ledger,
        taken: &CountTaken,
        window_start: Timestamp,
        now: Timestamp,
    ) {
        self.counts[taken.counted as usize].note(ledger, taken, window_start, now);
        let shown = ledger.shown_since(window_start);
        // A count that equals more records than a page can hold is a count of the window.
        if taken.counted == Counted::All && taken.total == Some(shown) && shown > MAX_PAGE_SIZE {
            self.api_counts.trusts_counts = true;
        }
    }

    /// Notes that a poll met a contradiction. The next one reads everything.
    pub fn note_contradiction(&mut self) {
        self.needs_full_read = true;
    }

    /// Returns the time of the oldest read of a record; `None` before the first full read.
    pub fn oldest_read(&self) -> Option<Timestamp> {
        self.scrub.oldest_read()
    }

    /// Returns how the next poll reads.
    pub fn mode(&self, now: Timestamp) -> Mode {
        if self.ignores_bound {
            Mode::FullWalk
        } else if self.status_filter.has_failed() {
            Mode::NoStatusFilter
        } else if !self.counts[Counted::All as usize].is_reliable(now) {
            Mode::NoCounts
        } else {
            Mode::Incremental
        }
    }
}

/// Returns the extents of the records that must be read in each poll and are not in `staging` yet:
/// those in flight, and those whose last read was older than their known state. Neighbours share an
/// extent.
pub fn unsettled_extents(
    ledger: &Ledger,
    staging: &Staging,
    window_start: Timestamp,
    page_size: u32,
) -> Vec<Extent> {
    // One row of the page is left free, for the row that shows where the extent ends. Without it,
    // each extent would cost a second request.
    let most = u64::from(page_size).saturating_sub(1).max(1);
    let mut ranges: Vec<TimeRange> = Vec::new();
    let mut rows = 0;
    for start in ledger.unsettled(window_start, |key| staging.has_read(ledger, key)) {
        let second = start.floor_to_second();
        let range = TimeRange::new(second, second.plus_millis(1000));
        if let Some(last) = ranges.last_mut() {
            // Starts come in order, so this range does not end before the last one.
            let more = TimeRange { start: last.end.unwrap_or(range.start), end: range.end };
            let more_rows = ledger.count_in(more);
            if rows + more_rows <= most {
                rows += more_rows;
                last.end = range.end;
                continue;
            }
        }
        rows = ledger.count_in(range);
        ranges.push(range);
    }
    ranges.into_iter().map(Extent::all).collect()
}

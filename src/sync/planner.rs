//! What a poll asks for: everything, or only what can have changed. Pure.
//!
//! After a reading of the whole window a poll asks for what is new, for what is in flight, for a
//! few counts, and for a slice of the window, so that every record is read again within the
//! reconcile interval. Each of these is an optimisation that may turn out not to hold: then the
//! next poll does without it, at the latest by reading everything.

use super::extent::{Extent, ReadSummary};
use super::recount::{BisectionContext, Count, CountBisection, CountTaken, RETRY_MILLIS};
use super::scrub::Scrub;
use crate::ledger::{ApiCounts, Counted, Ledger, PollFacts, Staging};
use records_api::record::{Status, TimeRange, Timestamp};

/// What began so long before the last poll is read again with what is new.
const LATE_ARRIVAL_MILLIS: i64 = 120_000;
/// The statuses of what is in flight, in the order in which they are asked for.
const IN_FLIGHT: [Status; 3] = [Status::Recording, Status::RecCompleted, Status::Uploading];
/// More records than any page holds: their count is not one of a page.
const MAX_PAGE_SIZE: u64 = 1000;
/// A window of so many pages is read whole: that costs no more requests than asking what changed.
const WHOLE_READ_PAGES: u64 = 3;
/// Rows at the end of the window that are read again with what is new: half of a page, but no more
/// than this. What arrives a little late lies there.
const MAX_OVERLAP: u64 = 100;

/// What is known of the other side, and how far the window was read when.
#[derive(Debug, Clone)]
pub struct Planner {
    scrub: Scrub,
    /// Until when the status filter is left alone.
    filter_off_until: Option<Timestamp>,
    /// The count of the window, and of what is uploaded in it.
    counts: [Count; 2],
    /// What is known of the API.
    api_counts: ApiCounts,
    /// A bound is not paid heed to, or a poll met contradictions: everything is to be read.
    needs_full_read: bool,
    ignores_bound: bool,
}

/// What a poll asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The whole window.
    Everything,
    /// What can have changed.
    Changes {
        /// What is new begins here.
        new_since: Timestamp,
        /// Statuses to list over the whole window.
        lists: Vec<Status>,
        /// What is counted.
        counts: Vec<Counted>,
        /// Slices to read again.
        slices: Vec<TimeRange>,
    },
}

/// A poll that begins.
#[derive(Debug, Clone, Copy)]
pub struct PollContext<'a> {
    /// Lower edge of the window, in whole seconds.
    pub window_start: Timestamp,
    /// When it begins.
    pub now: Timestamp,
    /// Rows of a page.
    pub page_size: u32,
    /// Whether only records of one status are asked for.
    pub filters_status: bool,
    /// Whose records it asks for.
    pub identity: &'a str,
}

/// How a poll asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only for what can have changed.
    Incremental,
    /// The same without the status filter.
    NoStatusFilter,
    /// The same without counts.
    NoCounts,
    /// For everything.
    FullWalk,
}

impl Planner {
    /// Goes on where another process was after `last`. Without one everything is read first.
    pub fn new(reconcile_interval_millis: i64, last: Option<&PollFacts>) -> Self {
        let last = last.filter(|last| !last.parts.is_empty());
        let api_counts = last.map_or_else(ApiCounts::default, |last| last.counts);
        let mut counts = [Count::new(Counted::All), Count::new(Counted::Uploaded)];
        for count in &mut counts {
            count.reset(api_counts.has_counts);
        }
        Self {
            scrub: Scrub::new(reconcile_interval_millis, last),
            filter_off_until: None,
            counts,
            api_counts,
            needs_full_read: last.is_none(),
            ignores_bound: false,
        }
    }

    /// Reads each record again within this interval from now on.
    pub fn set_reconcile_interval(&mut self, interval_millis: i64) {
        self.scrub.interval_millis = interval_millis;
    }

    /// What to ask for in a poll.
    pub fn plan(&mut self, ledger: &Ledger, poll: &PollContext<'_>) -> Plan {
        let PollContext { window_start, now, page_size, filters_status, identity } = *poll;
        let known = ledger.shown_since(window_start);
        let page_size = u64::from(page_size);
        let is_other = ledger
            .last_poll()
            .is_none_or(|last| window_start < last.window_start || identity != last.identity);
        let is_overdue = self.scrub.is_overdue(now);
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
        // What began since the last poll is new, also where others begin in the future, or at once.
        let begun = ledger.last_poll().map_or(window_start, |last| last.begun);
        let lately = begun.plus_millis(-LATE_ARRIVAL_MILLIS).max(window_start);
        let new_since = new_since.unwrap_or(window_start).min(lately).floor_to_second();
        let filter_works = self.filter_off_until.is_none_or(|until| now >= until);
        let lists = filter_works && !filters_status;
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

    /// Statuses to list, if lists by status can be had.
    pub fn lists(filters_status: bool) -> Vec<Status> {
        if filters_status { Vec::new() } else { IN_FLIGHT.to_vec() }
    }

    /// What is known of the API.
    pub fn api_counts(&self) -> ApiCounts {
        self.api_counts
    }

    /// Adds to the facts of a poll what a later process goes on by.
    pub fn remember(&self, facts: PollFacts) -> PollFacts {
        if self.ignores_bound || self.needs_full_read {
            return facts;
        }
        let (parts, caught_up_to) = (self.scrub.parts(), self.scrub.caught_up_to());
        PollFacts { counts: self.api_counts, parts, caught_up_to, ..facts }
    }

    /// Everything was read in the time `reading`, in pages of `page` rows.
    pub fn note_full_read(&mut self, summary: &ReadSummary, page_size: u32, reading: TimeRange) {
        self.needs_full_read = false;
        self.ignores_bound = summary.ignores_bound;
        self.api_counts = ApiCounts {
            has_counts: !summary.ignores_bound
                && summary.reported.is_some()
                && !summary.lists_earlier
                && summary.unfiltered == 0,
            // A count of a window that fits into a page may be one of the page.
            trusts_counts: summary.count_matches && summary.rows > u64::from(page_size),
            surplus: summary.reported.unwrap_or(0).saturating_sub(summary.rows),
        };
        self.scrub.note_full_read(reading);
        for count in &mut self.counts {
            count.reset(self.api_counts.has_counts);
        }
    }

    /// A list by status gave other records, or was refused.
    pub fn note_filter_failure(&mut self, now: Timestamp) {
        self.filter_off_until = Some(now.plus_millis(RETRY_MILLIS));
    }

    /// A slice was read by a poll that began at `now`, and all from `new_since` on.
    pub fn note_slice(&mut self, slice: TimeRange, new_since: Timestamp, now: Timestamp) {
        self.scrub.note_slice(slice, new_since, now);
    }

    /// The search that a poll begins that counts `total` of the window.
    pub fn start_bisection(
        &self,
        context: &BisectionContext<'_>,
        counted: Counted,
        total: u64,
    ) -> Option<CountBisection> {
        self.counts[counted as usize].start_bisection(context, total)
    }

    /// Takes over what was counted by a poll that began at `now` and has been committed.
    pub fn note_count(
        &mut self,
        ledger: &Ledger,
        taken: &CountTaken,
        window_start: Timestamp,
        now: Timestamp,
    ) {
        self.counts[taken.counted as usize].note(ledger, taken, window_start, now);
        let shown = ledger.shown_since(window_start);
        if taken.counted == Counted::All && taken.total == Some(shown) && shown > MAX_PAGE_SIZE {
            self.api_counts.trusts_counts = true;
        }
    }

    /// A poll met contradictions: the next one reads everything.
    pub fn note_contradiction(&mut self) {
        self.needs_full_read = true;
    }

    /// When the record was read that was read longest ago.
    pub fn oldest_read(&self) -> Option<Timestamp> {
        self.scrub.oldest_read()
    }

    /// How it asks at present.
    pub fn mode(&self, now: Timestamp) -> Mode {
        if self.ignores_bound {
            Mode::FullWalk
        } else if self.filter_off_until.is_some_and(|until| now < until) {
            Mode::NoStatusFilter
        } else if !self.counts[Counted::All as usize].is_on(now) {
            Mode::NoCounts
        } else {
            Mode::Incremental
        }
    }
}

/// What is in flight, or was read older than it is known, and was not read by `staging`: it is read
/// again where it lies, neighbours in one extent.
pub fn unsettled_extents(
    ledger: &Ledger,
    staging: &Staging,
    window_start: Timestamp,
    page_size: u32,
) -> Vec<Extent> {
    let most = u64::from(page_size).saturating_sub(1).max(1);
    let mut ranges: Vec<TimeRange> = Vec::new();
    let mut rows = 0;
    for start in ledger.unsettled(window_start, |key| staging.has_read(ledger, key)) {
        let second = start.floor_to_second();
        let range = TimeRange::new(second, second.plus_millis(1000));
        if let Some(last) = ranges.last_mut() {
            // Starts come in order, so the range of an earlier one never ends later.
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

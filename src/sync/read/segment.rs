//! A segment of the window and its cursor: decides when to seek and when to start again.

use crate::sync::error::SyncError;
use crate::sync::read::clamp::ClampDetector;
use crate::sync::read::listing::Listing;
use crate::sync::read::page::{PageRef, RowRef};
use crate::sync::read::split::Remaining;
use crate::sync::read::ties::{Group, GroupMemory};
use records_api::record::{TimeRange, Timestamp};

/// A part of the window that one cursor reads.
#[derive(Debug)]
pub(in crate::sync) struct Segment {
    /// Start times of the records that belong to the segment.
    pub(in crate::sync) range: TimeRange,
    pub(in crate::sync) listing: Listing,
    pub(in crate::sync) clamp: ClampDetector,
    /// The listing before the last seek. The cursor returns to it if the new one does not continue
    /// it.
    previous: Option<Box<Listing>>,
    /// False once a seek failed.
    can_seek: bool,
    /// Earlier passes over the group that is being read again.
    pub(in crate::sync) memory: Option<GroupMemory>,
    /// Last start that was read.
    pub(in crate::sync) reached: Timestamp,
    /// Records per millisecond as far as known, 0 before the first page.
    density: f64,
    /// Number of short pages in a row at the end of the list.
    pub(in crate::sync) short_pages: u32,
    /// Number of pages that ended with records that start after the read began.
    pub(in crate::sync) future_pages: u32,
    /// Number of times that a list by status continued after rows had moved.
    pub(in crate::sync) skips: u32,
    /// Last start read, if the list went on and its rest was left to the next poll.
    pub(in crate::sync) open_end: Option<Timestamp>,
    /// Number of times that the segment was started again.
    restarts: u32,
    /// True if an empty first page was requested a second time.
    pub(in crate::sync) rechecked_empty: bool,
    /// First listed start at the beginning of the segment or later.
    pub(in crate::sync) first_start: Option<Timestamp>,
    /// First start at the end of the segment or later in the last page.
    pub(in crate::sync) first_start_beyond: Option<Timestamp>,
    /// True if the API counted more rows than it had listed when it returned an empty page.
    pub(in crate::sync) counts_more: bool,
    pub(in crate::sync) state: State,
}

/// State of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum State {
    /// A page can be requested.
    Idle,
    /// A request is in flight.
    Requested,
    /// The segment is complete.
    Done,
}

/// Outcome of a page for the listing so far, which decides whether its rejected rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum ListingOutcome {
    /// The listing continues.
    Continues,
    /// The listing is complete, or the next one continues it. Its rejected rows count.
    Accepted,
    /// The listing is read again from its beginning. Its rejected rows do not count yet.
    Discarded,
}

/// An API that compares strictly (`>`) leaves out what starts at the bound, so bounds are sent a
/// second early.
pub(in crate::sync) const BOUND_MARGIN_MILLIS: i64 = 1000;
/// A seek may repeat this fraction (1/n) of the rows that the listing returned.
const MIN_SEEK_GAIN: u64 = 4;
/// Number of times that a segment is started again because rows moved.
const MAX_RESTARTS: u32 = 10;
/// Number of passes over a group whose order changes each time. In random order, n passes miss
/// about e^-n of its records: of 5,000 none after 20.
const MAX_GROUP_PASSES: u32 = 60;
/// Number of passes in a row that prove a stable order. The smallest group, of two records read one
/// by one, gives the same order by chance in a quarter of the cases: in all passes once in 10^9.
const MIN_STABLE_PASSES: u32 = 15;

impl Segment {
    pub(in crate::sync) fn new(range: TimeRange, density: f64) -> Self {
        Self {
            range,
            listing: Listing::new(range.start.plus_millis(-BOUND_MARGIN_MILLIS)),
            clamp: ClampDetector::default(),
            previous: None,
            can_seek: true,
            memory: None,
            reached: range.start,
            density,
            short_pages: 0,
            future_pages: 0,
            skips: 0,
            open_end: None,
            restarts: 0,
            rechecked_empty: false,
            first_start: None,
            first_start_beyond: None,
            counts_more: false,
            state: State::Idle,
        }
    }

    /// Returns the part that is not read yet; `None` if its density is not known.
    pub(in crate::sync) fn remaining(&self, now: Timestamp) -> Option<Remaining> {
        if self.state == State::Done || self.density <= 0.0 {
            return None;
        }
        Some(Remaining {
            range: TimeRange::new(self.reached, self.range.end.unwrap_or(now)),
            density: self.density,
            rows_before_bound: self.listing.before_bound,
        })
    }

    /// True if this page is the first one, is empty, and was not requested a second time yet. Once
    /// is not enough: an answer that lost its rows looks like that of an empty segment.
    pub(in crate::sync) fn recheck_empty(&mut self, offset: u64, rows: usize) -> bool {
        let is_empty_start = rows == 0 && offset == 0 && self.restarts == 0;
        is_empty_start && !std::mem::replace(&mut self.rechecked_empty, true)
    }

    /// Notes the rows at the edges of the segment, by which neighbours are compared.
    pub(in crate::sync) fn note_edges(&mut self, page: &PageRef<'_>) {
        let first_from = |edge: Timestamp| {
            let starts = page.rows.iter().flatten().map(|row| row.start);
            starts.filter(|start| *start >= edge).min()
        };
        let first = first_from(self.range.start);
        self.first_start = self.first_start.into_iter().chain(first).min();
        self.first_start_beyond = self.range.end.and_then(first_from);
        self.counts_more = page.rows.is_empty() && page.total_count > Some(self.listing.received);
    }

    /// Updates the position and the density after a page. The end of a list is near if the page was
    /// short: its few rows say nothing about what follows.
    pub(in crate::sync) fn update_density(&mut self, is_short: bool) {
        let Some(tail) = &self.listing.tail else { return };
        self.reached = self.reached.max(tail.start);
        let span = tail.start.millis() - self.listing.bound.millis();
        let rows = self.listing.received - self.listing.before_bound.min(self.listing.received);
        if is_short {
            self.density = 0.0;
        } else if span > 0 && rows > 0 {
            self.density = rows as f64 / span as f64;
        }
    }

    /// Starts a new listing at the last start read, if it repeats few rows. Deep offsets are slow,
    /// and deletions before the cursor shift the rows after it.
    pub(in crate::sync) fn seek(&mut self, rows: &[Option<RowRef>]) -> ListingOutcome {
        if self.listing.is_connected() {
            self.previous = None;
        }
        let Some(tail) = &self.listing.tail else { return ListingOutcome::Continues };
        let bound = tail.start.floor_to_second().plus_millis(-BOUND_MARGIN_MILLIS);
        if !self.can_seek || bound <= self.listing.bound || !self.listing.is_connected() {
            return ListingOutcome::Continues;
        }
        // If the whole page starts in the second of the bound, a seek would repeat all of it.
        let again = rows.iter().flatten().filter(|row| row.start >= bound).count();
        let repeats_whole_page = again == rows.iter().flatten().count();
        let cost = self.listing.before_bound + again as u64;
        if repeats_whole_page || cost * MIN_SEEK_GAIN > self.listing.received {
            return ListingOutcome::Continues;
        }
        let next = Listing::continuing(bound, tail.start, tail.ids.clone());
        self.previous = Some(Box::new(std::mem::replace(&mut self.listing, next)));
        // Under another bound, a group may have fewer rows: the passes so far do not apply to it.
        self.memory = None;
        ListingOutcome::Accepted
    }

    /// Continues the listing before the seek by offset, since the new one does not show its last
    /// rows.
    pub(in crate::sync) fn return_to_previous(&mut self) -> Result<ListingOutcome, SyncError> {
        self.can_seek = false;
        self.memory = None;
        match self.previous.take() {
            Some(left) => {
                self.listing = *left;
                Ok(ListingOutcome::Continues)
            }
            None => self.restart(),
        }
    }

    /// True if a listing that had rows is now empty. Without this check, the rows read before the
    /// restart would pass for all of them.
    pub(in crate::sync) fn has_vanished(&self) -> bool {
        self.restarts > 0 && self.listing.received == 0
    }

    /// Starts the listing again from its bound.
    pub(in crate::sync) fn restart(&mut self) -> Result<ListingOutcome, SyncError> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(SyncError::Moving { near: self.reached });
        }
        self.previous = None;
        self.listing = Listing::new(self.listing.bound);
        Ok(ListingOutcome::Discarded)
    }

    /// Goes back to the beginning of a group of which `expected` records exist, and remembers the
    /// ids that were listed. A group of a list by status is read again once: its records may have
    /// left the status.
    pub(in crate::sync) fn read_group_again(
        &mut self,
        group: Group,
        expected: u64,
        is_status_list: bool,
    ) -> Result<ListingOutcome, SyncError> {
        let start = group.start;
        self.listing.go_back_to(&group);
        let mut memory = match self.memory.take().filter(|memory| memory.start == start) {
            None => GroupMemory {
                start,
                ids: group.ids,
                order_hash: group.order_hash,
                passes: 1,
                stable_passes: 0,
                order_is_stable: false,
            },
            Some(mut memory) => {
                let same = memory.order_hash == group.order_hash;
                memory.stable_passes = if same { memory.stable_passes + 1 } else { 0 };
                memory.order_is_stable = memory.stable_passes >= MIN_STABLE_PASSES;
                memory.order_hash = group.order_hash;
                memory.passes += 1;
                memory.ids.extend(group.ids);
                memory
            }
        };
        memory.order_is_stable |= is_status_list;
        if memory.passes > MAX_GROUP_PASSES {
            let missing = expected.saturating_sub(memory.ids.len() as u64);
            return Err(SyncError::Unordered { start, expected, missing });
        }
        self.memory = Some(memory);
        Ok(ListingOutcome::Continues)
    }
}

/// Returns the end of a row that ended before the bound. An API that compares the bound with either
/// the start or the end of a record does not list it.
pub(in crate::sync) fn end_before_bound(
    rows: &[Option<RowRef>],
    bound: Timestamp,
) -> Option<Timestamp> {
    let edge = bound.plus_millis(-BOUND_MARGIN_MILLIS);
    let before = rows.iter().flatten().filter(|row| row.start < edge);
    before.filter_map(|row| row.end).find(|end| *end < edge)
}

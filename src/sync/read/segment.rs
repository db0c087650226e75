//! A segment of the window and the cursor that reads it: when to seek, when to begin again.

use crate::sync::error::SyncError;
use crate::sync::read::listing::Listing;
use crate::sync::read::split::Remaining;
use crate::sync::read::ties::{Group, GroupMemory, PageRef, RowRef};
use records_api::record::{TimeRange, Timestamp};

/// A part of the window and its cursor.
#[derive(Debug)]
pub(in crate::sync) struct Segment {
    /// Start times of the records that belong to the segment.
    pub(in crate::sync) range: TimeRange,
    pub(in crate::sync) listing: Listing,
    /// The listing to return to when a new one does not take up where this one was left.
    previous: Option<Box<Listing>>,
    can_seek: bool,
    pub(in crate::sync) memory: Option<GroupMemory>,
    /// How far it has been read: the last start seen.
    pub(in crate::sync) reached: Timestamp,
    density: f64,
    /// Short pages in a row that brought something new nevertheless.
    short_new_pages: u32,
    restarts: u32,
    /// Whether an empty first page was asked for again before it is believed.
    pub(in crate::sync) rechecked_empty: bool,
    /// The first start at or behind the lower edge that was seen.
    pub(in crate::sync) first_start: Option<Timestamp>,
    /// The first start at or behind the upper edge that was seen when the segment was done.
    pub(in crate::sync) first_start_beyond: Option<Timestamp>,
    /// Whether the API counted more rows than it had shown when it showed the last one.
    pub(in crate::sync) counts_more: bool,
    pub(in crate::sync) state: State,
}

/// Where a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum State {
    Idle,
    Requested,
    Done,
}

/// What becomes of what a listing said about its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum ListingOutcome {
    /// It goes on.
    Continues,
    /// It stands: the next listing begins behind it.
    Accepted,
    /// It will be read again from its beginning.
    Discarded,
}

/// An API that compares strictly (`>`) leaves out what starts at the bound, so bounds are sent a
/// second early.
pub(in crate::sync) const BOUND_MARGIN_MILLIS: i64 = 1000;
/// A seek may read again a quarter of what the listing has brought so far.
const SEEK_GAIN: u64 = 4;
/// Times that a segment is begun again because rows moved.
const MAX_RESTARTS: u32 = 10;
/// Readings of a group whose order changes each time. With random order n readings leave about
/// e^-n of it unseen: of 5,000 records none after 20.
const MAX_GROUP_PASSES: u32 = 60;
/// Readings in a row that prove that the order of a group holds. The smallest group, two records
/// one by one, gives the same by chance in a quarter of the cases: here once in 10^9.
const MIN_STABLE_PASSES: u32 = 15;
/// Short pages that are read at the end of the listing while each brings something new.
const MAX_SHORT_NEW_PAGES: u32 = 8;

impl Segment {
    pub(in crate::sync) fn new(range: TimeRange, density: f64) -> Self {
        Self {
            range,
            listing: Listing::new(range.start.plus_millis(-BOUND_MARGIN_MILLIS)),
            previous: None,
            can_seek: true,
            memory: None,
            reached: range.start,
            density,
            short_new_pages: 0,
            restarts: 0,
            rechecked_empty: false,
            first_start: None,
            first_start_beyond: None,
            counts_more: false,
            state: State::Idle,
        }
    }

    /// What is left to read, if it is known how dense it is.
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

    /// Whether this first page is to be asked for once more: an answer that lost its rows looks the
    /// same as a segment without any.
    pub(in crate::sync) fn recheck_empty(&mut self, offset: u64, rows: usize) -> bool {
        let is_doubtful = rows == 0 && offset == 0 && self.restarts == 0;
        is_doubtful && !std::mem::replace(&mut self.rechecked_empty, true)
    }

    /// Notes what a page shows at the edges of the segment.
    pub(in crate::sync) fn note_edges(&mut self, page: &PageRef<'_>) {
        let first_behind = |edge: Timestamp| {
            let starts = page.rows.iter().flatten().map(|row| row.start);
            starts.filter(|start| *start >= edge).min()
        };
        let first = first_behind(self.range.start);
        self.first_start = self.first_start.into_iter().chain(first).min();
        self.first_start_beyond = self.range.end.and_then(first_behind);
        self.counts_more = page.rows.is_empty() && page.total_count > Some(self.listing.received);
    }

    pub(in crate::sync) fn update_density(&mut self) {
        let Some(tail) = &self.listing.tail else { return };
        self.reached = self.reached.max(tail.start);
        let span = tail.start.millis() - self.listing.bound.millis();
        let rows = self.listing.received - self.listing.before_bound.min(self.listing.received);
        if span > 0 && rows > 0 {
            self.density = rows as f64 / span as f64;
        }
    }

    /// Whether the end was reached and only what has begun since comes in: where recordings begin
    /// faster than requests are answered, waiting for an empty page would never end. Each of some
    /// short pages must show it, by rows that began after the poll did (`began`), and no count may
    /// say more; a server that grants less than before gives short pages too.
    pub(in crate::sync) fn has_only_new_rows(
        &mut self,
        page: &PageRef<'_>,
        largest_page: usize,
        began: Timestamp,
    ) -> bool {
        let is_short = page.rows.len() * 2 < largest_page;
        let counts_more = page.total_count.is_some_and(|total| total > self.listing.received);
        let is_new = self.listing.tail.as_ref().is_some_and(|tail| tail.start >= began);
        let trickles = is_short && is_new && !counts_more;
        self.short_new_pages = if trickles { self.short_new_pages + 1 } else { 0 };
        self.range.is_unbounded()
            && self.listing.is_connected()
            && self.short_new_pages >= MAX_SHORT_NEW_PAGES
    }

    /// Begins a new listing where this one has arrived, if that reads little again.
    pub(in crate::sync) fn seek(&mut self, rows: &[Option<RowRef>]) -> ListingOutcome {
        if self.listing.is_connected() {
            self.previous = None;
        }
        let Some(tail) = &self.listing.tail else { return ListingOutcome::Continues };
        let bound = tail.start.floor_to_second().plus_millis(-BOUND_MARGIN_MILLIS);
        if !self.can_seek || bound <= self.listing.bound || !self.listing.is_connected() {
            return ListingOutcome::Continues;
        }
        let again = rows.iter().flatten().filter(|row| row.start >= bound).count();
        let reaches_back_further = again == rows.iter().flatten().count();
        let cost = self.listing.before_bound + again as u64;
        if reaches_back_further || cost * SEEK_GAIN > self.listing.received {
            return ListingOutcome::Continues;
        }
        let next = Listing::continuing(bound, tail.start, tail.ids.clone());
        self.previous = Some(Box::new(std::mem::replace(&mut self.listing, next)));
        // Under another bound a group that began before it may have fewer members.
        self.memory = None;
        ListingOutcome::Accepted
    }

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

    /// Whether a listing that had rows is now said to have none. What was read of it before would
    /// stand as if it were all.
    pub(in crate::sync) fn has_vanished(&self) -> bool {
        self.restarts > 0 && self.listing.received == 0
    }

    pub(in crate::sync) fn restart(&mut self) -> Result<ListingOutcome, SyncError> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(SyncError::Moving { near: self.reached });
        }
        self.previous = None;
        self.listing = Listing::new(self.listing.bound);
        Ok(ListingOutcome::Discarded)
    }

    pub(in crate::sync) fn read_group_again(
        &mut self,
        group: Group,
        expected: u64,
    ) -> Result<ListingOutcome, SyncError> {
        let start = group.start;
        self.listing.go_back_to(&group);
        let memory = match self.memory.take().filter(|memory| memory.start == start) {
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
        if memory.passes > MAX_GROUP_PASSES {
            let missing = expected.saturating_sub(memory.ids.len() as u64);
            return Err(SyncError::Unordered { start, expected, missing });
        }
        self.memory = Some(memory);
        Ok(ListingOutcome::Continues)
    }
}

//! Ends the read of a list that grows or shrinks while it is read.
//!
//! Records start while a poll runs, so the last page of a list may never be empty. What starts after
//! the poll did belongs to the next poll. A read that stops there has an *open end*: it covers only
//! what starts before the last row read.

use crate::sync::read::listing::Listing;
use crate::sync::read::page::PageRef;
use crate::sync::read::segment::{BOUND_MARGIN_MILLIS, ListingOutcome, Segment, State};
use records_api::record::Timestamp;

/// The time of a read, by the API's clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct ReadTime {
    /// Begin of the read by the local clock.
    pub(in crate::sync) local_begin: Timestamp,
    /// Begin of the read. The local one until an answer shows the API's clock.
    pub(in crate::sync) begin: Timestamp,
    /// Greatest difference of the clocks that an answer showed, in milliseconds.
    ahead_millis: Option<i64>,
    /// Time of the last answer.
    answered: Timestamp,
}

/// The next poll reads again what started up to this long before this one began, since the API may
/// list a record some time after its start.
pub const LATE_ARRIVAL_MILLIS: i64 = 120_000;
/// Records with a later start than this after the answer come from a desktop whose clock is ahead.
/// They may have been in the list for long.
const CLOCK_TOLERANCE_MILLIS: i64 = 60_000;
/// A `Date` header has whole seconds.
const DATE_PRECISION_MILLIS: i64 = 1000;
/// Number of short pages in a row, near the begin of the read, that end it: a server that returns
/// pages of any length might cut a few of them.
const MAX_SHORT_PAGES: u32 = 8;
/// The same if a count agrees that the list ends there.
const MAX_COUNTED_SHORT_PAGES: u32 = 2;
/// Number of short pages in a row that end a list by status.
const MAX_SHORT_PAGES_OF_STATUS: u32 = 3;
/// Maximum number of pages of records that start in the future, in a list that grows.
const MAX_FUTURE_PAGES: u32 = 100;
/// Number of times that a list by status continues after rows have moved.
const MAX_SKIPS: u32 = 3;

impl ReadTime {
    /// Starts at the local time.
    pub(in crate::sync) fn new(now: Timestamp) -> Self {
        Self { local_begin: now, begin: now, ahead_millis: None, answered: now }
    }

    /// Notes the local time of an answer, and by how many milliseconds the API's clock is ahead if the
    /// answer shows it.
    pub(in crate::sync) fn note_answer(&mut self, now: Timestamp, ahead_millis: Option<i64>) {
        if let Some(ahead) = ahead_millis {
            // The way of an answer makes the API's clock look late. Were the begin too early, records
            // that existed then would be left to the next poll.
            let ahead = self.ahead_millis.unwrap_or(ahead).max(ahead);
            self.ahead_millis = Some(ahead);
            self.begin = self.local_begin.plus_millis(ahead + DATE_PRECISION_MILLIS);
        }
        self.answered = now.plus_millis(self.ahead_millis.unwrap_or(0));
    }

    /// True if records that started then were in the list before the read began. Only their pages
    /// say something about the server: those of records that arrive may have any length.
    pub(in crate::sync) fn is_quiet(&self, start: Timestamp) -> bool {
        start < self.begin.plus_millis(-LATE_ARRIVAL_MILLIS)
    }

    /// True if a record with this start may have begun after the read did.
    pub(in crate::sync) fn may_be_later(&self, start: Timestamp) -> bool {
        start > self.begin.plus_millis(-2 * DATE_PRECISION_MILLIS)
    }

    /// True if a record with this start may have begun while the read was in progress.
    fn is_during(&self, start: Timestamp) -> bool {
        start > self.begin && start <= self.answered.plus_millis(CLOCK_TOLERANCE_MILLIS)
    }
}

impl Segment {
    /// Ends the segment if its list goes on only because records start while it is read. Returns
    /// true in this case. `has_new_rows` says whether the page held a row that was not read before.
    pub(in crate::sync) fn ends_open(
        &mut self,
        page: &PageRef<'_>,
        largest_page: usize,
        time: &ReadTime,
        has_new_rows: bool,
    ) -> bool {
        if !self.range.is_unbounded() || !self.listing.is_connected() {
            return false;
        }
        let Some(last) = self.listing.tail.as_ref().map(|tail| tail.start) else { return false };
        let rows = page.rows.len();
        let counts_more = page.total_count.is_some_and(|total| total > self.listing.received);
        let is_near_begin = rows * 2 < largest_page
            && !time.is_quiet(last)
            && !counts_more
            && self.listing.has_whole_tail();
        let is_future = last > time.begin;
        let is_short = is_near_begin || is_future && rows < largest_page;
        self.short_pages = if is_short { self.short_pages + 1 } else { 0 };
        self.future_pages += u32::from(is_future);
        let max_short = if is_counted(page) { MAX_COUNTED_SHORT_PAGES } else { MAX_SHORT_PAGES };
        let ends = time.is_during(last)
            // Records that start before those of the future push them into the next page for ever.
            || is_future && !has_new_rows
            || self.short_pages >= max_short
            || self.future_pages > MAX_FUTURE_PAGES;
        if ends {
            self.open_end = Some(last);
            self.state = State::Done;
        }
        ends
    }

    /// Ends a list by status, which proves nothing: records that it omits are read by their start.
    /// Returns true in this case. Without this, a list to which records are added as fast as its
    /// pages are answered would have no end.
    pub(in crate::sync) fn ends_status_list(
        &mut self,
        page: &PageRef<'_>,
        trusts_counts: bool,
    ) -> bool {
        let is_short = page.rows.len() * 2 < page.limit as usize;
        self.short_pages = if is_short { self.short_pages + 1 } else { 0 };
        let is_at_end = page.total_count.is_some_and(|total| total <= self.listing.received);
        let ends = is_short && is_at_end && (trusts_counts || is_counted(page))
            || self.short_pages >= MAX_SHORT_PAGES_OF_STATUS;
        if ends {
            self.state = State::Done;
        }
        ends
    }

    /// Continues a list by status after rows have moved, because records left the status: from the
    /// last start read, without a proof that the new listing continues the old one.
    pub(in crate::sync) fn skip_moved(&mut self) -> ListingOutcome {
        self.skips += 1;
        if self.skips > MAX_SKIPS {
            self.state = State::Done;
            return ListingOutcome::Accepted;
        }
        let read = self.reached.floor_to_second().plus_millis(-BOUND_MARGIN_MILLIS);
        self.listing = Listing::new(read.max(self.listing.bound));
        self.memory = None;
        ListingOutcome::Accepted
    }
}

/// True if the count of an answer is not that of its own rows.
fn is_counted(page: &PageRef<'_>) -> bool {
    page.total_count.is_some_and(|total| total > page.rows.len() as u64)
}

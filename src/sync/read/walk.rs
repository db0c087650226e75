//! Plans the pages of a walk over the window, by several concurrent cursors.
//!
//! The window is divided into segments of time. A cursor reads its segment as a [`Listing`] from
//! the segment's start on. It prefers *seeking* (a new listing from the last start read) to deep
//! offsets: these are slow, and rows that are deleted before the cursor shift the rows after it. It
//! uses offsets while a seek would repeat many rows, as with an API that compares intervals and
//! lists first what was still recording at the bound, or with thousands of records in one second.
//!
//! [`Listing`]: super::listing::Listing

use crate::sync::error::SyncError;
use crate::sync::read::listing::{PageResult, Step};
use crate::sync::read::page::{PageRef, RowRef};
use crate::sync::read::segment::{BOUND_MARGIN_MILLIS, ListingOutcome, Segment, State};
use crate::sync::read::split::Remaining;
use records_api::record::{TimeRange, Timestamp};

/// Request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Number of the segment that the page belongs to.
    pub segment: usize,
    /// Lower bound, in whole seconds. There is never an upper bound.
    pub start_time: Timestamp,
    /// Number of rows to skip.
    pub offset: u64,
    /// Maximum number of rows in the answer.
    pub limit: u32,
}

/// Next action of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Request this page.
    Request(PageRequest),
    /// Wait for the answer to an earlier request.
    Wait,
    /// Everything was read.
    Done,
}

/// Plan of the pages that cover a range without a gap.
#[derive(Debug)]
pub(in crate::sync) struct Walk {
    pub(in crate::sync) segments: Vec<Segment>,
    /// Begin of the walk by the API's clock. The last segment probably ends there.
    now: Timestamp,
    /// Begin of the walk by the local clock.
    local_now: Timestamp,
    /// Number of rows to request per page.
    limit: u32,
    /// Number of rows of the largest page.
    largest_page: usize,
    /// True if the API ignores the lower bound. One cursor then reads everything.
    pub(in crate::sync) ignores_bound: bool,
    /// True once all segments were read. From then on none is divided, only boundaries are checked.
    pub(in crate::sync) is_joining: bool,
    /// True if a count may prove that a short page is the last one.
    trusts_counts: bool,
    /// Start times of the records that the walk reads.
    range: TimeRange,
}

/// Rows of a page that their segment read for the first time.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct NewRows {
    /// Index of the first such row; the number of rows if there is none.
    pub(in crate::sync) first_row: usize,
    /// Start times that belong to the segment.
    pub(in crate::sync) range: TimeRange,
    /// Start of the last row that the segment read before this page.
    pub(in crate::sync) previous_start: Option<Timestamp>,
    /// Outcome for the listing so far.
    pub(in crate::sync) outcome: ListingOutcome,
}

/// Window of an API that gets no lower bound, or ignores it.
const DEFAULT_WINDOW_MILLIS: i64 = 15 * 24 * 3_600_000;

impl Walk {
    /// Creates a walk over all records that start in `range`, which must start in a whole second,
    /// in pages of `limit` rows.
    pub(in crate::sync) fn new(
        range: TimeRange,
        now: Timestamp,
        limit: u32,
        trusts_counts: bool,
    ) -> Self {
        Self {
            segments: vec![Segment::new(range, 0.0)],
            now,
            local_now: now,
            limit,
            largest_page: 0,
            ignores_bound: false,
            is_joining: false,
            trusts_counts,
            range,
        }
    }

    /// Returns the next action.
    pub(in crate::sync) fn next_page(&mut self) -> Next {
        if let Some(index) = self.segments.iter().position(|s| s.state == State::Idle) {
            return Next::Request(self.request(index));
        }
        if self.segments.iter().all(|segment| segment.state == State::Done) {
            return Next::Done;
        }
        match self.split() {
            Some(index) => Next::Request(self.request(index)),
            None => Next::Wait,
        }
    }

    /// Returns the first listed start at the beginning of the range or later.
    pub(in crate::sync) fn first_start(&self) -> Option<Timestamp> {
        self.segments.iter().filter_map(|segment| segment.first_start).min()
    }

    /// Returns the first listed start at the end of the range or later.
    pub(in crate::sync) fn first_start_beyond(&self) -> Option<Timestamp> {
        let last = self.segments.iter().filter(|segment| segment.range.end == self.range.end);
        last.filter_map(|segment| segment.first_start_beyond).min()
    }

    /// Requests the empty first page of the first segment once more. Returns false if that was
    /// done.
    pub(in crate::sync) fn recheck_empty(&mut self) -> bool {
        let first = &mut self.segments[0];
        let rechecks = first.recheck_empty(0, 0);
        if rechecks {
            first.state = State::Idle;
        }
        rechecks
    }

    /// Returns the number of rows to request per page: fewer than at first if the server grants
    /// less.
    pub(in crate::sync) fn limit(&self) -> u32 {
        self.limit
    }

    /// Notes by how many milliseconds the API's clock is ahead of the local one.
    pub(in crate::sync) fn note_clock(&mut self, ahead_millis: i64) {
        self.now = self.now.max(self.local_now.plus_millis(ahead_millis));
    }

    /// Sets the number of rows to request per page.
    pub(in crate::sync) fn limit_pages(&mut self, rows: u32) {
        self.limit = rows.max(1);
    }

    /// Takes the answer to `request`.
    ///
    /// # Errors
    ///
    /// Returns a [`SyncError`] if the answers cannot be completed to the whole range.
    pub(in crate::sync) fn take(
        &mut self,
        request: &PageRequest,
        rows: &[Option<RowRef>],
        total_count: Option<u64>,
    ) -> Result<NewRows, SyncError> {
        let segment = &mut self.segments[request.segment];
        let mut new_rows = NewRows {
            first_row: rows.len(),
            range: segment.range,
            previous_start: segment.listing.tail.as_ref().map(|tail| tail.start),
            outcome: ListingOutcome::Continues,
        };
        // Another cursor reads the range of this one since bounds were given up.
        if segment.state == State::Done {
            return Ok(new_rows);
        }
        segment.state = State::Idle;
        if !self.ignores_bound
            && let Some(ended) = end_before_bound(rows, request.start_time)
        {
            self.read_without_bounds(request.start_time, ended)?;
            return Ok(new_rows);
        }
        // The reader does this for the first segment, where it knows whether records are expected.
        if request.segment > 0 && segment.recheck_empty(request.offset, rows.len()) {
            return Ok(new_rows);
        }
        self.largest_page = self.largest_page.max(rows.len());
        let page = PageRef { rows, limit: request.limit, total_count };
        segment.note_edges(&page);
        let PageResult { step, first_new } =
            segment.listing.take(&page, segment.range.end, segment.memory.as_ref())?;
        new_rows.first_row = first_new;
        new_rows.outcome = match step {
            Step::Advanced => self.advance(request.segment, &page),
            Step::Done if segment.has_vanished() => segment.restart()?,
            Step::Done => {
                segment.state = State::Done;
                ListingOutcome::Accepted
            }
            Step::Undecided => ListingOutcome::Continues,
            Step::Gap => segment.restart()?,
            Step::NotConnected => segment.return_to_previous()?,
            Step::Incomplete { group, expected } => segment.read_group_again(group, expected)?,
        };
        self.check_boundaries()?;
        Ok(new_rows)
    }

    /// Continues a segment after a page with new rows, unless the page is the last one.
    fn advance(&mut self, index: usize, page: &PageRef<'_>) -> ListingOutcome {
        let segment = &mut self.segments[index];
        if let Some(granted) = segment.listing.clamp.take(page.rows.len(), page.limit) {
            self.limit = self.limit.min(granted);
        }
        segment.update_density();
        // A short page alone proves nothing, nor does a count (see `Listing`).
        let is_last = self.trusts_counts
            && page.rows.len() < page.limit as usize
            && segment.listing.is_complete_by_count(page.total_count);
        if is_last || segment.has_only_new_rows(page, self.largest_page, self.now) {
            segment.state = State::Done;
            ListingOutcome::Accepted
        } else {
            segment.seek(page.rows)
        }
    }

    fn request(&mut self, index: usize) -> PageRequest {
        let segment = &mut self.segments[index];
        segment.state = State::Requested;
        PageRequest {
            segment: index,
            start_time: segment.listing.bound,
            offset: segment.listing.next_offset(),
            limit: self.limit,
        }
    }

    /// Gives half of the longest remaining range to a new segment. Returns its number.
    fn split(&mut self) -> Option<usize> {
        if self.ignores_bound || self.is_joining {
            return None;
        }
        let mut longest: Option<(usize, Remaining)> = None;
        for (index, segment) in self.segments.iter().enumerate() {
            let Some(remaining) = segment.remaining(self.now) else { continue };
            if longest.as_ref().is_none_or(|(_, other)| remaining.is_longer_than(other)) {
                longest = Some((index, remaining));
            }
        }
        let (index, remaining) = longest?;
        let middle = remaining.middle(self.limit)?;
        let segment = &mut self.segments[index];
        let second_half = TimeRange { start: middle, end: segment.range.end.replace(middle) };
        self.segments.push(Segment::new(second_half, remaining.density));
        Some(self.segments.len() - 1)
    }

    /// Starts again with one cursor for the whole range, which expects that bounds are ignored.
    fn read_without_bounds(&mut self, bound: Timestamp, ended: Timestamp) -> Result<(), SyncError> {
        // Without a bound the API lists its default window. Nothing would show that the records
        // before it are missing.
        let window = self.now.floor_to_second().millis() - self.range.start.millis();
        if window > DEFAULT_WINDOW_MILLIS {
            return Err(SyncError::BoundIgnored { bound, ended });
        }
        self.ignores_bound = true;
        for segment in &mut self.segments {
            segment.state = State::Done;
        }
        self.segments.push(Segment::new(TimeRange::since(self.range.start), 0.0));
        Ok(())
    }
}

/// Returns the end of a row that ended before the bound. An API that compares the bound with either
/// the start or the end of a record does not list it.
fn end_before_bound(rows: &[Option<RowRef>], bound: Timestamp) -> Option<Timestamp> {
    let edge = bound.plus_millis(-BOUND_MARGIN_MILLIS);
    let before = rows.iter().flatten().filter(|row| row.start < edge);
    before.filter_map(|row| row.end).find(|end| *end < edge)
}

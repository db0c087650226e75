//! The walk over the window: which page to ask for next, by several cursors side by side.
//!
//! The window is divided into segments of time. A cursor reads its segment as a [`Listing`] from
//! the segment's lower edge on and prefers *seeking* (a new listing that begins where it has
//! arrived) to deep offsets: they cost the server, and rows deleted behind the cursor shift what
//! lies ahead. While seeking would read much again (an API that compares intervals shows
//! everything that was still going on at the bound first; thousands of desktops start in the same
//! second) it goes on by offset.

use crate::sync::error::SyncError;
use crate::sync::read::listing::Step;
use crate::sync::read::segment::{BOUND_MARGIN_MILLIS, ListingOutcome, Segment, State};
use crate::sync::read::split::Remaining;
use crate::sync::read::ties::{PageRef, RowRef};
use records_api::record::{TimeRange, Timestamp};

/// A page to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Whose page it is.
    pub segment: usize,
    /// Lower bound to send, in whole seconds. No upper bound is ever sent.
    pub start_time: Timestamp,
    /// Rows to skip.
    pub offset: u64,
    /// Rows to ask for.
    pub limit: u32,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask for this page.
    Request(PageRequest),
    /// Wait for an answer that is under way.
    Wait,
    /// Everything was read.
    Done,
}

/// Plans the pages that cover a window without a gap.
#[derive(Debug)]
pub(in crate::sync) struct Walk {
    pub(in crate::sync) segments: Vec<Segment>,
    /// When the walk began, by the API's clock: where the last segment probably ends.
    now: Timestamp,
    /// The same by our own clock.
    local_now: Timestamp,
    limit: u32,
    /// Rows of the largest page.
    largest_page: usize,
    /// The API pays no heed to the lower bound: one cursor reads everything.
    pub(in crate::sync) ignores_bound: bool,
    /// Each segment has read its own: none is divided any more.
    pub(in crate::sync) is_joining: bool,
    /// A count is believed that says that a page is the last one.
    trusts_counts: bool,
    /// Start times of the records that the walk reads.
    range: TimeRange,
}

/// Which rows of a page were read for the first time by their segment.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct NewRows {
    /// Index of the first such row.
    pub(in crate::sync) first_row: usize,
    /// Start times that belong to the segment.
    pub(in crate::sync) range: TimeRange,
    /// Start of the last row that the segment had read before this page.
    pub(in crate::sync) previous_start: Option<Timestamp>,
    /// What follows for what the segment's listing said so far.
    pub(in crate::sync) outcome: ListingOutcome,
}

/// What an API shows that is given no lower bound, or ignores it.
const DEFAULT_WINDOW_MILLIS: i64 = 15 * 24 * 3_600_000;

impl Walk {
    /// A walk over everything that starts in `range`, which begins with a whole second, in pages of
    /// `limit`.
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

    /// The page to ask for next.
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

    /// The first start that was shown at the beginning of the range or later.
    pub(in crate::sync) fn first_start(&self) -> Option<Timestamp> {
        self.segments.iter().filter_map(|segment| segment.first_start).min()
    }

    /// The first start that was shown at the end of the range or later.
    pub(in crate::sync) fn first_start_beyond(&self) -> Option<Timestamp> {
        let last = self.segments.iter().filter(|segment| segment.range.end == self.range.end);
        last.filter_map(|segment| segment.first_start_beyond).min()
    }

    /// Whether an empty beginning is to be asked for once more: the first time only.
    pub(in crate::sync) fn recheck_empty(&mut self) -> bool {
        let first = &mut self.segments[0];
        let insists = first.recheck_empty(0, 0);
        if insists {
            first.state = State::Idle;
        }
        insists
    }

    /// Number of rows that a page asks for by now: fewer than at first if the server grants less.
    pub(in crate::sync) fn limit(&self) -> u32 {
        self.limit
    }

    /// The API's clock is so far ahead of the one that the walk was given.
    pub(in crate::sync) fn note_clock(&mut self, ahead_millis: i64) {
        self.now = self.now.max(self.local_now.plus_millis(ahead_millis));
    }

    /// Pages are granted no more rows than this from now on.
    pub(in crate::sync) fn limit_pages(&mut self, rows: u32) {
        self.limit = self.limit.min(rows.max(1));
    }

    /// Takes the answer to `request`.
    ///
    /// # Errors
    ///
    /// [`SyncError`] when the answers cannot be completed to the whole window.
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
        if request.segment > 0 && segment.recheck_empty(request.offset, rows.len()) {
            return Ok(new_rows);
        }
        self.largest_page = self.largest_page.max(rows.len());
        let page = PageRef { rows, limit: request.limit, total_count };
        segment.note_edges(&page);
        let (step, first_new) =
            segment.listing.take(&page, segment.range.end, segment.memory.as_ref())?;
        new_rows.first_row = first_new;
        new_rows.outcome = match step {
            Step::Advanced => {
                if let Some(granted) = segment.listing.clamp.take(rows.len(), request.limit) {
                    self.limit = self.limit.min(granted);
                }
                segment.update_density();
                let is_last = self.trusts_counts
                    && rows.len() < request.limit as usize
                    && segment.listing.is_complete_by_count(total_count);
                if is_last || segment.has_only_new_rows(&page, self.largest_page, self.now) {
                    segment.state = State::Done;
                    ListingOutcome::Accepted
                } else {
                    segment.seek(rows)
                }
            }
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

    /// Gives half of the longest remaining range to a new segment.
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

    /// Goes on without lower bounds: one cursor, from the beginning.
    fn read_without_bounds(&mut self, bound: Timestamp, ended: Timestamp) -> Result<(), SyncError> {
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

/// The end of a row that had ended before the bound: no meaning of the bound lets it through.
fn end_before_bound(rows: &[Option<RowRef>], bound: Timestamp) -> Option<Timestamp> {
    let edge = bound.plus_millis(-BOUND_MARGIN_MILLIS);
    let before = rows.iter().flatten().filter(|row| row.start < edge);
    before.filter_map(|row| row.end).find(|end| *end < edge)
}

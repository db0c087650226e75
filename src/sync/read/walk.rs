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
use crate::sync::read::segment::{BOUND_MARGIN_MILLIS, Fate, Segment, State};
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
    Ask(PageRequest),
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
    given_now: Timestamp,
    limit: u32,
    /// Rows of the largest page.
    largest_page: usize,
    /// The API pays no heed to the lower bound: one cursor reads everything.
    pub(in crate::sync) unbounded: bool,
    /// Each segment has read its own: none is divided any more.
    pub(in crate::sync) is_joining: bool,
    /// A count is believed that says that a page is the last one.
    trusts_counts: bool,
    /// Start times of the records that the walk reads.
    range: TimeRange,
}

/// Which rows of a page were read for the first time by their segment.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Fresh {
    /// Index of the first such row.
    pub(in crate::sync) from_row: usize,
    /// Start times that belong to the segment.
    pub(in crate::sync) range: TimeRange,
    /// Start of the last row that the segment had read before this page.
    pub(in crate::sync) after: Option<Timestamp>,
    /// What follows for what the segment's listing said so far.
    pub(in crate::sync) fate: Fate,
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
            given_now: now,
            limit,
            largest_page: 0,
            unbounded: false,
            is_joining: false,
            trusts_counts,
            range,
        }
    }

    /// The page to ask for next.
    pub(in crate::sync) fn next_page(&mut self) -> Next {
        if let Some(index) = self.segments.iter().position(|s| s.state == State::Idle) {
            return Next::Ask(self.ask(index));
        }
        if self.segments.iter().all(|segment| segment.state == State::Done) {
            return Next::Done;
        }
        match self.split() {
            Some(index) => Next::Ask(self.ask(index)),
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
        last.filter_map(|segment| segment.beyond).min()
    }

    /// Whether an empty beginning is to be asked for once more: the first time only.
    pub(in crate::sync) fn insists(&mut self) -> bool {
        let first = &mut self.segments[0];
        let insists = first.insists(0, 0);
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
        self.now = self.now.max(self.given_now.plus_millis(ahead_millis));
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
    ) -> Result<Fresh, SyncError> {
        let segment = &mut self.segments[request.segment];
        let mut fresh = Fresh {
            from_row: rows.len(),
            range: segment.range,
            after: segment.listing.tail.as_ref().map(|tail| tail.start),
            fate: Fate::Open,
        };
        if segment.state == State::Done {
            return Ok(fresh);
        }
        segment.state = State::Idle;
        if !self.unbounded
            && let Some(ended) = row_beyond(rows, request.start_time)
        {
            self.give_up_bounds(request.start_time, ended)?;
            return Ok(fresh);
        }
        if request.segment > 0 && segment.insists(request.offset, rows.len()) {
            return Ok(fresh);
        }
        self.largest_page = self.largest_page.max(rows.len());
        let page = PageRef { rows, limit: request.limit, total_count };
        segment.note_edges(&page);
        let (step, fresh_from) =
            segment.listing.take(&page, segment.range.end, segment.memory.as_ref())?;
        fresh.from_row = fresh_from;
        fresh.fate = match step {
            Step::Advanced => {
                if let Some(granted) = segment.listing.clamp.take(rows.len(), request.limit) {
                    self.limit = self.limit.min(granted);
                }
                segment.learn();
                let is_last = self.trusts_counts
                    && rows.len() < request.limit as usize
                    && segment.listing.is_all(total_count);
                if is_last || segment.only_trickles(&page, self.largest_page, self.now) {
                    segment.state = State::Done;
                    Fate::Stands
                } else {
                    segment.seek(rows)
                }
            }
            Step::Done if segment.has_vanished() => segment.restart()?,
            Step::Done => {
                segment.state = State::Done;
                Fate::Stands
            }
            Step::Again => Fate::Open,
            Step::Gap => segment.restart()?,
            Step::NotConnected => segment.return_to_left()?,
            Step::Incomplete { group, expected } => segment.read_group_again(group, expected)?,
        };
        self.join_boundaries()?;
        Ok(fresh)
    }

    fn ask(&mut self, index: usize) -> PageRequest {
        let segment = &mut self.segments[index];
        segment.state = State::Asked;
        PageRequest {
            segment: index,
            start_time: segment.listing.bound,
            offset: segment.listing.next_offset(),
            limit: self.limit,
        }
    }

    /// Gives half of the longest remaining range to a new segment.
    fn split(&mut self) -> Option<usize> {
        if self.unbounded || self.is_joining {
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
    fn give_up_bounds(&mut self, bound: Timestamp, ended: Timestamp) -> Result<(), SyncError> {
        let window = self.now.floor_to_second().millis() - self.range.start.millis();
        if window > DEFAULT_WINDOW_MILLIS {
            return Err(SyncError::BoundIgnored { bound, ended });
        }
        self.unbounded = true;
        for segment in &mut self.segments {
            segment.state = State::Done;
        }
        self.segments.push(Segment::new(TimeRange::since(self.range.start), 0.0));
        Ok(())
    }
}

/// The end of a row that had ended before the bound: no meaning of the bound lets it through.
fn row_beyond(rows: &[Option<RowRef>], bound: Timestamp) -> Option<Timestamp> {
    let edge = bound.plus_millis(-BOUND_MARGIN_MILLIS);
    let before = rows.iter().flatten().filter(|row| row.start < edge);
    before.filter_map(|row| row.end).find(|end| *end < edge)
}

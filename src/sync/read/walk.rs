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
use crate::sync::extent::Extent;
use crate::sync::read::listing::{PageResult, Step};
use crate::sync::read::live::ReadTime;
use crate::sync::read::page::{PageRef, RowRef};
use crate::sync::read::segment::{ListingOutcome, Segment, State, end_before_bound};
use crate::sync::read::split::Remaining;
use records_api::record::{Status, TimeRange, Timestamp};

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
    /// Begin of the walk, where the last segment probably ends, and time of the last answer.
    pub(in crate::sync) time: ReadTime,
    /// Number of rows to request per page.
    limit: u32,
    /// Number of rows of the largest page.
    largest_page: usize,
    /// True if the API ignores the lower bound. One cursor then reads everything.
    pub(in crate::sync) ignores_bound: bool,
    /// True once all segments were read. From then on none is divided, only boundaries are checked.
    pub(in crate::sync) is_joining: bool,
    /// Number of segments without a record since the last full page.
    empty_splits: u32,
    /// Maximum number of segments.
    pub(in crate::sync) max_segments: usize,
    /// True if a count may prove that a short page is the last one.
    trusts_counts: bool,
    /// Start times of the records that the walk reads.
    range: TimeRange,
    /// The only status to list; `None` for all. Such a list proves nothing about its range, so it may
    /// omit records that change their status while it is read.
    status: Option<Status>,
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

/// Number of empty segments after which no segment is divided until a full page comes. After a burst of
/// starts the list looks denser than it is, and would be divided into thousands of empty segments.
const MAX_EMPTY_SPLITS: u32 = 4;
/// Window of an API that gets no lower bound, or ignores it.
const DEFAULT_WINDOW_MILLIS: i64 = 15 * 24 * 3_600_000;

impl Walk {
    /// Creates a walk over an extent, which must start in a whole second, in pages of `limit` rows.
    pub(in crate::sync) fn new(
        extent: &Extent,
        now: Timestamp,
        limit: u32,
        trusts_counts: bool,
    ) -> Self {
        let Extent { range, status } = *extent;
        Self {
            segments: vec![Segment::new(range, 0.0)],
            time: ReadTime::new(now),
            limit,
            largest_page: 0,
            ignores_bound: false,
            is_joining: false,
            empty_splits: 0,
            max_segments: usize::MAX,
            trusts_counts,
            range,
            status,
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

    /// Notes the local time of an answer, and by how many milliseconds the API's clock is ahead if the
    /// answer shows it.
    pub(in crate::sync) fn note_answer(&mut self, now: Timestamp, ahead_millis: Option<i64>) {
        self.time.note_answer(now, ahead_millis);
    }

    /// True for a list of one status.
    pub(in crate::sync) fn is_status_list(&self) -> bool {
        self.status.is_some()
    }

    /// True if a record may have begun after the walk did.
    pub(in crate::sync) fn is_later(&self, start: Timestamp) -> bool {
        self.time.may_be_later(start)
    }

    /// Returns the start up to which everything was read, if the list went on and its rest was left
    /// to the next poll.
    pub(in crate::sync) fn open_end(&self) -> Option<Timestamp> {
        self.segments.iter().filter_map(|segment| segment.open_end).min()
    }

    /// True if a position is beyond everything that a segment has read.
    pub(in crate::sync) fn is_beyond(&self, segment: usize, position: u64) -> bool {
        position > self.segments[segment].listing.received
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
        let is_empty_split = request.segment > 0 && rows.is_empty() && request.offset == 0;
        self.empty_splits += u32::from(is_empty_split);
        if rows.len() == request.limit as usize {
            self.empty_splits = 0;
        }
        let result = segment.listing.take(&page, segment.range.end, segment.memory.as_ref());
        let PageResult { step, first_new } = match result {
            Err(SyncError::Stuck { .. }) if self.is_status_list() => {
                PageResult { step: Step::Done, first_new: rows.len() }
            }
            result => result?,
        };
        new_rows.first_row = first_new;
        let has_new_rows = first_new < rows.len();
        new_rows.outcome = match step {
            Step::Advanced => self.advance(request.segment, &page, has_new_rows),
            Step::Undecided if self.ends_here(request.segment, &page, has_new_rows) => {
                ListingOutcome::Accepted
            }
            Step::Undecided => ListingOutcome::Continues,
            step => self.leave_listing(request.segment, step)?,
        };
        self.check_boundaries()?;
        Ok(new_rows)
    }

    /// Ends a segment whose listing is complete, or starts another listing if this one cannot be
    /// completed.
    fn leave_listing(&mut self, index: usize, step: Step) -> Result<ListingOutcome, SyncError> {
        let is_status_list = self.is_status_list();
        let segment = &mut self.segments[index];
        match step {
            Step::Gap | Step::NotConnected if is_status_list => Ok(segment.skip_moved()),
            Step::Gap => segment.restart(),
            Step::NotConnected => segment.return_to_previous(),
            Step::Incomplete { group, expected } => {
                segment.read_group_again(group, expected, is_status_list)
            }
            Step::Done if segment.has_vanished() => segment.restart(),
            Step::Advanced | Step::Undecided | Step::Done => {
                segment.state = State::Done;
                Ok(ListingOutcome::Accepted)
            }
        }
    }

    /// Ends a segment whose list goes on only because it changes while it is read.
    fn ends_here(&mut self, index: usize, page: &PageRef<'_>, has_new_rows: bool) -> bool {
        let is_status_list = self.is_status_list();
        let segment = &mut self.segments[index];
        if is_status_list {
            segment.ends_status_list(page, self.trusts_counts)
        } else {
            segment.ends_open(page, self.largest_page, &self.time, has_new_rows)
        }
    }

    /// Continues a segment after a page with new rows, unless the page is the last one.
    fn advance(&mut self, index: usize, page: &PageRef<'_>, has_new_rows: bool) -> ListingOutcome {
        let is_status_list = self.is_status_list();
        let segment = &mut self.segments[index];
        let last = segment.listing.tail.as_ref().map(|tail| tail.start);
        if !is_status_list
            && last.is_some_and(|last| self.time.is_quiet(last))
            && page.rows.iter().all(Option::is_some)
            && let Some(granted) = segment.clamp.take(page.rows.len(), page.limit)
        {
            self.limit = self.limit.min(granted);
        }
        segment.update_density(page.rows.len() * 2 < self.largest_page);
        // A short page alone proves nothing, nor does a count (see `Listing`).
        let is_last = self.trusts_counts
            && page.rows.len() < page.limit as usize
            && segment.listing.is_complete_by_count(page.total_count);
        if is_last {
            segment.state = State::Done;
            return ListingOutcome::Accepted;
        }
        if self.ends_here(index, page, has_new_rows) {
            return ListingOutcome::Accepted;
        }
        self.segments[index].seek(page.rows)
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
        if self.segments.len() >= self.max_segments
            || self.ignores_bound
            || self.is_joining
            || self.empty_splits >= MAX_EMPTY_SPLITS
        {
            return None;
        }
        let mut longest: Option<(usize, Remaining)> = None;
        for (index, segment) in self.segments.iter().enumerate() {
            let Some(remaining) = segment.remaining(self.time.begin) else { continue };
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
        let window = self.time.local_begin.floor_to_second().millis() - self.range.start.millis();
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

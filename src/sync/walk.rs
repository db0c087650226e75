//! The walk over the window: which page to ask for next, by several cursors side by side.
//!
//! The window is divided into segments of time. A cursor reads its segment as a [`Listing`] from
//! the segment's lower edge on and prefers *seeking* (a new listing that begins where it has
//! arrived) to deep offsets: they cost the server, and rows deleted behind the cursor shift what
//! lies ahead. While seeking would read much again (an API that compares intervals shows
//! everything that was still going on at the bound first; thousands of desktops start in the same
//! second) it goes on by offset.

use super::error::SyncError;
use super::listing::{GroupMemory, Listing, Step};
use super::split::Stretch;
use crate::record::{RecordKey, Timestamp};

/// A row as the walk sees it: identity, start, end. `None` for a rejected row.
pub type RowRef = Option<(RecordKey, Timestamp, Option<Timestamp>)>;

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
pub struct Walk {
    segments: Vec<Segment>,
    /// Where the last segment probably ends: the present.
    now: Timestamp,
    limit: u32,
    /// The API pays no heed to the lower bound: one cursor reads everything.
    unbounded: bool,
    window_start: Timestamp,
}

#[derive(Debug)]
struct Segment {
    /// Records that start here or later belong to this segment ...
    from: Timestamp,
    /// ... and before this; the last segment has no end.
    until: Option<Timestamp>,
    listing: Listing,
    /// The listing to return to when a new one does not take up where this one was left.
    left: Option<Box<Listing>>,
    seeks: bool,
    memory: Option<GroupMemory>,
    /// How far it has been read: the last start seen.
    reached: Timestamp,
    density: f64,
    /// Rows of the largest page.
    largest_page: usize,
    /// Short pages in a row that brought something new nevertheless.
    trickles: u32,
    restarts: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asked,
    Done,
}

/// Which rows of a page were read for the first time by their segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fresh {
    /// Index of the first such row.
    pub(super) from_row: usize,
    /// Lower edge of the segment.
    pub(super) from: Timestamp,
    /// Upper edge of the segment, exclusive.
    pub(super) until: Option<Timestamp>,
    /// Start of the last row that the segment had read before this page.
    pub(super) after: Option<Timestamp>,
    /// What follows for what the segment's listing said so far.
    pub(super) fate: Fate,
}

/// What becomes of what a listing said about its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Open,
    /// It stands: the next listing begins behind it.
    Stands,
    /// It will be read again from its beginning.
    ReadAgain,
}

/// An API that compares strictly (`>`) leaves out what starts at the bound, so bounds are sent a
/// second early.
const BOUND_MARGIN_MILLIS: i64 = 1000;
/// A seek may read again a quarter of what the listing has brought so far.
const SEEK_GAIN: u64 = 4;
/// Times that a segment is begun again because rows moved.
const MOST_RESTARTS: u32 = 10;
/// Readings of a group whose order changes each time. With random order n readings leave about
/// e^-n of it unseen: of 5,000 records none after 20.
const MOST_PASSES: u32 = 60;
/// Readings in a row that prove that the order of a group holds. The smallest group, two records
/// one by one, gives the same by chance in a quarter of the cases: here once in 10^9.
const PROVING_REPETITIONS: u32 = 15;
/// Short pages that are read at the end of the listing while each brings something new.
const MOST_TRICKLES: u32 = 8;
/// What an API shows that is given no lower bound, or ignores it.
const DEFAULT_WINDOW_MILLIS: i64 = 15 * 24 * 3_600_000;

impl Walk {
    /// A walk over everything that starts at `window_start` or later, in pages of `limit`.
    pub fn new(window_start: Timestamp, now: Timestamp, limit: u32) -> Self {
        let window_start = window_start.floor_to_second();
        let first = Segment::new(window_start, None, 0.0);
        Self { segments: vec![first], now, limit, unbounded: false, window_start }
    }

    /// The page to ask for next.
    pub fn next_page(&mut self) -> Next {
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

    /// Number of rows that a page asks for by now: fewer than at first if the server grants less.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes the answer to `request`.
    ///
    /// # Errors
    ///
    /// [`SyncError`] when the answers cannot be completed to the whole window.
    pub(super) fn take(
        &mut self,
        request: &PageRequest,
        rows: &[RowRef],
        total_count: Option<u64>,
    ) -> Result<Fresh, SyncError> {
        let segment = &mut self.segments[request.segment];
        let mut fresh = Fresh {
            from_row: rows.len(),
            from: segment.from,
            until: segment.until,
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
        let (step, fresh_from) =
            segment.listing.take(rows, total_count, segment.until, segment.memory.as_ref())?;
        fresh.from_row = fresh_from;
        fresh.fate = match step {
            Step::Advanced => {
                if let Some(granted) = segment.listing.clamped_to(rows.len(), request.limit) {
                    self.limit = self.limit.min(granted);
                }
                segment.learn();
                if segment.only_trickles(rows.len(), request.limit) {
                    segment.state = State::Done;
                    Fate::Stands
                } else {
                    segment.seek(rows)
                }
            }
            Step::Done => {
                segment.state = State::Done;
                Fate::Stands
            }
            Step::Again => Fate::Open,
            Step::Gap => segment.restart()?,
            Step::NotConnected => segment.return_to_left()?,
            Step::Incomplete { group, expected } => segment.read_group_again(group, expected)?,
        };
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

    /// Gives half of the longest stretch to a new segment.
    fn split(&mut self) -> Option<usize> {
        if self.unbounded {
            return None;
        }
        let mut longest: Option<(usize, Stretch)> = None;
        for (index, segment) in self.segments.iter().enumerate() {
            let Some(stretch) = segment.stretch(self.now) else { continue };
            if longest.as_ref().is_none_or(|(_, other)| stretch.is_longer_than(other)) {
                longest = Some((index, stretch));
            }
        }
        let (index, stretch) = longest?;
        let middle = stretch.middle(self.limit)?;
        let segment = &mut self.segments[index];
        let until = segment.until.replace(middle);
        self.segments.push(Segment::new(middle, until, stretch.density));
        Some(self.segments.len() - 1)
    }

    /// Goes on without lower bounds: one cursor, from the beginning.
    fn give_up_bounds(&mut self, bound: Timestamp, ended: Timestamp) -> Result<(), SyncError> {
        let window = self.now.floor_to_second().millis() - self.window_start.millis();
        if window > DEFAULT_WINDOW_MILLIS {
            return Err(SyncError::BoundIgnored { bound, ended });
        }
        self.unbounded = true;
        for segment in &mut self.segments {
            segment.state = State::Done;
        }
        self.segments.push(Segment::new(self.window_start, None, 0.0));
        Ok(())
    }
}

/// The end of a row that had ended before the bound: no meaning of the bound lets it through.
fn row_beyond(rows: &[RowRef], bound: Timestamp) -> Option<Timestamp> {
    let edge = bound.plus_millis(-BOUND_MARGIN_MILLIS);
    rows.iter().flatten().find_map(|(_, start, end)| end.filter(|end| *end < edge && *start < edge))
}

impl Segment {
    fn new(from: Timestamp, until: Option<Timestamp>, density: f64) -> Self {
        Self {
            from,
            until,
            listing: Listing::new(from.plus_millis(-BOUND_MARGIN_MILLIS)),
            left: None,
            seeks: true,
            memory: None,
            reached: from,
            density,
            largest_page: 0,
            trickles: 0,
            restarts: 0,
            state: State::Idle,
        }
    }

    /// What is left to read, if it is known how dense it is.
    fn stretch(&self, now: Timestamp) -> Option<Stretch> {
        if self.state == State::Done || self.density <= 0.0 {
            return None;
        }
        Some(Stretch {
            reached: self.reached,
            end: self.until.unwrap_or(now),
            density: self.density,
            prefix: self.listing.before_bound,
        })
    }

    fn learn(&mut self) {
        let Some(tail) = &self.listing.tail else { return };
        self.reached = self.reached.max(tail.start);
        let span = tail.start.millis() - self.listing.bound.millis();
        let rows = self.listing.received - self.listing.before_bound.min(self.listing.received);
        if span > 0 && rows > 0 {
            self.density = rows as f64 / span as f64;
        }
    }

    /// Whether the end was reached and only what has begun since comes in: where recordings begin
    /// faster than requests are answered, waiting for an empty page would never end.
    fn only_trickles(&mut self, rows: usize, limit: u32) -> bool {
        self.largest_page = self.largest_page.max(rows);
        let is_short = rows * 2 < self.largest_page && rows < limit as usize;
        self.trickles = if is_short { self.trickles + 1 } else { 0 };
        self.until.is_none() && self.listing.is_connected() && self.trickles >= MOST_TRICKLES
    }

    /// Begins a new listing where this one has arrived, if that reads little again.
    fn seek(&mut self, page: &[RowRef]) -> Fate {
        if self.listing.is_connected() {
            self.left = None;
        }
        let Some(tail) = &self.listing.tail else { return Fate::Open };
        let bound = tail.start.floor_to_second().plus_millis(-BOUND_MARGIN_MILLIS);
        if !self.seeks || bound <= self.listing.bound || !self.listing.is_connected() {
            return Fate::Open;
        }
        let again = page.iter().flatten().filter(|(_, start, _)| *start >= bound).count();
        let reaches_back_further = again == page.iter().flatten().count();
        let cost = self.listing.before_bound + again as u64;
        if reaches_back_further || cost * SEEK_GAIN > self.listing.received {
            return Fate::Open;
        }
        let next = Listing::taking_up(bound, tail.start, tail.ids.clone());
        self.left = Some(Box::new(std::mem::replace(&mut self.listing, next)));
        // Under another bound a group that began before it may have fewer members.
        self.memory = None;
        Fate::Stands
    }

    fn return_to_left(&mut self) -> Result<Fate, SyncError> {
        self.seeks = false;
        self.memory = None;
        match self.left.take() {
            Some(left) => {
                self.listing = *left;
                Ok(Fate::Open)
            }
            None => self.restart(),
        }
    }

    fn restart(&mut self) -> Result<Fate, SyncError> {
        self.restarts += 1;
        if self.restarts > MOST_RESTARTS {
            return Err(SyncError::Moving { near: self.reached });
        }
        self.left = None;
        self.listing = Listing::new(self.listing.bound);
        Ok(Fate::ReadAgain)
    }

    fn read_group_again(
        &mut self,
        group: super::listing::Group,
        expected: u64,
    ) -> Result<Fate, SyncError> {
        let start = group.start;
        self.listing.set_back_to(&group);
        let memory = match self.memory.take().filter(|memory| memory.start == start) {
            None => GroupMemory {
                start,
                ids: group.ids,
                sequence: group.sequence,
                passes: 1,
                repetitions: 0,
                repeats_itself: false,
            },
            Some(mut memory) => {
                let same = memory.sequence == group.sequence;
                memory.repetitions = if same { memory.repetitions + 1 } else { 0 };
                memory.repeats_itself = memory.repetitions >= PROVING_REPETITIONS;
                memory.sequence = group.sequence;
                memory.passes += 1;
                memory.ids.extend(group.ids);
                memory
            }
        };
        if memory.passes > MOST_PASSES {
            let missing = expected.saturating_sub(memory.ids.len() as u64);
            return Err(SyncError::Unordered { start, expected, missing });
        }
        self.memory = Some(memory);
        Ok(Fate::Open)
    }
}

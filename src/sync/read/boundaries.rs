//! Proves that no record lies between neighbouring segments of a walk.
//!
//! A segment ends where its listing shows the first row after its end, and the next segment starts
//! there with a listing of its own. If the left listing shows a row before the first one of the
//! right listing, or none where the right one has some, one of the two is incomplete. The left
//! listing is then continued until it reaches the first row of the right one, or has read the whole
//! right segment.

use crate::sync::error::SyncError;
use crate::sync::read::segment::{Segment, State};
use crate::sync::read::walk::Walk;
use records_api::record::{TimeRange, Timestamp};

impl Walk {
    /// Checks the boundaries once all segments are read. Continues a segment that does not reach
    /// the next one; its next page leads here again.
    pub(in crate::sync) fn check_boundaries(&mut self) -> Result<(), SyncError> {
        if self.ignores_bound
            || self.is_status_list()
            || self.segments.iter().any(|segment| segment.state != State::Done)
        {
            return Ok(());
        }
        if !std::mem::replace(&mut self.is_joining, true) && self.request_beyond_end() {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.segments.len()).collect();
        order.sort_by_key(|index| self.segments[*index].range.start);
        let mut left = order[0];
        for right in order.into_iter().skip(1) {
            let Segment { first_start: first, range, .. } = self.segments[right];
            // Records that begin meanwhile may be in one of the two lists only. The next poll reads them
            // again.
            let first = first.filter(|first| self.time.is_quiet(*first));
            let seen = self.segments[left].first_start_beyond;
            let seen = seen.filter(|seen| self.time.is_quiet(*seen));
            // If the right listing begins no later than the row that the left one saw, it has that
            // row.
            let meets = match (seen, first) {
                (None, None) => true,
                (Some(seen), Some(first)) => first <= seen,
                _ => false,
            };
            let goal = first.or(range.end);
            if !meets && !self.segments[left].extends_to(goal) {
                self.segments[left].extend_to(goal);
                return Ok(());
            }
            match first {
                Some(first) if !meets && seen.is_none() => {
                    return Err(SyncError::Apart { ended: self.segments[left].reached, first });
                }
                Some(_) => left = right,
                // An empty segment proves nothing, so the left one must reach the segment after it.
                None => {}
            }
        }
        Ok(())
    }

    /// Adds a segment after the last row if the API counts more rows than it listed, since a server
    /// may cut long lists. Returns false if nothing is to be requested.
    fn request_beyond_end(&mut self) -> bool {
        let Some(last) = self.segments.iter_mut().find(|segment| segment.range.is_unbounded())
        else {
            return false;
        };
        let tail = last.listing.tail.as_ref().filter(|tail| tail.start >= last.range.start);
        let Some(tail) = tail.filter(|_| last.counts_more) else { return false };
        // The bound is sent a second early, and must lie after the second of the last row:
        // otherwise the answer would hold that row and prove nothing.
        let from = tail.start.floor_to_second().plus_millis(2000);
        last.range.end = Some(from);
        let mut after_end = Segment::new(TimeRange::since(from), 0.0);
        // An empty answer is the expected one.
        after_end.rechecked_empty = true;
        self.segments.push(after_end);
        true
    }
}

impl Segment {
    /// True if the segment extends to `goal`, or to the end of the window if that is `None`.
    fn extends_to(&self, goal: Option<Timestamp>) -> bool {
        self.range.end.is_none_or(|end| goal.is_some_and(|goal| end >= goal))
    }

    /// Extends the segment to `goal`, so that its cursor continues.
    fn extend_to(&mut self, goal: Option<Timestamp>) {
        self.range.end = goal;
        self.first_start_beyond = None;
        self.state = State::Idle;
    }
}

//! Where the segments of a walk meet: what proves that nothing lies between them.
//!
//! A segment ends where its listing shows the first row behind its upper edge, and the next one
//! begins at that edge with a listing of its own. If the left one saw a row there before the one
//! that the right one begins with, or none where the right one has some, one of the two was told
//! less than there is. The left listing then goes on, from row to row as the sort has them, until
//! it reaches what the right one begins with, or has read all of it.

use crate::sync::error::SyncError;
use crate::sync::read::segment::{Segment, State};
use crate::sync::read::walk::Walk;
use records_api::record::{TimeRange, Timestamp};

impl Walk {
    /// Called when each segment has read its own: sets one to work again if it does not reach the
    /// next one.
    pub(in crate::sync) fn check_boundaries(&mut self) -> Result<(), SyncError> {
        if self.ignores_bound || self.segments.iter().any(|segment| segment.state != State::Done) {
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
            let seen = self.segments[left].first_start_beyond;
            let meets = match (seen, first) {
                (None, None) => true,
                (Some(seen), Some(first)) => first <= seen,
                _ => false,
            };
            let goal = first.or(range.end);
            if !meets && !self.segments[left].has_read_up_to(goal) {
                self.segments[left].go_on_to(goal);
                return Ok(());
            }
            match first {
                Some(first) if !meets && seen.is_none() => {
                    return Err(SyncError::Apart { ended: self.segments[left].reached, first });
                }
                Some(_) => left = right,
                None => {}
            }
        }
        Ok(())
    }

    /// Where the count says that there is more than the listing showed, asks once behind its end:
    /// a server may cut what lies deep. Returns whether there is something to ask.
    fn request_beyond_end(&mut self) -> bool {
        let Some(last) = self.segments.iter_mut().find(|segment| segment.range.is_unbounded())
        else {
            return false;
        };
        let tail = last.listing.tail.as_ref().filter(|tail| tail.start >= last.range.start);
        let Some(tail) = tail.filter(|_| last.counts_more) else { return false };
        // Beyond the group of the tail, by the margin that a bound is sent early.
        let from = tail.start.floor_to_second().plus_millis(2000);
        last.range.end = Some(from);
        let mut behind = Segment::new(TimeRange::since(from), 0.0);
        behind.rechecked_empty = true;
        self.segments.push(behind);
        true
    }
}

impl Segment {
    /// Whether its own part reaches as far as `goal`, the end of the window if there is none.
    fn has_read_up_to(&self, goal: Option<Timestamp>) -> bool {
        self.range.end.is_none_or(|end| goal.is_some_and(|goal| end >= goal))
    }

    fn go_on_to(&mut self, goal: Option<Timestamp>) {
        self.range.end = goal;
        self.first_start_beyond = None;
        self.state = State::Idle;
    }
}

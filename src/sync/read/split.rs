//! Where a walk is divided, so that several cursors share the work.

use records_api::record::Timestamp;

/// What a cursor has still to read.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Stretch {
    /// Where it has arrived.
    pub(in crate::sync) reached: Timestamp,
    /// Where it ends.
    pub(in crate::sync) end: Timestamp,
    /// Records per millisecond, as far as known.
    pub(in crate::sync) density: f64,
    /// Rows that any listing inside of it shows before its bound.
    pub(in crate::sync) prefix: u64,
}

/// A stretch shorter than this many pages is left to one cursor: a second one would spend its
/// saving on finding the edges.
const FEWEST_PAGES: f64 = 4.0;

impl Stretch {
    fn rows(&self) -> f64 {
        let span = self.end.millis().saturating_sub(self.reached.millis()).max(0);
        span as f64 * self.density
    }

    /// The middle of what is left, in whole seconds, if two cursors would be faster than one.
    pub(in crate::sync) fn middle(&self, page: u32) -> Option<Timestamp> {
        let worth = FEWEST_PAGES * f64::from(page) + 4.0 * self.prefix as f64;
        let half = self.end.millis().saturating_sub(self.reached.millis()) / 2;
        let middle = self.reached.plus_millis(half).floor_to_second();
        let inside = middle > self.reached.plus_millis(1000) && middle < self.end;
        (self.rows() >= worth && inside).then_some(middle)
    }

    /// Orders stretches by the work that is left.
    pub(in crate::sync) fn is_longer_than(&self, other: &Self) -> bool {
        self.rows() > other.rows()
    }
}

//! Where a walk is divided, so that several cursors share the work.

use records_api::record::{TimeRange, Timestamp};

/// What a cursor has still to read.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Remaining {
    /// From where it has arrived until where it ends.
    pub(in crate::sync) range: TimeRange,
    /// Records per millisecond, as far as known.
    pub(in crate::sync) density: f64,
    /// Rows that any listing inside of it shows before its bound.
    pub(in crate::sync) rows_before_bound: u64,
}

/// A range shorter than this many pages is left to one cursor: a second one would spend its
/// saving on finding the edges.
const MIN_SPLIT_PAGES: f64 = 4.0;

impl Remaining {
    fn rows(&self) -> f64 {
        self.millis() as f64 * self.density
    }

    fn millis(&self) -> i64 {
        let length = self.range.duration().map(|length| length.as_millis());
        length.and_then(|millis| i64::try_from(millis).ok()).unwrap_or(0)
    }

    /// The middle of what is left, in whole seconds, if two cursors would be faster than one.
    pub(in crate::sync) fn middle(&self, page: u32) -> Option<Timestamp> {
        let worth = MIN_SPLIT_PAGES * f64::from(page) + 4.0 * self.rows_before_bound as f64;
        let reached = self.range.start;
        let middle = reached.plus_millis(self.millis() / 2).floor_to_second();
        let inside = middle > reached.plus_millis(1000) && self.range.contains(middle);
        (self.rows() >= worth && inside).then_some(middle)
    }

    /// Orders them by the work that is left.
    pub(in crate::sync) fn is_longer_than(&self, other: &Self) -> bool {
        self.rows() > other.rows()
    }
}

//! Decides where a walk is divided, so that several cursors share the work.

use records_api::record::{TimeRange, Timestamp};

/// The part of a segment that its cursor has not read yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Remaining {
    /// From the last start read until the end of the segment.
    pub(in crate::sync) range: TimeRange,
    /// Estimated number of records per millisecond.
    pub(in crate::sync) density: f64,
    /// Number of rows before its bound that each listing within the range would repeat.
    pub(in crate::sync) rows_before_bound: u64,
}

/// A range of fewer pages is left to one cursor. A second one would spend more requests on the
/// edges than it saves.
const MIN_SPLIT_PAGES: f64 = 4.0;

impl Remaining {
    /// Returns the middle of the range, in whole seconds, if two cursors would be faster than one.
    pub(in crate::sync) fn middle(&self, page_size: u32) -> Option<Timestamp> {
        let min_rows = MIN_SPLIT_PAGES * f64::from(page_size) + 4.0 * self.rows_before_bound as f64;
        let reached = self.range.start;
        let middle = reached.plus_millis(self.millis() / 2).floor_to_second();
        // A bound is sent a second early. A middle within the second after `reached` would make the
        // new cursor read what this one has read.
        let is_inside = middle > reached.plus_millis(1000) && self.range.contains(middle);
        (self.rows() >= min_rows && is_inside).then_some(middle)
    }

    /// True if more rows remain here than in `other`.
    pub(in crate::sync) fn is_longer_than(&self, other: &Self) -> bool {
        self.rows() > other.rows()
    }

    /// Estimated number of rows.
    fn rows(&self) -> f64 {
        self.millis() as f64 * self.density
    }

    fn millis(&self) -> i64 {
        let length = self.range.duration().map(|length| length.as_millis());
        length.and_then(|millis| i64::try_from(millis).ok()).unwrap_or(0)
    }
}

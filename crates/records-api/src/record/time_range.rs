//! Half-open ranges of time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// A half-open range of time: from `start`, inclusive, until `end`, exclusive. Without an end it
/// has no upper bound.
///
/// A record belongs to a range if its `start_time` does. Adjacent ranges have an edge in common but
/// no point in time, so a record belongs to at most one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    /// First point in time of the range.
    pub start: Timestamp,
    /// First point in time after the range; `None` if the range is unbounded.
    pub end: Option<Timestamp>,
}

impl TimeRange {
    /// Creates the range from `start`, inclusive, until `end`, exclusive. It is empty if `end` is
    /// not after `start`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end: Some(end) }
    }

    /// Creates the unbounded range from `start`, inclusive.
    pub const fn since(start: Timestamp) -> Self {
        Self { start, end: None }
    }

    /// True if `time` belongs to the range.
    pub fn contains(self, time: Timestamp) -> bool {
        self.start <= time && !self.ends_by(time)
    }

    /// True if `other` lies within the range. An empty range lies within all ranges.
    pub fn contains_range(self, other: Self) -> bool {
        let ends_within = match (self.end, other.end) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(end), Some(other_end)) => other_end <= end,
        };
        other.is_empty() || (self.start <= other.start && ends_within)
    }

    /// True if no point in time belongs to the range.
    pub fn is_empty(self) -> bool {
        self.ends_by(self.start)
    }

    /// True if the range has no upper bound.
    pub fn is_unbounded(self) -> bool {
        self.end.is_none()
    }

    /// True if the range starts before `time`.
    pub fn starts_before(self, time: Timestamp) -> bool {
        self.start < time
    }

    /// True if the range ends at `time` or earlier. False for an unbounded range.
    pub fn ends_by(self, time: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= time)
    }

    /// Returns the range that both ranges have in common; an empty range if there is none.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let end = match (self.end, other.end) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (end, None) | (None, end) => end,
        };
        Self { start: self.start.max(other.start), end }
    }

    /// True if the ranges have a point in time in common.
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Returns the length of the range, zero if it is empty; `None` if it is unbounded.
    pub fn duration(self) -> Option<Duration> {
        let millis = self.end?.millis().saturating_sub(self.start.millis());
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn range(start: i64, end: impl Into<Option<i64>>) -> TimeRange {
        TimeRange { start: at(start), end: end.into().map(at) }
    }

    #[test]
    fn the_start_belongs_to_a_range_and_the_end_does_not() {
        let cases = [
            (range(10, 20), 9, false),
            (range(10, 20), 10, true),
            (range(10, 20), 19, true),
            (range(10, 20), 20, false),
            (range(10, None), 9, false),
            (range(10, None), 10, true),
            (range(10, None), i64::MAX, true),
            (range(10, 10), 10, false),
            (range(20, 10), 15, false),
        ];
        for (range, time, expected) in cases {
            assert_eq!(range.contains(at(time)), expected, "{range:?} {time}");
        }
    }

    #[test]
    fn a_range_is_empty_if_its_end_is_not_after_its_start() {
        let cases = [
            (range(10, 11), false, Some(1)),
            (range(10, 10), true, Some(0)),
            (range(11, 10), true, Some(0)),
            (range(i64::MIN, i64::MAX), false, Some(i64::MAX.unsigned_abs())),
            (range(10, None), false, None),
            (range(i64::MAX, None), false, None),
        ];
        for (range, is_empty, millis) in cases {
            assert_eq!(range.is_empty(), is_empty, "{range:?}");
            assert_eq!(range.duration(), millis.map(Duration::from_millis), "{range:?}");
            assert_eq!(range.is_unbounded(), millis.is_none(), "{range:?}");
        }
    }

    #[test]
    fn edges_are_compared_with_times() {
        let cases = [
            (range(10, 20), 10, false, false),
            (range(10, 20), 11, true, false),
            (range(10, 20), 19, true, false),
            (range(10, 20), 20, true, true),
            (range(10, None), i64::MAX, true, false),
        ];
        for (range, time, starts_before, ends_by) in cases {
            assert_eq!(range.starts_before(at(time)), starts_before, "{range:?} {time}");
            assert_eq!(range.ends_by(at(time)), ends_by, "{range:?} {time}");
        }
    }

    #[test]
    fn ranges_are_compared_with_each_other() {
        // one, other, whether one contains the other, whether they overlap
        let cases = [
            (range(10, 20), range(10, 20), true, true),
            (range(10, 20), range(12, 18), true, true),
            (range(10, 20), range(15, 21), false, true),
            (range(10, 20), range(20, 30), false, false),
            (range(10, 20), range(0, 10), false, false),
            (range(10, 20), range(15, None), false, true),
            (range(10, 20), range(20, None), false, false),
            (range(10, None), range(15, 20), true, true),
            (range(10, None), range(15, None), true, true),
            (range(10, None), range(9, None), false, true),
            (range(10, 20), range(50, 50), true, false),
            (range(10, 20), range(15, 15), true, false),
            (range(10, 10), range(10, 20), false, false),
        ];
        for (one, other, contains, overlaps) in cases {
            assert_eq!(one.contains_range(other), contains, "{one:?} {other:?}");
            assert_eq!(one.overlaps(other), overlaps, "{one:?} {other:?}");
            assert_eq!(other.overlaps(one), overlaps, "{one:?} {other:?}");
        }
        assert_eq!(range(10, 20).intersection(range(15, None)), range(15, 20));
        assert_eq!(range(10, None).intersection(range(5, None)), range(10, None));
        assert!(range(10, 20).intersection(range(30, 40)).is_empty());
    }

    #[test]
    fn constructors_set_both_edges() {
        assert_eq!(TimeRange::new(at(10), at(20)), range(10, 20));
        assert_eq!(TimeRange::since(at(10)), range(10, None));
    }
}

//! Revisions of the failed records by the hour in which they start.
//!
//! A list of all failed records is kept up to date at the cost of the hours that have changed, and not of
//! the window.

use std::collections::BTreeMap;

use records_api::record::{TimeRange, Timestamp};

const HOUR_MILLIS: i64 = 3_600_000;

/// Number of an hour: those since 1970.
pub type Hour = i64;

/// Revisions of the failed records by the hour in which they start.
#[derive(Debug, Clone, Default)]
pub struct FailedRevisions {
    latest: u64,
    /// Revision of the last change of all hours at once.
    all: u64,
    /// Revision of the last change, for each hour that may have failed records.
    hours: BTreeMap<Hour, u64>,
}

impl FailedRevisions {
    /// Notes a change of a failed record.
    pub(super) fn note(&mut self, start: Timestamp) {
        self.latest += 1;
        self.hours.insert(hour_of(start), self.latest);
    }

    /// Notes a change that concerns all failed records, such as that of a slot.
    pub(super) fn note_all(&mut self) {
        self.latest += 1;
        self.all = self.latest;
    }

    /// Drops the hours that end before `edge`, in which no record is left.
    pub(super) fn expire(&mut self, edge: Timestamp) {
        self.hours = self.hours.split_off(&hour_of(edge));
    }

    /// Returns a number that grows with every change.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Returns the hours that may have failed records, each with whether it has changed since `revision`.
    pub fn since(&self, revision: u64) -> impl DoubleEndedIterator<Item = (Hour, bool)> {
        let has_all_changed = self.all > revision;
        self.hours.iter().map(move |(hour, last)| (*hour, has_all_changed || *last > revision))
    }
}

/// Returns the hour in which a record starts.
fn hour_of(start: Timestamp) -> Hour {
    start.millis().div_euclid(HOUR_MILLIS)
}

/// Returns the times of an hour.
pub(super) fn times_of(hour: Hour) -> TimeRange {
    let start = Timestamp::from_millis(hour.saturating_mul(HOUR_MILLIS));
    TimeRange::new(start, start.plus_millis(HOUR_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_changed_since_earlier_revisions() {
        let at = |hour: i64| Timestamp::from_millis(hour * HOUR_MILLIS + 59);
        let mut revisions = FailedRevisions::default();
        revisions.note(at(7));
        let first = revisions.latest();
        revisions.note(at(9));
        let since = |revisions: &FailedRevisions, revision| -> Vec<_> {
            revisions.since(revision).collect()
        };
        assert_eq!(since(&revisions, 0), [(7, true), (9, true)]);
        assert_eq!(since(&revisions, first), [(7, false), (9, true)]);
        assert_eq!(since(&revisions, revisions.latest()), [(7, false), (9, false)]);
        let second = revisions.latest();
        revisions.note_all();
        assert_eq!(since(&revisions, second), [(7, true), (9, true)]);
        revisions.expire(at(8));
        assert_eq!(since(&revisions, revisions.latest()), [(9, false)]);
        assert_eq!(
            times_of(-1),
            TimeRange::new(Timestamp::from_millis(-HOUR_MILLIS), times_of(0).start)
        );
    }
}

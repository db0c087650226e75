//! Rejected rows and unknown values, by their place in the window.
//!
//! A range that is read again replaces the anomalies in it and leaves the others alone.

use std::collections::BTreeMap;

use records_api::record::{RejectionReason, TimeRange, Timestamp};

/// A part of an answer that could not be interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anomaly {
    /// A row, for this reason.
    Rejected(RejectionReason),
    /// The value of a field, by its name.
    Unknown(&'static str),
}

/// Number of anomalies that are remembered. It limits the memory that a broken API can take; the
/// figures do not rise above it.
const MAX_ANOMALIES: usize = 200_000;

/// Anomalies found in the ranges of the window that were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Anomalies {
    /// Ranges of start times that were read completely.
    covered: Vec<TimeRange>,
    /// Anomalies by the start of their record. A row without a readable start has that of the row
    /// before it.
    found: Vec<(Timestamp, Anomaly)>,
}

impl Anomalies {
    /// Adds an anomaly.
    pub(super) fn note(&mut self, at: Timestamp, anomaly: Anomaly) {
        if self.found.len() < MAX_ANOMALIES {
            self.found.push((at, anomaly));
        }
    }

    /// Notes that `range` was read completely. Drops the anomalies outside of it: the read that
    /// covers their place reports them too, and they would count twice.
    pub(super) fn cover(&mut self, range: TimeRange) {
        self.covered = vec![range];
        self.found.retain(|(at, _)| range.contains(*at));
    }

    /// Replaces the anomalies in the ranges that a later read covers.
    pub fn merge(&mut self, later: Self) {
        self.found.retain(|(at, _)| !later.covered.iter().any(|range| range.contains(*at)));
        self.covered.extend(later.covered);
        let room = MAX_ANOMALIES.saturating_sub(self.found.len());
        self.found.extend(later.found.into_iter().take(room));
    }

    /// Drops the anomalies that start before `edge`, and the covered ranges.
    pub fn expire(&mut self, edge: Timestamp) {
        self.found.retain(|(at, _)| *at >= edge);
        self.covered.clear();
    }

    /// Returns whether further anomalies are not remembered.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_ANOMALIES
    }

    /// Returns the number of rejected rows, by reason.
    pub fn rejected(&self) -> BTreeMap<RejectionReason, u64> {
        let reasons = self.found.iter().filter_map(|(_, anomaly)| match anomaly {
            Anomaly::Rejected(reason) => Some(*reason),
            Anomaly::Unknown(_) => None,
        });
        count_each(reasons)
    }

    /// Returns the number of records with an unknown value, by field.
    pub fn unknown_values(&self) -> BTreeMap<String, u64> {
        let fields = self.found.iter().filter_map(|(_, anomaly)| match anomaly {
            Anomaly::Rejected(_) => None,
            Anomaly::Unknown(field) => Some(*field),
        });
        count_each(fields).into_iter().map(|(field, count)| (field.to_owned(), count)).collect()
    }
}

fn count_each<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_is_read_again_replaces_its_anomalies_and_no_others() {
        let at = Timestamp::from_millis;
        let read = |start, end: Option<i64>, found: &[(i64, Anomaly)]| {
            let mut anomalies = Anomalies::default();
            for (start, anomaly) in found {
                anomalies.note(at(*start), *anomaly);
            }
            anomalies.cover(TimeRange { start: at(start), end: end.map(at) });
            anomalies
        };
        let (size, row) = (Anomaly::Unknown("size"), Anomaly::Rejected(RejectionReason::NoId));
        let mut all = read(0, None, &[(-1, row), (1, row), (5, row), (5, size), (9, size)]);
        assert_eq!(all.rejected(), [(RejectionReason::NoId, 2)].into());
        assert_eq!(all.unknown_values(), [("size".to_owned(), 2)].into());
        all.merge(read(4, Some(9), &[(6, row), (9, size)]));
        assert_eq!(all.rejected(), [(RejectionReason::NoId, 2)].into());
        assert_eq!(all.unknown_values(), [("size".to_owned(), 1)].into());
        all.merge(read(0, Some(2), &[]));
        all.expire(at(9));
        assert!(all.rejected().is_empty());
        assert_eq!(all.unknown_values(), [("size".to_owned(), 1)].into());
    }
}

//! What could not be understood, by where in the window it lies: a stretch that is read again
//! replaces what was said of it before, and of it only.

use std::collections::BTreeMap;

use records_api::record::{RejectionReason, TimeRange, Timestamp};

/// Something that could not be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anomaly {
    /// A row, for this reason.
    Rejected(RejectionReason),
    /// The value of a field, by its name.
    Unknown(&'static str),
}

/// More than these are not remembered: the figures say so many, and there is enough to look into.
const MAX_ANOMALIES: usize = 200_000;

/// What could not be understood in some stretches of the window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Anomalies {
    /// Ranges of start times that were read completely.
    covered: Vec<TimeRange>,
    /// By the start of the record, or of one beside it.
    found: Vec<(Timestamp, Anomaly)>,
}

impl Anomalies {
    /// Notes one.
    pub(super) fn note(&mut self, at: Timestamp, anomaly: Anomaly) {
        if self.found.len() < MAX_ANOMALIES {
            self.found.push((at, anomaly));
        }
    }

    /// All of a stretch has been read: what was noted elsewhere is somebody else's to say.
    pub(super) fn cover(&mut self, range: TimeRange) {
        self.covered = vec![range];
        self.found.retain(|(at, _)| range.contains(*at));
    }

    /// Takes over what a later reading says of its stretches.
    pub fn merge(&mut self, later: Self) {
        self.found.retain(|(at, _)| !later.covered.iter().any(|range| range.contains(*at)));
        self.covered.extend(later.covered);
        let room = MAX_ANOMALIES.saturating_sub(self.found.len());
        self.found.extend(later.found.into_iter().take(room));
    }

    /// Forgets what starts before `edge`, and what was read when.
    pub fn expire(&mut self, edge: Timestamp) {
        self.found.retain(|(at, _)| *at >= edge);
        self.covered.clear();
    }

    /// Rows that could not be understood.
    pub fn rejected(&self) -> BTreeMap<RejectionReason, u64> {
        let reasons = self.found.iter().filter_map(|(_, anomaly)| match anomaly {
            Anomaly::Rejected(reason) => Some(*reason),
            Anomaly::Unknown(_) => None,
        });
        count_each(reasons)
    }

    /// Records with a value that could not be understood, by field.
    pub fn unknown_values(&self) -> BTreeMap<&'static str, u64> {
        let fields = self.found.iter().filter_map(|(_, anomaly)| match anomaly {
            Anomaly::Rejected(_) => None,
            Anomaly::Unknown(field) => Some(*field),
        });
        count_each(fields)
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
    fn a_stretch_that_is_read_again_replaces_what_was_said_of_it() {
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
        assert_eq!(all.unknown_values(), [("size", 2)].into());
        all.merge(read(4, Some(9), &[(6, row), (9, size)]));
        assert_eq!(all.rejected(), [(RejectionReason::NoId, 2)].into());
        assert_eq!(all.unknown_values(), [("size", 1)].into());
        all.merge(read(0, Some(2), &[]));
        all.expire(at(9));
        assert!(all.rejected().is_empty());
        assert_eq!(all.unknown_values(), [("size", 1)].into());
    }
}

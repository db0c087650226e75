//! Faults of rows: defects, duplicates and omissions of a fixed share of the records.

use crate::mix::{high, low, mix};

/// The defect of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowDefect {
    /// `null` instead of the row
    Null,
    /// A string instead of the row
    Text,
    /// The row has no `id`
    NoId,
    /// The row has no `start_time`
    NoStart,
    /// `start_time` is `yesterday`
    BadStart,
    /// Strings instead of numbers, and numbers instead of strings
    WrongTypes,
    /// `size` is -1
    NegativeSize,
    /// `status` is null
    NullStatus,
    /// `status` is an empty string
    EmptyStatus,
    /// `status` is an array
    OddStatus,
    /// Type, pool and user are null
    NullLabels,
}

impl RowDefect {
    /// Every defect with its name.
    pub(crate) const NAMES: [(&'static str, Self); 11] = [
        ("null", Self::Null),
        ("text", Self::Text),
        ("no-id", Self::NoId),
        ("no-start", Self::NoStart),
        ("bad-start", Self::BadStart),
        ("wrong-types", Self::WrongTypes),
        ("negative-size", Self::NegativeSize),
        ("null-status", Self::NullStatus),
        ("empty-status", Self::EmptyStatus),
        ("odd-status", Self::OddStatus),
        ("null-labels", Self::NullLabels),
    ];
}

/// A fault that changes a share of the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowFault {
    pub(crate) change: RowChange,
    pub(crate) share: f64,
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RowChange {
    Defect(RowDefect),
    Duplicate,
    Omit,
}

impl RowFault {
    /// Returns the number of copies of a record's row, and its defect.
    pub(crate) fn combine(faults: &[Self], id: u128) -> (usize, Option<RowDefect>) {
        let (mut copies, mut defect) = (1, None);
        for fault in faults.iter().filter(|fault| fault.hits(id)) {
            match fault.change {
                RowChange::Defect(new) => defect = defect.or(Some(new)),
                RowChange::Duplicate => copies *= 2,
                RowChange::Omit => copies = 0,
            }
        }
        (copies, defect)
    }

    /// Returns the defect of a record's row.
    pub(crate) fn defect(faults: &[Self], id: u128) -> Option<RowDefect> {
        Self::combine(faults, id).1
    }

    pub(crate) fn hits(&self, id: u128) -> bool {
        let draw = mix(high(id) ^ mix(low(id) ^ self.seed)) >> 11;
        (draw as f64 / (1_u64 << 53) as f64) < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::mixed_id;

    #[test]
    fn a_fault_hits_its_share_of_the_rows_and_always_the_same_ones() {
        let rows = RowFault { change: RowChange::Defect(RowDefect::NoId), share: 0.1, seed: 0 };
        let ids = |n: u64| mixed_id(1, n);
        let hit: Vec<_> = (0..10_000).filter(|n| rows.hits(ids(*n))).collect();
        assert!((900..1100).contains(&hit.len()), "{}", hit.len());
        assert!(
            hit.iter().all(|n| RowFault::combine(&[rows], ids(*n)) == (1, Some(RowDefect::NoId)))
        );
    }
}

//! Cells: the entries of a series between two samples.

use serde::{Deserialize, Serialize};

use super::families::Family;

/// Series of a counter or a histogram, in the order of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct SeriesKey {
    pub(super) family: Family,
    /// Number of the project.
    pub(super) project: u16,
    /// Numbers of the label values after `project`; 0 in the place of further ones.
    pub(super) labels: [u32; 3],
}

/// Position of a cell in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct CellKey {
    pub(super) series: SeriesKey,
    /// Number of the first sample that shows it.
    pub(super) sample: i64,
    /// Bucket of a histogram; the number of buckets above the last bound. 0 for a counter.
    pub(super) bucket: u8,
}

/// Entries or observations of a series that show in the same sample for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) key: CellKey,
    /// Number of entries or observations.
    pub(super) count: u64,
    /// Sum of the observations, or of what the entries add to a counter.
    pub(super) sum: u128,
}

impl Cell {
    /// Adds the entries of a cell with the same key.
    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }
}

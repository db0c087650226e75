//! Records of equal start, whose order the API may change from answer to answer.
//!
//! Where such a group begins and ends is fixed by the sort, so its number is known by positions.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::sync::error::SyncError;
use records_api::record::{RecordKey, Timestamp};

/// A row as the walk sees it: identity, start, end. `None` for a rejected row.
pub(in crate::sync) type RowRef = Option<(RecordKey, Timestamp, Option<Timestamp>)>;

/// Keys of records. They are digests already, so half of one is the hash.
pub(in crate::sync) type KeySet = HashSet<RecordKey, BuildHasherDefault<KeyHasher>>;

#[derive(Debug, Default, Clone, Copy)]
pub(in crate::sync) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.rotate_left(23) ^ word;
    }
}

/// Records of equal start that end a page.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Group {
    pub(in crate::sync) start: Timestamp,
    pub(in crate::sync) first_position: u64,
    pub(in crate::sync) ids: KeySet,
    /// Positions that hold no record of their own: rejected rows, and repetitions in one page.
    pub(in crate::sync) excluded: u64,
    /// Whether the order was seen to differ between two pages.
    pub(in crate::sync) shuffled: bool,
    /// Of the ids in the order of their positions: equal if a second reading gives the same.
    pub(in crate::sync) sequence: u64,
}

impl Group {
    /// Takes the id at the next position.
    pub(in crate::sync) fn note(&mut self, key: RecordKey) {
        self.sequence = self.sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key.hash64();
    }
}

/// What earlier readings of one group showed.
#[derive(Debug)]
pub(in crate::sync) struct GroupMemory {
    pub(in crate::sync) start: Timestamp,
    pub(in crate::sync) ids: KeySet,
    pub(in crate::sync) sequence: u64,
    pub(in crate::sync) passes: u32,
    /// Readings in a row that gave the same rows at the same places as the one before.
    pub(in crate::sync) repetitions: u32,
    /// So many that the order holds: rows that come twice are rows that the API has twice.
    pub(in crate::sync) repeats_itself: bool,
}

/// The group of equal starts that ends these rows, of which the first is readable.
pub(in crate::sync) fn last_group(rows: &[RowRef], offset: u64) -> Group {
    let start = rows.iter().rev().flatten().next().map_or(Timestamp::from_millis(0), |row| row.1);
    let first =
        rows.iter().position(|row| row.is_some_and(|(_, other, _)| other == start)).unwrap_or(0);
    let mut group = Group {
        start,
        first_position: offset + first as u64,
        ids: KeySet::default(),
        excluded: 0,
        shuffled: false,
        sequence: 0,
    };
    for row in &rows[first..] {
        match row {
            Some((key, _, _)) => {
                group.excluded += u64::from(!group.ids.insert(*key));
                group.note(*key);
            }
            None => group.excluded += 1,
        }
    }
    group
}

/// Refuses rows that do not stand in the order of their starts.
pub(in crate::sync) fn check_order(rows: &[RowRef]) -> Result<(), SyncError> {
    let mut last = None;
    for (_, start, _) in rows.iter().flatten() {
        if let Some(later) = last.filter(|last| last > start) {
            return Err(SyncError::Unsorted { later, earlier: *start });
        }
        last = Some(*start);
    }
    Ok(())
}

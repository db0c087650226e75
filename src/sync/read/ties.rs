//! Records of equal start, whose order the API may change from answer to answer.
//!
//! Where such a group begins and ends is fixed by the sort, so its number is known by positions.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::sync::error::SyncError;
use records_api::record::{RecordKey, Timestamp};

/// The fields of a row that the walk reads.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct RowRef {
    pub(in crate::sync) key: RecordKey,
    pub(in crate::sync) start: Timestamp,
    pub(in crate::sync) end: Option<Timestamp>,
}

/// An answer of the API as the walk reads it.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct PageRef<'a> {
    /// Rows in the order of the answer; `None` for a rejected row.
    pub(in crate::sync) rows: &'a [Option<RowRef>],
    /// Number of rows that was requested.
    pub(in crate::sync) limit: u32,
    /// Number of rows that the API says it has from the bound on.
    pub(in crate::sync) total_count: Option<u64>,
}

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
    pub(in crate::sync) is_shuffled: bool,
    /// Of the ids in the order of their positions: equal if a second reading gives the same.
    pub(in crate::sync) order_hash: u64,
}

impl Group {
    /// Takes the id at the next position.
    pub(in crate::sync) fn note(&mut self, key: RecordKey) {
        self.order_hash = self.order_hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key.hash64();
    }
}

/// What earlier readings of one group showed.
#[derive(Debug)]
pub(in crate::sync) struct GroupMemory {
    pub(in crate::sync) start: Timestamp,
    pub(in crate::sync) ids: KeySet,
    pub(in crate::sync) order_hash: u64,
    pub(in crate::sync) passes: u32,
    /// Readings in a row that gave the same rows at the same places as the one before.
    pub(in crate::sync) stable_passes: u32,
    /// So many that the order holds: rows that come twice are rows that the API has twice.
    pub(in crate::sync) order_is_stable: bool,
}

/// The group of equal starts that ends these rows, of which the first is readable.
pub(in crate::sync) fn last_group(rows: &[Option<RowRef>], offset: u64) -> Group {
    let last = rows.iter().rev().flatten().next();
    let start = last.map_or(Timestamp::from_millis(0), |row| row.start);
    let first = rows.iter().position(|row| row.is_some_and(|row| row.start == start)).unwrap_or(0);
    let mut group = Group {
        start,
        first_position: offset + first as u64,
        ids: KeySet::default(),
        excluded: 0,
        is_shuffled: false,
        order_hash: 0,
    };
    for row in &rows[first..] {
        match row {
            Some(row) => {
                group.excluded += u64::from(!group.ids.insert(row.key));
                group.note(row.key);
            }
            None => group.excluded += 1,
        }
    }
    group
}

/// Refuses rows that do not stand in the order of their starts.
pub(in crate::sync) fn check_order(rows: &[Option<RowRef>]) -> Result<(), SyncError> {
    let mut last = None;
    for row in rows.iter().flatten() {
        if let Some(later) = last.filter(|last| *last > row.start) {
            return Err(SyncError::Unsorted { later, earlier: row.start });
        }
        last = Some(row.start);
    }
    Ok(())
}

//! Groups of records of equal start, whose order the API may change from answer to answer.
//!
//! The sort by start fixes the positions at which a group begins and ends, so the number of its
//! records is known even if their order changes.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::sync::read::page::RowRef;
use records_api::record::{RecordKey, Timestamp};

/// Set of record keys. Keys are digests, so a part of one serves as its hash.
pub(in crate::sync) type KeySet = HashSet<RecordKey, BuildHasherDefault<KeyHasher>>;

/// Hasher of keys: it uses their bytes as they are.
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

/// Group of records of equal start at the end of what a listing has read.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Group {
    pub(in crate::sync) start: Timestamp,
    /// Position of its first row in the listing.
    pub(in crate::sync) first_position: u64,
    pub(in crate::sync) ids: KeySet,
    /// Number of positions without a record of their own: rejected rows, and repetitions in a page.
    pub(in crate::sync) excluded: u64,
    /// True if two pages showed the group in different orders.
    pub(in crate::sync) is_shuffled: bool,
    /// Hash of the ids in the order of their positions. Equal in two passes with the same order.
    pub(in crate::sync) order_hash: u64,
}

impl Group {
    /// Adds the id at the next position to the hash of the order.
    pub(in crate::sync) fn note(&mut self, key: RecordKey) {
        self.order_hash = self.order_hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key.hash64();
    }
}

/// Results of the earlier passes over a group.
#[derive(Debug)]
pub(in crate::sync) struct GroupMemory {
    pub(in crate::sync) start: Timestamp,
    pub(in crate::sync) ids: KeySet,
    pub(in crate::sync) order_hash: u64,
    /// Number of passes over the group.
    pub(in crate::sync) passes: u32,
    /// Number of passes in a row with the same order as the one before.
    pub(in crate::sync) stable_passes: u32,
    /// True if the order was the same often enough. Rows that are listed twice are then duplicates
    /// of the API, and no others are missing.
    pub(in crate::sync) order_is_stable: bool,
}

/// Returns the group at the end of these rows, of which the first must not be a rejected one.
/// `offset` is the position of the first row.
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

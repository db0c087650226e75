//! Positions of records by their key.

use hashbrown::HashTable;

use records_api::record::RecordKey;

/// Number of parts of the index.
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 6;

/// Index of positions by key, in parts that grow one by one. A single table would be in memory
/// twice while it doubles. And after glibc has freed a block of five megabytes, it keeps up to ten
/// megabytes of freed memory.
#[derive(Debug)]
pub(super) struct Index {
    shards: [HashTable<u32>; SHARDS],
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: [const { HashTable::new() }; SHARDS] }
    }
}

impl Index {
    /// Returns the number of positions.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    /// Returns whether it holds no position.
    pub(super) fn is_empty(&self) -> bool {
        self.shards.iter().all(HashTable::is_empty)
    }

    /// Returns the position of a key. `key_at` returns the key at a position.
    pub(super) fn find(&self, key: RecordKey, key_at: impl Fn(u32) -> RecordKey) -> Option<u32> {
        let shard = &self.shards[shard_of(key)];
        shard.find(key.hash64(), |at| key_at(*at) == key).copied()
    }

    /// Adds the position of a key that has none.
    pub(super) fn insert(&mut self, key: RecordKey, at: u32, key_at: impl Fn(u32) -> RecordKey) {
        let shard = &mut self.shards[shard_of(key)];
        shard.insert_unique(key.hash64(), at, |at| key_at(*at).hash64());
    }

    /// Removes the position of a key.
    pub(super) fn remove(&mut self, key: RecordKey, at: u32) {
        let shard = &mut self.shards[shard_of(key)];
        let entry = shard.find_entry(key.hash64(), |other| *other == at);
        entry.expect("every record is in the index").remove();
    }
}

/// Returns the part of a key. Parts have different sizes, so that they double at different numbers
/// of records: equal parts would all double at once and be half empty. A table uses the lowest and
/// the highest seven bits of a hash; the bits used here lie between them.
fn shard_of(key: RecordKey) -> usize {
    let bits = (key.hash64() >> 32) & 0xFFFF;
    ((bits * bits) >> (32 - SHARD_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_used() {
        let mut sizes = [0; SHARDS];
        for id in 0..100_000 {
            sizes[shard_of(RecordKey::of(&id.to_string()))] += 1;
        }
        assert!(sizes.iter().all(|size| *size > 500), "{sizes:?}");
    }
}

//! Records in compact form, found by their key.

use hashbrown::HashTable;

use super::labels::Label;
use super::words::Word;
use crate::record::{RecordKey, Timestamp};

/// What the figures need to know of a record: 56 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its identity.
    pub key: RecordKey,
    /// When the recording began.
    pub start: Timestamp,
    /// When the record last changed.
    pub update: UpdateTime,
    /// Size of the file in bytes, 0 if unknown.
    pub size_bytes: u64,
    /// Length of the video in seconds, 0 if unknown.
    pub duration_seconds: u32,
    /// Status.
    pub status: Word,
    /// Type.
    pub record_type: Word,
    /// Desktop pool.
    pub pool: Label,
    /// User.
    pub user: Label,
}

/// When a record last changed, if the API says so, in the 8 bytes of a time. Unknown comes before
/// every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpdateTime(i64);

impl From<Option<Timestamp>> for UpdateTime {
    fn from(time: Option<Timestamp>) -> Self {
        Self(time.map_or(i64::MIN, Timestamp::millis))
    }
}

impl UpdateTime {
    /// The time, unless it is unknown.
    pub fn known(self) -> Option<Timestamp> {
        (self.0 != i64::MIN).then(|| Timestamp::from_millis(self.0))
    }
}

/// A set of records. Grows in chunks, so that no growth ever copies, and holds twice, a million
/// records.
#[derive(Debug, Default)]
pub struct Table {
    chunks: Vec<Vec<StoredRecord>>,
    index: HashTable<u32>,
}

/// Records of a chunk: 3.7 MB. So large that glibc maps each by itself: smaller ones come to lie
/// between the buffers of pages, which cost a window of a million records 12 MB. What of a chunk
/// was never written takes no memory.
const CHUNK: usize = 1 << 16;

impl Table {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The records, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = &StoredRecord> {
        self.chunks.iter().flatten()
    }

    /// Where a record stands until the next change.
    pub(super) fn position(&self, key: RecordKey) -> Option<usize> {
        let chunks = &self.chunks;
        let found = self.index.find(key.hash64(), |at| slot(chunks, *at as usize).key == key);
        found.map(|at| *at as usize)
    }

    pub(super) fn at(&self, position: usize) -> &StoredRecord {
        slot(&self.chunks, position)
    }

    /// Puts a record in, in the place of an earlier one with its key.
    pub(super) fn put(&mut self, record: StoredRecord) {
        if let Some(position) = self.position(record.key) {
            self.chunks[position / CHUNK][position % CHUNK] = record;
            return;
        }
        let position = u32::try_from(self.len()).expect("a poll ends before 2^32 records");
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks.last_mut().expect("pushed above").push(record);
        let chunks = &self.chunks;
        self.index.insert_unique(record.key.hash64(), position, |at| {
            slot(chunks, *at as usize).key.hash64()
        });
    }

    /// Takes out the record at a position; the last one moves there.
    pub(super) fn remove_at(&mut self, position: usize) {
        let last = self.len() - 1;
        let (key, last_key) = (self.at(position).key, self.at(last).key);
        self.unlink(key, position);
        let moved = self.chunks.last_mut().and_then(Vec::pop).expect("the table is not empty");
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        if position != last {
            self.unlink(last_key, last);
            self.chunks[position / CHUNK][position % CHUNK] = moved;
            let chunks = &self.chunks;
            let at = u32::try_from(position).expect("positions are u32");
            self.index
                .insert_unique(last_key.hash64(), at, |at| slot(chunks, *at as usize).key.hash64());
        }
    }

    fn unlink(&mut self, key: RecordKey, position: usize) {
        let entry = self.index.find_entry(key.hash64(), |at| *at as usize == position);
        entry.expect("every record is in the index").remove();
    }
}

fn slot(chunks: &[Vec<StoredRecord>], position: usize) -> &StoredRecord {
    &chunks[position / CHUNK][position % CHUNK]
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    pub(crate) fn record(id: u32, size_bytes: u64) -> StoredRecord {
        StoredRecord {
            key: RecordKey::of(&id.to_string()),
            start: Timestamp::from_millis(i64::from(id)),
            update: None.into(),
            size_bytes,
            duration_seconds: 0,
            status: Word::NONE,
            record_type: Word::NONE,
            pool: Label::NONE,
            user: Label::NONE,
        }
    }

    #[test]
    fn a_record_is_as_small_as_it_says() {
        assert_eq!(size_of::<StoredRecord>(), 56);
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_map(steps in prop::collection::vec((0..40_u32, 0..3_u64), 0..200)) {
            let mut table = Table::default();
            let mut model = BTreeMap::new();
            for (id, size) in steps {
                let key = RecordKey::of(&id.to_string());
                if size == 0 {
                    let position = table.position(key);
                    prop_assert_eq!(position.is_some(), model.remove(&key).is_some());
                    if let Some(position) = position {
                        table.remove_at(position);
                    }
                } else {
                    table.put(record(id, size));
                    model.insert(key, size);
                }
                let held: BTreeMap<_, _> = table.iter().map(|r| (r.key, r.size_bytes)).collect();
                prop_assert_eq!(&held, &model);
                prop_assert_eq!(table.len(), model.len());
            }
        }
    }

    #[test]
    fn it_holds_more_than_a_chunk() {
        let mut table = Table::default();
        for id in 0..150_000 {
            table.put(record(id, 1));
        }
        for id in 0..149_990 {
            let position = table.position(RecordKey::of(&id.to_string())).unwrap();
            table.remove_at(position);
        }
        assert_eq!(table.len(), 10);
        assert_eq!(table.iter().count(), 10);
    }
}

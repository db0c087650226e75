//! Records in compact form, found by their key.

use std::collections::BTreeMap;

use hashbrown::HashTable;

use super::record::StoredRecord;
use crate::record::{RecordKey, Timestamp};

/// A set of records, found by key or by start. Grows in chunks, so that no growth ever copies, and
/// holds twice, a million records. A record keeps its position while it stays.
#[derive(Debug, Default)]
pub struct Table {
    chunks: Vec<Vec<StoredRecord>>,
    index: HashTable<u32>,
    /// Positions by the number of the span in which they start.
    spans: BTreeMap<i64, Vec<u32>>,
    /// Positions that are free. What stands there has the start [`FREE`].
    free: Vec<u32>,
}

/// Length of a span: at 5,000 desktops some 5,000 records begin in one.
const SPAN_MILLIS: i64 = 600_000;
/// A start that no record has.
const FREE: Timestamp = Timestamp::from_millis(i64::MIN);

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
        self.chunks.iter().flatten().filter(|record| record.start != FREE)
    }

    /// Records that start at `from` or later and before `until`, with their positions.
    pub(super) fn range(
        &self,
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> impl Iterator<Item = (usize, &StoredRecord)> {
        let last = until.map_or(i64::MAX, |until| span_of(until).max(span_of(from)));
        self.spans
            .range(span_of(from)..=last)
            .flat_map(|(_, positions)| positions)
            .map(|at| (*at as usize, slot(&self.chunks, *at as usize)))
            .filter(move |(_, record)| {
                record.start >= from && until.is_none_or(|until| record.start < until)
            })
    }

    /// The record that starts last, of those that are wanted.
    pub(super) fn newest(
        &self,
        is_wanted: impl Fn(&StoredRecord) -> bool,
    ) -> Option<&StoredRecord> {
        self.spans.values().rev().find_map(|positions| {
            let records = positions.iter().map(|at| slot(&self.chunks, *at as usize));
            records.filter(|record| is_wanted(record)).max_by_key(|record| record.start)
        })
    }

    /// Where a record stands.
    pub(super) fn position(&self, key: RecordKey) -> Option<usize> {
        let chunks = &self.chunks;
        let found = self.index.find(key.hash64(), |at| slot(chunks, *at as usize).key == key);
        found.map(|at| *at as usize)
    }

    pub(super) fn at(&self, position: usize) -> &StoredRecord {
        slot(&self.chunks, position)
    }

    /// The record of a key.
    pub fn get(&self, key: RecordKey) -> Option<&StoredRecord> {
        self.position(key).map(|position| self.at(position))
    }

    /// Changes a record, but not its key nor its start.
    pub(super) fn change(&mut self, position: usize, change: impl FnOnce(&mut StoredRecord)) {
        change(&mut self.chunks[position / CHUNK][position % CHUNK]);
    }

    /// Changes every record, but not its key nor its start.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut StoredRecord)) {
        for record in self.chunks.iter_mut().flatten().filter(|record| record.start != FREE) {
            change(record);
        }
    }

    /// Puts a record in, in the place of an earlier one with its key, which is returned.
    pub(super) fn put(&mut self, record: StoredRecord) -> Option<StoredRecord> {
        if let Some(position) = self.position(record.key) {
            let at = &mut self.chunks[position / CHUNK][position % CHUNK];
            let earlier = std::mem::replace(at, record);
            if span_of(earlier.start) != span_of(record.start) {
                self.unlink_span(earlier.start, position);
                self.link_span(record.start, position);
            }
            return Some(earlier);
        }
        let position = match self.free.pop() {
            Some(position) => {
                let position = position as usize;
                self.chunks[position / CHUNK][position % CHUNK] = record;
                position
            }
            None => self.push(record),
        };
        let at = u32::try_from(position).expect("a poll ends before 2^32 records");
        let chunks = &self.chunks;
        self.index
            .insert_unique(record.key.hash64(), at, |at| slot(chunks, *at as usize).key.hash64());
        self.link_span(record.start, position);
        None
    }

    /// Takes out what starts before `edge`.
    pub(super) fn expire(&mut self, edge: Timestamp, mut each: impl FnMut(&StoredRecord)) {
        let later = self.spans.split_off(&span_of(edge));
        let earlier = std::mem::replace(&mut self.spans, later);
        let mut gone: Vec<u32> = earlier.into_values().flatten().collect();
        if let Some(positions) = self.spans.get_mut(&span_of(edge)) {
            let chunks = &self.chunks;
            gone.extend(positions.extract_if(.., |at| slot(chunks, *at as usize).start < edge));
            if positions.is_empty() {
                self.spans.remove(&span_of(edge));
            }
        }
        for position in gone {
            let at = position as usize;
            let record = &mut self.chunks[at / CHUNK][at % CHUNK];
            each(record);
            let entry = self.index.find_entry(record.key.hash64(), |other| *other == position);
            entry.expect("every record is in the index").remove();
            record.start = FREE;
            self.free.push(position);
        }
    }

    fn push(&mut self, record: StoredRecord) -> usize {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let full = self.chunks.len() - 1;
        let chunk = self.chunks.last_mut().expect("pushed above");
        chunk.push(record);
        full * CHUNK + chunk.len() - 1
    }

    fn link_span(&mut self, start: Timestamp, position: usize) {
        let position = u32::try_from(position).expect("positions are u32");
        self.spans.entry(span_of(start)).or_default().push(position);
    }

    fn unlink_span(&mut self, start: Timestamp, position: usize) {
        let span = span_of(start);
        let positions = self.spans.get_mut(&span).expect("every record is in its span");
        positions.retain(|at| *at as usize != position);
        if positions.is_empty() {
            self.spans.remove(&span);
        }
    }
}

/// The number of the span in which a moment lies.
pub(super) fn span_of(start: Timestamp) -> i64 {
    start.millis().div_euclid(SPAN_MILLIS)
}

/// The first moment of a span.
pub(super) fn span_begin(span: i64) -> Timestamp {
    Timestamp::from_millis(span.saturating_mul(SPAN_MILLIS))
}

/// The first moment of the span in which a moment lies.
pub(super) fn span_start(moment: Timestamp) -> Timestamp {
    span_begin(span_of(moment))
}

/// The first moment after the span in which a moment lies.
pub(super) fn span_end(moment: Timestamp) -> Timestamp {
    span_begin(span_of(moment).saturating_add(1))
}

fn slot(chunks: &[Vec<StoredRecord>], position: usize) -> &StoredRecord {
    &chunks[position / CHUNK][position % CHUNK]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn record(id: u32, size_bytes: u64) -> StoredRecord {
        let start = Timestamp::from_millis(i64::from(id) * 100_000 % 1_700_000);
        StoredRecord::new(RecordKey::of(&id.to_string()), start).with_size(Some(size_bytes))
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_map(steps in prop::collection::vec((0..40_u32, 0..9_u64), 0..200)) {
            let mut table = Table::default();
            let mut model = BTreeMap::new();
            for (id, size) in steps {
                let record = record(id, size);
                if size == 0 {
                    let mut expired = 0;
                    table.expire(record.start, |_| expired += 1);
                    let before = model.len();
                    model.retain(|_, (_, start)| *start >= record.start);
                    prop_assert_eq!(before - model.len(), expired);
                } else {
                    let moved = record.start.plus_millis(i64::try_from(size).unwrap() * 300_000);
                    let mut record = record;
                    record.start = moved;
                    table.put(record);
                    model.insert(record.key, (size, moved));
                }
                let held: BTreeMap<_, _> =
                    table.iter().map(|r| (r.key, (r.size_bytes().unwrap(), r.start))).collect();
                prop_assert_eq!(&held, &model);
                prop_assert_eq!(table.len(), model.len());
                let edge = Timestamp::from_millis(650_000);
                let early = table.range(Timestamp::from_millis(i64::MIN / 2), Some(edge)).count();
                let late: Vec<_> = table.range(edge, None).map(|(at, _)| at).collect();
                prop_assert!(late.iter().all(|at| table.at(*at).start >= edge));
                prop_assert_eq!(early + late.len(), model.len());
            }
        }
    }

    #[test]
    fn it_holds_more_than_a_chunk_and_uses_places_again() {
        let mut table = Table::default();
        for _ in 0..3 {
            for id in 0..150_000 {
                table.put(record(id, 1));
            }
            assert_eq!((table.len(), table.free.len()), (150_000, 0));
            table.expire(Timestamp::from_millis(1_699_999), |_| {});
            assert_eq!(table.len(), table.iter().count());
            assert!(table.len() < 20_000);
        }
    }
}

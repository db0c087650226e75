//! Table of records in compact form, indexed by key and by start.

use std::collections::BTreeMap;
use std::iter;

use super::index::Index;
use super::name_sets::{NameSet, NameSets};
use super::packed::PackedRecord;
use super::record::StoredRecord;
use records_api::record::{RecordKey, TimeRange, Timestamp};

/// Set of records, indexed by key and by start. It grows in chunks: a vector that doubles would
/// hold a million records twice while it copies them. A record keeps its position until it is
/// removed.
#[derive(Debug)]
pub(super) struct Table {
    chunks: Vec<Vec<PackedRecord>>,
    /// Names of the records.
    names: NameSets,
    index: Index,
    /// First position of the linked list of the records that start in a span, by the span's number.
    spans: BTreeMap<i64, u32>,
    /// First position of the linked list of free places.
    free: u32,
}

/// Length of a span. With 5,000 desktops, about 5,000 records start in one.
const SPAN_MILLIS: i64 = 600_000;
/// End of a linked list.
const END: u32 = u32::MAX;

/// Number of records in a chunk: 57 MB, of which unwritten pages take no memory. glibc always maps
/// blocks above 32 MiB separately, so a freed chunk returns to the system. A smaller one may be
/// placed in the heap between other buffers once a block of its size was freed, and would then
/// stay.
const CHUNK: usize = 1 << 20;
/// Size up to which a table grows by doubling. Most polls find few changes, and a chunk for each
/// would be wasteful.
const SMALL_TABLE: usize = 1 << 12;

impl Default for Table {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            names: NameSets::default(),
            index: Index::default(),
            spans: BTreeMap::new(),
            free: END,
        }
    }
}

impl Table {
    /// Returns the positions of the records that `is_wanted` selects.
    pub(super) fn positions(
        &self,
        is_wanted: impl Fn(&StoredRecord) -> bool,
    ) -> impl Iterator<Item = usize> {
        let places = (0..).zip(self.chunks.iter().flatten());
        places
            .filter(move |(_, place)| {
                place.record(&self.names).is_some_and(|record| is_wanted(&record))
            })
            .map(|(position, _)| position)
    }

    /// Returns the number of records.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns whether it holds no record.
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Returns the records, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = StoredRecord> {
        self.chunks.iter().flatten().filter_map(|place| place.record(&self.names))
    }

    /// Returns the records that start in a range, with their positions.
    pub(super) fn range(&self, range: TimeRange) -> impl Iterator<Item = (usize, StoredRecord)> {
        // The spans at both ends reach beyond the range, so each record is checked. A range that
        // ends before it starts is empty, and `BTreeMap::range` would panic.
        let first = span_of(range.start);
        let last = range.end.map_or(i64::MAX, |end| span_of(end).max(first));
        self.spans
            .range(first..=last)
            .flat_map(|(_, first)| self.list(*first))
            .map(|at| (at, self.at(at)))
            .filter(move |(_, record)| range.contains(record.start))
    }

    /// Releases the memory of removed records, if they took half of it. Positions change, so no
    /// [`Staging`](super::Staging) of this table may be in use.
    pub(super) fn shrink(&mut self) {
        let places: usize = self.chunks.iter().map(Vec::len).sum();
        if places > SMALL_TABLE && 2 * self.len() < places {
            let mut smaller = Self::default();
            self.iter().for_each(|record| {
                smaller.put(record);
            });
            *self = smaller;
        }
    }

    /// Returns the record with the latest start that satisfies a condition.
    pub(super) fn newest(&self, is_wanted: impl Fn(&StoredRecord) -> bool) -> Option<StoredRecord> {
        self.spans.values().rev().find_map(|first| {
            let records = self.list(*first).map(|at| self.at(at));
            records.filter(|record| is_wanted(record)).max_by_key(|record| record.start)
        })
    }

    /// Returns the position of a record.
    pub(super) fn position(&self, key: RecordKey) -> Option<usize> {
        let found = self.index.find(key, |at| place(&self.chunks, at as usize).key());
        found.map(|at| at as usize)
    }

    /// Returns the record at a position that is in use.
    pub(super) fn at(&self, position: usize) -> StoredRecord {
        let record = place(&self.chunks, position).record(&self.names);
        record.expect("positions in use hold records")
    }

    /// Returns the record of a key.
    pub(super) fn get(&self, key: RecordKey) -> Option<StoredRecord> {
        self.position(key).map(|position| self.at(position))
    }

    /// Changes a record. Its key and its start must stay, because the indexes are not updated.
    pub(super) fn change(&mut self, position: usize, change: impl FnOnce(&mut StoredRecord)) {
        let mut record = self.at(position);
        change(&mut record);
        self.set(position, &record);
    }

    /// Changes every record. Keys and starts must stay, because the indexes are not updated.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut StoredRecord)) {
        for place in self.chunks.iter_mut().flatten() {
            if let Some(mut record) = place.record(&self.names) {
                change(&mut record);
                let names = self.names.add(NameSet::of(&record));
                self.names.remove(place.names);
                *place = PackedRecord::new(&record, names, place.next);
            }
        }
    }

    /// Inserts a record, or replaces the one with its key, which is returned.
    pub(super) fn put(&mut self, record: StoredRecord) -> Option<StoredRecord> {
        if let Some(position) = self.position(record.key) {
            let earlier = self.at(position);
            // In the list of the old span, the record would be missing from ranges that contain it,
            // and it would expire too early or too late.
            if span_of(earlier.start) != span_of(record.start) {
                self.unlink(earlier.start, position);
                self.link(record.start, position);
            }
            self.set(position, &record);
            return Some(earlier);
        }
        // Places are used again. Otherwise the table would grow with all records that ever existed.
        let position = match self.free {
            END => self.push(&record),
            free => {
                let position = free as usize;
                self.free = place(&self.chunks, position).next;
                let names = self.names.add(NameSet::of(&record));
                *place_mut(&mut self.chunks, position) = PackedRecord::new(&record, names, END);
                position
            }
        };
        let at = u32_of(position);
        self.index.insert(record.key, at, |at| place(&self.chunks, at as usize).key());
        self.link(record.start, position);
        None
    }

    /// Removes the records that start before `edge`.
    pub(super) fn expire(&mut self, edge: Timestamp, mut each: impl FnMut(&StoredRecord)) {
        let later = self.spans.split_off(&span_of(edge));
        let earlier = std::mem::replace(&mut self.spans, later);
        // The edge may divide a span: its records from the edge on are linked again.
        let divided = self.spans.remove(&span_of(edge));
        for first in earlier.into_values().chain(divided) {
            let mut next = first;
            while next != END {
                let position = next as usize;
                next = place(&self.chunks, position).next;
                let record = self.at(position);
                if record.start >= edge {
                    self.link(record.start, position);
                    continue;
                }
                each(&record);
                self.index.remove(record.key, u32_of(position));
                let place = place_mut(&mut self.chunks, position);
                self.names.remove(place.names);
                *place = place.freed(self.free);
                self.free = u32_of(position);
            }
        }
    }

    /// Adds a place after all others. Returns its position.
    fn push(&mut self, record: &StoredRecord) -> usize {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::new());
        }
        let names = self.names.add(NameSet::of(record));
        let full = self.chunks.len() - 1;
        let chunk = self.chunks.last_mut().expect("pushed above");
        // From here on, doubling would copy the chunk again and again.
        if chunk.len() == SMALL_TABLE {
            chunk.reserve_exact(CHUNK - SMALL_TABLE);
        }
        chunk.push(PackedRecord::new(record, names, END));
        full * CHUNK + chunk.len() - 1
    }

    /// Replaces the record at a position. The place stays in its linked list.
    fn set(&mut self, position: usize, record: &StoredRecord) {
        let names = self.names.add(NameSet::of(record));
        let place = place_mut(&mut self.chunks, position);
        // Added before: a set that both have must not leave in between.
        self.names.remove(place.names);
        *place = PackedRecord::new(record, names, place.next);
    }

    /// Returns the positions of a linked list.
    fn list(&self, first: u32) -> impl Iterator<Item = usize> {
        let next = |at: &usize| Some(place(&self.chunks, *at).next).filter(|next| *next != END);
        iter::successors(Some(first as usize), move |at| next(at).map(|next| next as usize))
    }

    /// Adds a position to the list of the span of `start`.
    fn link(&mut self, start: Timestamp, position: usize) {
        let first = self.spans.entry(span_of(start)).or_insert(END);
        place_mut(&mut self.chunks, position).next = *first;
        *first = u32_of(position);
    }

    /// Removes a position from the list of the span of `start`.
    fn unlink(&mut self, start: Timestamp, position: usize) {
        let span = span_of(start);
        let first = self.spans[&span];
        let next = place(&self.chunks, position).next;
        if first != u32_of(position) {
            let before =
                self.list(first).find(|at| place(&self.chunks, *at).next as usize == position);
            let before = before.expect("every record is in the list of its span");
            place_mut(&mut self.chunks, before).next = next;
        } else if next == END {
            // Empty spans would accumulate for as long as the process runs.
            self.spans.remove(&span);
        } else {
            self.spans.insert(span, next);
        }
    }
}

/// Returns the number of the span that contains a time.
pub(super) fn span_of(start: Timestamp) -> i64 {
    start.millis().div_euclid(SPAN_MILLIS)
}

/// Returns the first time of a span.
pub(super) fn span_begin(span: i64) -> Timestamp {
    Timestamp::from_millis(span.saturating_mul(SPAN_MILLIS))
}

/// Returns the first time of the span that contains a time.
pub(super) fn span_start(moment: Timestamp) -> Timestamp {
    span_begin(span_of(moment))
}

/// Returns the first time after the span that contains a time.
pub(super) fn span_end(moment: Timestamp) -> Timestamp {
    span_begin(span_of(moment).saturating_add(1))
}

fn place(chunks: &[Vec<PackedRecord>], position: usize) -> &PackedRecord {
    &chunks[position / CHUNK][position % CHUNK]
}

fn place_mut(chunks: &mut [Vec<PackedRecord>], position: usize) -> &mut PackedRecord {
    &mut chunks[position / CHUNK][position % CHUNK]
}

fn u32_of(position: usize) -> u32 {
    u32::try_from(position).expect("a poll ends before 2^32 records")
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ledger::symbols::LabelId;
    use proptest::prelude::*;

    pub(crate) fn record(id: u32, size_bytes: u64) -> StoredRecord {
        let start = Timestamp::from_millis(i64::from(id) * 100_000 % 1_700_000);
        let mut record = StoredRecord::new(RecordKey::of(&id.to_string()), start);
        record.desktop = LabelId::from_number(id % 7);
        record.with_size(Some(size_bytes))
    }

    proptest! {
        #[test]
        fn a_table_behaves_like_a_map(
            steps in prop::collection::vec((0..40_u32, 0..9_u64), 0..200),
        ) {
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
                let names: BTreeSet<_> = table.iter().map(|record| record.desktop).collect();
                prop_assert_eq!(table.names.len(), names.len());
                prop_assert_eq!(table.len(), model.len());
                let edge = Timestamp::from_millis(650_000);
                let early = table.range(TimeRange::new(Timestamp::from_millis(i64::MIN / 2), edge)).count();
                let late: Vec<_> = table.range(TimeRange::since(edge)).map(|(at, _)| at).collect();
                prop_assert!(late.iter().all(|at| table.at(*at).start >= edge));
                prop_assert_eq!(early + late.len(), model.len());
            }
        }
    }

    #[test]
    fn freed_places_are_reused() {
        let mut table = Table::default();
        for _ in 0..3 {
            for id in 0..150_000 {
                table.put(record(id, 1));
            }
            assert_eq!((table.len(), table.free), (150_000, END));
            table.expire(Timestamp::from_millis(1_699_999), |_| {});
            assert_eq!(table.len(), table.iter().count());
            assert!(table.len() < 20_000);
        }
    }
}

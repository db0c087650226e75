//! Records in compact form, found by their key.

use std::collections::BTreeMap;
use std::iter;

use super::index::Index;
use super::packed::PackedRecord;
use super::record::StoredRecord;
use records_api::record::{RecordKey, TimeRange, Timestamp};

/// A set of records, found by key or by start. Grows in chunks, so that no growth ever copies, and
/// holds twice, a million records. A record keeps its position while it stays.
#[derive(Debug)]
pub(super) struct Table {
    chunks: Vec<Vec<PackedRecord>>,
    index: Index,
    /// By the number of a span, the first position of a list of all that start in it.
    spans: BTreeMap<i64, u32>,
    /// The first position of a list of those that are free.
    free: u32,
}

/// Length of a span: at 5,000 desktops some 5,000 records begin in one.
const SPAN_MILLIS: i64 = 600_000;
/// The end of a list of positions.
const END: u32 = u32::MAX;

/// Records of a chunk: 59 MB, of which what was never written takes no memory. So large that glibc
/// maps each by itself, and gives it back, whatever was freed before: what has less than 32 MiB comes
/// to lie between the buffers of pages as soon as something of its size was freed.
const CHUNK: usize = 1 << 20;
/// A table of so few records grows by doubling: most polls find few changes.
const SMALL_TABLE: usize = 1 << 12;

impl Default for Table {
    fn default() -> Self {
        Self { chunks: Vec::new(), index: Index::default(), spans: BTreeMap::new(), free: END }
    }
}

impl Table {
    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The records, in no promised order.
    pub(super) fn iter(&self) -> impl Iterator<Item = StoredRecord> {
        self.chunks.iter().flatten().filter_map(PackedRecord::record)
    }

    /// Records that start in a range, with their positions.
    pub(super) fn range(&self, range: TimeRange) -> impl Iterator<Item = (usize, StoredRecord)> {
        let first = span_of(range.start);
        let last = range.end.map_or(i64::MAX, |end| span_of(end).max(first));
        self.spans
            .range(first..=last)
            .flat_map(|(_, first)| self.list(*first))
            .map(|at| (at, self.at(at)))
            .filter(move |(_, record)| range.contains(record.start))
    }

    /// Returns the memory of records that are gone, if they take half of it. Positions change.
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

    /// The record that starts last, of those that are wanted.
    pub(super) fn newest(&self, is_wanted: impl Fn(&StoredRecord) -> bool) -> Option<StoredRecord> {
        self.spans.values().rev().find_map(|first| {
            let records = self.list(*first).map(|at| self.at(at));
            records.filter(|record| is_wanted(record)).max_by_key(|record| record.start)
        })
    }

    /// Where a record stands.
    pub(super) fn position(&self, key: RecordKey) -> Option<usize> {
        let found = self.index.find(key, |at| place(&self.chunks, at as usize).key());
        found.map(|at| at as usize)
    }

    pub(super) fn at(&self, position: usize) -> StoredRecord {
        place(&self.chunks, position).record().expect("positions in use hold records")
    }

    /// The record of a key.
    pub(super) fn get(&self, key: RecordKey) -> Option<StoredRecord> {
        self.position(key).map(|position| self.at(position))
    }

    /// Changes a record, but not its key nor its start.
    pub(super) fn change(&mut self, position: usize, change: impl FnOnce(&mut StoredRecord)) {
        let mut record = self.at(position);
        change(&mut record);
        self.set(position, &record);
    }

    /// Changes every record, but not its key nor its start.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut StoredRecord)) {
        for place in self.chunks.iter_mut().flatten() {
            if let Some(mut record) = place.record() {
                change(&mut record);
                *place = PackedRecord::new(&record, place.next);
            }
        }
    }

    /// Puts a record in, in the place of an earlier one with its key, which is returned.
    pub(super) fn put(&mut self, record: StoredRecord) -> Option<StoredRecord> {
        if let Some(position) = self.position(record.key) {
            let earlier = self.at(position);
            if span_of(earlier.start) != span_of(record.start) {
                self.unlink(earlier.start, position);
                self.link(record.start, position);
            }
            self.set(position, &record);
            return Some(earlier);
        }
        let position = match self.free {
            END => self.push(&record),
            free => {
                let position = free as usize;
                self.free = place(&self.chunks, position).next;
                self.set(position, &record);
                position
            }
        };
        let at = u32_of(position);
        self.index.insert(record.key, at, |at| place(&self.chunks, at as usize).key());
        self.link(record.start, position);
        None
    }

    /// Takes out what starts before `edge`.
    pub(super) fn expire(&mut self, edge: Timestamp, mut each: impl FnMut(&StoredRecord)) {
        let later = self.spans.split_off(&span_of(edge));
        let earlier = std::mem::replace(&mut self.spans, later);
        // What of the span of the edge stays is linked anew.
        let torn = self.spans.remove(&span_of(edge));
        for first in earlier.into_values().chain(torn) {
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
                *place = place.freed(self.free);
                self.free = u32_of(position);
            }
        }
    }

    fn push(&mut self, record: &StoredRecord) -> usize {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::new());
        }
        let full = self.chunks.len() - 1;
        let chunk = self.chunks.last_mut().expect("pushed above");
        if chunk.len() == SMALL_TABLE {
            chunk.reserve_exact(CHUNK - SMALL_TABLE);
        }
        chunk.push(PackedRecord::new(record, END));
        full * CHUNK + chunk.len() - 1
    }

    /// Replaces what stands at a position, but for its link.
    fn set(&mut self, position: usize, record: &StoredRecord) {
        let place = place_mut(&mut self.chunks, position);
        *place = PackedRecord::new(record, place.next);
    }

    /// The positions of a list.
    fn list(&self, first: u32) -> impl Iterator<Item = usize> {
        let next = |at: &usize| Some(place(&self.chunks, *at).next).filter(|next| *next != END);
        iter::successors(Some(first as usize), move |at| next(at).map(|next| next as usize))
    }

    fn link(&mut self, start: Timestamp, position: usize) {
        let first = self.spans.entry(span_of(start)).or_insert(END);
        place_mut(&mut self.chunks, position).next = *first;
        *first = u32_of(position);
    }

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
            self.spans.remove(&span);
        } else {
            self.spans.insert(span, next);
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
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn record(id: u32, size_bytes: u64) -> StoredRecord {
        let start = Timestamp::from_millis(i64::from(id) * 100_000 % 1_700_000);
        StoredRecord::new(RecordKey::of(&id.to_string()), start).with_size(Some(size_bytes))
    }

    proptest! {
        #[test]
        fn a_table_behaves_like_a_map(steps in prop::collection::vec((0..40_u32, 0..9_u64), 0..200)) {
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

//! What a poll under way has read so far, beside the store.

use super::Store;
use super::table::Table;
use crate::record::{Record, RecordKey, Timestamp};

/// The rows of a poll that is not complete yet. Costs memory for what is new or changed, and a
/// bit for each record that is as known.
#[derive(Debug, Default)]
pub struct Draft {
    staged: Table,
    /// A bit for each position of the store's table: read in this poll, as known or staged.
    seen: Vec<u64>,
}

impl Draft {
    /// Takes a record that the poll read, and its key. Returns whether this poll reads it for the
    /// first time.
    ///
    /// A record may be read twice in a poll, from pages that overlap, and may have changed in
    /// between: the later `update_time` stays, and of equal ones the later reading.
    pub fn read(&mut self, store: &mut Store, key: RecordKey, record: &Record<'_>) -> bool {
        let record = store.compact(key, record);
        if let Some(staged) = self.staged.position(record.key) {
            if self.staged.at(staged).update <= record.update {
                self.staged.put(record);
            }
            return false;
        }
        let Some(known) = store.table.position(record.key) else {
            self.staged.put(record);
            return true;
        };
        let first = self.mark_seen(known);
        let known = store.table.at(known);
        // What this poll has read as known is a reading too.
        if *known != record && (first || known.update <= record.update) {
            self.staged.put(record);
        }
        first
    }

    /// Takes a row that could not be understood but for its id: a known record stays as it is, as
    /// long as it starts in the window.
    pub fn keep(&mut self, store: &Store, id: &str, window_start: Timestamp) {
        let known = store.table.position(RecordKey::of(id));
        if let Some(known) = known.filter(|known| store.table.at(*known).start >= window_start) {
            self.mark_seen(known);
        }
    }

    /// Number of records that are new or changed so far.
    pub fn staged(&self) -> usize {
        self.staged.len()
    }

    pub(super) fn apply_to(self, table: &mut Table) {
        if table.is_empty() {
            *table = self.staged;
            return;
        }
        for position in (0..table.len()).rev() {
            if !self.is_seen(position) {
                table.remove_at(position);
            }
        }
        for record in self.staged.iter() {
            table.put(*record);
        }
    }

    fn mark_seen(&mut self, position: usize) -> bool {
        let (word, bit) = (position / 64, 1 << (position % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let first = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        first
    }

    fn is_seen(&self, position: usize) -> bool {
        self.seen.get(position / 64).is_some_and(|word| word & (1 << (position % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &'static str, size: u64, update: i64) -> Record<'static> {
        let mut record = Record::new(id, Timestamp::from_millis(1_700_000_000_000));
        record.size = Some(size);
        record.update_time = Some(record.start_time.plus_millis(update));
        record
    }

    fn read(draft: &mut Draft, store: &mut Store, record: &Record<'_>) -> bool {
        draft.read(store, RecordKey::of(&record.id), record)
    }

    fn sizes(store: &Store) -> Vec<u64> {
        let mut sizes: Vec<_> = store.table.iter().map(|record| record.size_bytes).collect();
        sizes.sort_unstable();
        sizes
    }

    fn poll(store: &mut Store, records: &[Record<'static>]) {
        let mut draft = Draft::default();
        for record in records {
            read(&mut draft, store, record);
        }
        store.commit(draft);
    }

    #[test]
    fn a_committed_poll_replaces_what_was_known() {
        let mut store = Store::default();
        poll(&mut store, &[record("a", 1, 0), record("b", 2, 0)]);
        assert_eq!(sizes(&store), [1, 2]);
        poll(&mut store, &[record("b", 3, 1), record("c", 4, 0)]);
        assert_eq!(sizes(&store), [3, 4]);
        poll(&mut store, &[record("c", 4, 0)]);
        assert_eq!(sizes(&store), [4]);
        poll(&mut store, &[]);
        assert!(sizes(&store).is_empty());
    }

    #[test]
    fn a_dropped_poll_leaves_no_trace() {
        let mut store = Store::default();
        poll(&mut store, &[record("a", 1, 0)]);
        let mut draft = Draft::default();
        read(&mut draft, &mut store, &record("a", 9, 9));
        read(&mut draft, &mut store, &record("b", 9, 9));
        drop(draft);
        assert_eq!(sizes(&store), [1]);
    }

    #[test]
    fn of_two_readings_in_a_poll_the_later_update_stays() {
        let mut store = Store::default();
        poll(&mut store, &[record("a", 1, 5), record("a", 2, 4)]);
        assert_eq!(sizes(&store), [1]);
        poll(&mut store, &[record("a", 1, 5), record("a", 3, 6), record("a", 4, 6)]);
        assert_eq!(sizes(&store), [4]);
        poll(&mut store, &[record("a", 4, 6), record("a", 5, 5)]);
        assert_eq!(sizes(&store), [4], "a lagging page comes after one that says what is known");
    }

    #[test]
    fn a_record_counts_as_read_once_a_poll() {
        let mut store = Store::default();
        poll(&mut store, &[record("a", 1, 0)]);
        let mut draft = Draft::default();
        let readings = [record("a", 1, 0), record("a", 2, 1), record("b", 1, 0), record("b", 1, 0)];
        let first: Vec<_> = readings.iter().map(|r| read(&mut draft, &mut store, r)).collect();
        assert_eq!(first, [true, false, true, false]);
    }

    #[test]
    fn a_known_record_whose_row_is_rejected_stays_as_it_was() {
        let mut store = Store::default();
        poll(&mut store, &[record("a", 1, 0), record("b", 2, 0)]);
        let mut draft = Draft::default();
        draft.keep(&store, "a", Timestamp::from_millis(0));
        draft.keep(&store, "unknown", Timestamp::from_millis(0));
        store.commit(draft);
        assert_eq!(sizes(&store), [1]);
    }
}

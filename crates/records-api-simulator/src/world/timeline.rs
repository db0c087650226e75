//! Records sorted by start, with fast access by position.
//!
//! A list of sorted chunks. Finding a position walks the lengths of the chunks (about a thousand
//! for a million records); inserting moves at most one chunk. It stores keys only, 16 bytes per
//! record.

/// Start of a record, and its slot.
pub(crate) type Entry = (i64, u32);

/// Larger chunks are split.
const CHUNK: usize = 1024;

/// A sorted multiset of entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    chunks: Vec<Vec<Entry>>,
    len: usize,
}

impl Timeline {
    /// Creates a timeline from sorted entries.
    pub(crate) fn from_sorted(entries: &[Entry]) -> Self {
        debug_assert!(entries.is_sorted(), "the caller passes sorted entries");
        let chunks = entries.chunks(CHUNK * 3 / 4).map(<[Entry]>::to_vec).collect();
        Self { chunks, len: entries.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        self.len += 1;
        let index = self.chunk_of(entry).min(self.chunks.len().saturating_sub(1));
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push(vec![entry]);
            return;
        };
        let position = chunk.partition_point(|other| *other < entry);
        chunk.insert(position, entry);
        if chunk.len() > CHUNK {
            // A chunk that only grows at its end stays full: history is written in order.
            let at = if position + 1 == chunk.len() { CHUNK } else { CHUNK / 2 };
            let rest = chunk.split_off(at);
            self.chunks.insert(index + 1, rest);
        }
    }

    /// Removes an entry. False if it does not exist.
    pub(crate) fn remove(&mut self, entry: Entry) -> bool {
        let index = self.chunk_of(entry);
        let Some(chunk) = self.chunks.get_mut(index) else { return false };
        let Ok(position) = chunk.binary_search(&entry) else { return false };
        chunk.remove(position);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
        self.len -= 1;
        true
    }

    /// Number of entries that start before `start`.
    pub(crate) fn rank(&self, start: i64) -> usize {
        let entry = (start, 0);
        let index = self.chunk_of(entry);
        let before: usize = self.chunks[..index].iter().map(Vec::len).sum();
        let inside =
            self.chunks.get(index).map_or(0, |chunk| chunk.partition_point(|other| *other < entry));
        before + inside
    }

    /// Returns the entries from a position on, in ascending order.
    pub(crate) fn iter_from(&self, position: usize) -> impl Iterator<Item = Entry> + '_ {
        let mut skip = position;
        let mut index = 0;
        while let Some(chunk) = self.chunks.get(index)
            && skip >= chunk.len()
        {
            skip -= chunk.len();
            index += 1;
        }
        let first = self.chunks.get(index).map_or(&[][..], |chunk| &chunk[skip..]);
        let rest = self.chunks.get(index + 1..).unwrap_or_default();
        first.iter().chain(rest.iter().flatten()).copied()
    }

    /// Returns the entry at a position.
    pub(crate) fn get(&self, position: usize) -> Option<Entry> {
        self.iter_from(position).next()
    }

    /// Returns the index of the first chunk that ends at or after `entry`, or the number of chunks
    /// if none does.
    fn chunk_of(&self, entry: Entry) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| *last < entry))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    #[test]
    fn a_timeline_behaves_like_a_sorted_set() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut model: BTreeSet<Entry> = (0..3000).map(|n| (i64::from(n / 7), n)).collect();
        let mut timeline = Timeline::from_sorted(&model.iter().copied().collect::<Vec<_>>());
        for step in 0..20_000_u32 {
            let entry = (rng.random_range(0..500), rng.random_range(0..4000));
            if rng.random_bool(0.5) {
                if model.insert(entry) {
                    timeline.insert(entry);
                }
            } else {
                assert_eq!(timeline.remove(entry), model.remove(&entry));
            }
            if step % 500 == 0 {
                let start = rng.random_range(-1..502);
                assert_eq!(timeline.rank(start), model.range(..(start, 0)).count());
                assert_eq!(timeline.len(), model.len());
                let position = rng.random_range(0..=model.len());
                assert!(timeline.iter_from(position).eq(model.iter().skip(position).copied()));
                assert_eq!(timeline.get(position), model.iter().nth(position).copied());
            }
        }
    }

    #[test]
    fn an_empty_timeline_has_no_entries() {
        let mut timeline = Timeline::default();
        assert_eq!((timeline.rank(5), timeline.len(), timeline.get(0)), (0, 0, None));
        assert!(!timeline.remove((1, 1)));
        timeline.insert((1, 1));
        assert!(timeline.remove((1, 1)));
        assert_eq!(timeline.iter_from(0).count(), 0);
    }
}

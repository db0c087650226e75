//! Sorts cells outside of memory. Cells with the same key are merged first, so sorted runs are few
//! and short: a crate that sorts items would write each entry of each record.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};

use super::cells::{Cell, CellKey};
use super::files::{ItemReader, ItemWriter};

/// Maximum number of cells in memory, 64 bytes each.
const MAX_CELLS: usize = 1 << 17;

/// Cells that are not sorted yet.
#[derive(Debug)]
pub(super) struct Sorter {
    directory: PathBuf,
    /// Size of a full buffer.
    max_cells: usize,
    buffer: Vec<Cell>,
    /// File of the sorted runs.
    file: Option<ItemWriter>,
    /// Ends of the runs in the file. Each begins where the one before ends.
    runs: Vec<u64>,
}

/// Sorted cells with different keys.
#[derive(Debug)]
pub(super) enum SortedCells {
    /// All of them fitted into memory.
    Memory(std::vec::IntoIter<Cell>),
    /// They are in sorted runs.
    Runs(Merge),
}

/// Merge of sorted runs.
#[derive(Debug)]
pub(super) struct Merge {
    runs: Vec<ItemReader>,
    /// The next cell of each run that has one, and the number of the run.
    next: BinaryHeap<Reverse<Head>>,
}

/// Next cell of a run.
#[derive(Debug)]
struct Head {
    cell: Cell,
    run: usize,
}

impl Sorter {
    /// Creates a sorter with its temporary file in this directory.
    pub(super) fn in_directory(directory: &Path) -> Self {
        let (file, runs) = (None, Vec::new());
        let directory = directory.to_owned();
        Self { directory, max_cells: MAX_CELLS, buffer: Vec::new(), file, runs }
    }

    pub(super) fn push(&mut self, cell: Cell) -> io::Result<()> {
        self.buffer.push(cell);
        if self.buffer.len() >= self.max_cells {
            self.sort_buffer();
            if self.buffer.len() > self.max_cells / 2 {
                self.write_run()?;
            }
        }
        Ok(())
    }

    /// Ends the input.
    pub(super) fn sorted(mut self) -> io::Result<SortedCells> {
        self.sort_buffer();
        if self.file.is_none() {
            return Ok(SortedCells::Memory(self.buffer.into_iter()));
        }
        self.write_run()?;
        let file = self.file.take().expect("a run was written").finish()?;
        let starts = std::iter::once(0).chain(self.runs.iter().copied());
        let parts = starts.zip(&self.runs);
        let runs = parts.map(|(start, end)| ItemReader::new(file.clone(), start, *end)).collect();
        Merge::of(runs).map(SortedCells::Runs)
    }

    /// Sorts the cells in memory, and merges those with the same key.
    fn sort_buffer(&mut self) {
        self.buffer.sort_unstable_by_key(|cell| cell.key);
        self.buffer.dedup_by(|later, kept| {
            let is_same = later.key == kept.key;
            if is_same {
                kept.merge(*later);
            }
            is_same
        });
    }

    fn write_run(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(ItemWriter::in_directory(&self.directory)?),
        };
        for cell in self.buffer.drain(..) {
            file.push(&cell)?;
        }
        self.runs.push(file.length());
        Ok(())
    }
}

impl SortedCells {
    /// Returns the next cell.
    pub(super) fn next(&mut self) -> io::Result<Option<Cell>> {
        match self {
            Self::Memory(cells) => Ok(cells.next()),
            Self::Runs(merge) => merge.next(),
        }
    }
}

impl Merge {
    fn of(runs: Vec<ItemReader>) -> io::Result<Self> {
        let mut merge = Self { runs, next: BinaryHeap::new() };
        for run in 0..merge.runs.len() {
            merge.read(run)?;
        }
        Ok(merge)
    }

    fn next(&mut self) -> io::Result<Option<Cell>> {
        let Some(Reverse(Head { mut cell, run })) = self.next.pop() else { return Ok(None) };
        self.read(run)?;
        while let Some(Reverse(other)) = self.next.peek()
            && other.cell.key == cell.key
        {
            cell.merge(other.cell);
            let run = other.run;
            self.next.pop();
            self.read(run)?;
        }
        Ok(Some(cell))
    }

    /// Reads the next cell of a run.
    fn read(&mut self, run: usize) -> io::Result<()> {
        let cell = self.runs[run].next()?;
        self.next.extend(cell.map(|cell| Reverse(Head { cell, run })));
        Ok(())
    }
}

impl Head {
    fn key(&self) -> (CellKey, usize) {
        (self.cell.key, self.run)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::cells::SeriesKey;
    use super::super::families::Family;
    use super::*;

    proptest! {
        #[test]
        fn cells_are_sorted_and_merged_however_few_fit_into_memory(
            entries in prop::collection::vec((0_u32..4, 0_i64..6, 0_u8..3, any::<u64>()), 0..200),
            max_cells in 1_usize..40,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter { max_cells, ..Sorter::in_directory(folder.path()) };
            let mut expected = BTreeMap::<_, (u64, u128)>::new();
            for (label, sample, bucket, value) in entries {
                let labels = [label, 0, 0];
                let series = SeriesKey { family: Family::FileSize, project: 0, labels };
                let key = CellKey { series, sample, bucket };
                sorter.push(Cell { key, count: 1, sum: value.into() }).unwrap();
                let (count, sum) = expected.entry(key).or_default();
                (*count, *sum) = (*count + 1, *sum + u128::from(value));
            }
            let (mut sorted, mut found) = (sorter.sorted().unwrap(), Vec::new());
            while let Some(cell) = sorted.next().unwrap() {
                found.push((cell.key, (cell.count, cell.sum)));
            }
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}

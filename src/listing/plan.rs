//! Divides the range of a listing into parts. Knows no IO.
//!
//! Sizes of parts are estimates, from the API's counts or from the density of the part read last. No
//! proof depends on them: a part that holds more than expected is stopped, and its rest is planned again.

use std::collections::{BTreeMap, VecDeque};

use super::part::PartRead;
use crate::sync::SyncError;
use records_api::record::{TimeRange, Timestamp};

/// Number of records in a part: four of the largest pages. The last page of a part is half empty on
/// average, so smaller parts would cost more requests, and larger ones more memory.
const PART_ROWS: f64 = 4000.0;
/// A part may have this many times the records.
const PART_TOLERANCE: f64 = 1.25;
/// Number of records after which a part is stopped.
const MAX_PART_ROWS: usize = 6000;
/// A range with more records is counted in halves. Within a smaller one, density is taken for uniform.
const COUNTED_ROWS: f64 = 32_000.0;
/// Minimum length of a part. Bounds have whole seconds.
const MIN_PART_MILLIS: i64 = 2000;
/// If the density falls by more than this factor, it is not believed at once.
const MAX_DENSITY_FALL: f64 = 4.0;
/// Number of times that a part is read again because it does not meet the next one, or its rows move.
const MAX_ATTEMPTS: u32 = 5;

/// A range to read, and what was read of it.
#[derive(Debug)]
struct Slot {
    id: u64,
    range: TimeRange,
    /// Estimated number of records; `None` to estimate it by counts or density.
    rows: Option<f64>,
    attempts: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Planned,
    Reading,
    Read(PartRead),
}

/// Something to request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Task {
    /// Read the records of a range until there are `max_rows`, if not `None`.
    Read { slot: u64, range: TimeRange, max_rows: Option<usize> },
    /// Count the records that start then or later.
    Count(Timestamp),
}

/// Plan of a listing.
#[derive(Debug)]
pub(super) struct Plan {
    slots: VecDeque<Slot>,
    next_id: u64,
    /// Maximum number of parts in memory.
    max_parts: usize,
    /// Number of rows after which the first read stops. It finds out whether there is more than a page.
    first_rows: usize,
    /// Later records may appear while the listing is read.
    pub(super) quiet_until: Timestamp,
    /// The API's counts by lower bound; `None` while they are requested.
    counts: BTreeMap<Timestamp, Option<u64>>,
    /// False if the API gives no counts.
    has_counts: bool,
    /// Records per millisecond where the last part was read; `None` before the first one.
    density: Option<f64>,
    /// True if the API ignores bounds, so that everything is read at once.
    pub(super) is_whole: bool,
    /// End of the parts that were returned.
    pub(super) returned: TimeRange,
}

impl Plan {
    pub(super) fn new(
        range: TimeRange,
        quiet_until: Timestamp,
        max_parts: usize,
        first_rows: usize,
    ) -> Self {
        let mut plan = Self {
            slots: VecDeque::new(),
            next_id: 0,
            max_parts,
            first_rows,
            quiet_until,
            counts: BTreeMap::new(),
            has_counts: true,
            density: None,
            is_whole: false,
            returned: TimeRange::new(range.start, range.start),
        };
        plan.insert(0, range, None, 0);
        plan
    }

    fn insert(&mut self, index: usize, range: TimeRange, rows: Option<f64>, attempts: u32) {
        let slot = Slot { id: self.next_id, range, rows, attempts, state: State::Planned };
        self.next_id += 1;
        self.slots.insert(index, slot);
    }

    /// Returns the next request, the earliest part first.
    pub(super) fn next_task(&mut self) -> Option<Task> {
        let mut index = 0;
        while index < self.slots.len() {
            if !matches!(self.slots[index].state, State::Planned) {
                index += 1;
                continue;
            }
            // The first two are always read, since the first one waits for the second.
            if index > 1 && self.parts_in_memory() >= self.max_parts {
                return None;
            }
            let range = self.slots[index].range;
            if self.is_whole || self.density.is_none() {
                // Nothing is known before the first page.
                let max_rows = (!self.is_whole).then_some(self.first_rows);
                return Some(self.read(index, max_rows));
            }
            if let Some(edge) = self.uncounted_edge(index) {
                self.counts.insert(edge, None);
                return Some(Task::Count(edge));
            }
            let Some(rows) = self.estimate(index) else {
                index += 1;
                continue;
            };
            if !self.divide(index, range, rows) {
                return Some(self.read(index, Some(MAX_PART_ROWS)));
            }
        }
        None
    }

    fn parts_in_memory(&self) -> usize {
        self.slots.iter().filter(|slot| !matches!(slot.state, State::Planned)).count()
    }

    fn read(&mut self, index: usize, max_rows: Option<usize>) -> Task {
        let slot = &mut self.slots[index];
        slot.state = State::Reading;
        Task::Read { slot: slot.id, range: slot.range, max_rows }
    }

    /// Returns the end of a range as far as it is planned: the rest of it may lie in the future.
    fn planned_end(&self, range: TimeRange) -> Timestamp {
        let end = range.end.map_or(self.quiet_until, |end| end.min(self.quiet_until));
        end.max(range.start)
    }

    /// Returns an edge of a range of unknown size whose count was not requested yet.
    fn uncounted_edge(&self, index: usize) -> Option<Timestamp> {
        let slot = &self.slots[index];
        if slot.rows.is_some() || !self.has_counts {
            return None;
        }
        let edges = [slot.range.start, self.planned_end(slot.range)];
        edges.into_iter().find(|edge| !self.counts.contains_key(edge))
    }

    /// Returns the estimated number of records in a range; `None` while they are counted.
    fn estimate(&self, index: usize) -> Option<f64> {
        let Slot { range, rows, .. } = self.slots[index];
        if rows.is_some() {
            return rows;
        }
        let end = self.planned_end(range);
        if !self.has_counts {
            let millis = end.millis().saturating_sub(range.start.millis());
            return Some(self.density.unwrap_or_default() * millis as f64);
        }
        let count = |edge| self.counts.get(&edge).copied().flatten();
        Some(count(range.start)?.saturating_sub(count(end)?) as f64)
    }

    /// Divides a range with too many records. Returns false if it can be read at once.
    fn divide(&mut self, index: usize, range: TimeRange, rows: f64) -> bool {
        let (is_estimated, attempts) =
            (self.slots[index].rows.is_some(), self.slots[index].attempts);
        let is_counted = self.has_counts && !is_estimated;
        let millis = self.planned_end(range).millis().saturating_sub(range.start.millis());
        let (share, left, right) = if is_counted && rows > COUNTED_ROWS {
            (0.5, None, None)
        } else if rows > PART_ROWS * PART_TOLERANCE {
            let share = 1.0 / (rows / PART_ROWS).ceil();
            // Without counts the rest is estimated again, when the density of later parts is known.
            let rest = (is_counted || is_estimated).then_some(rows * (1.0 - share));
            (share, Some(rows * share), rest)
        } else {
            return false;
        };
        #[expect(clippy::cast_possible_truncation, reason = "a share of the length")]
        let middle = range.start.plus_millis((millis as f64 * share) as i64).floor_to_second();
        let is_long = |millis: i64| millis >= MIN_PART_MILLIS;
        if !is_long(middle.millis() - range.start.millis())
            || !is_long(range.start.millis() + millis - middle.millis())
        {
            return false;
        }
        self.slots[index].range = TimeRange::new(range.start, middle);
        self.slots[index].rows = left;
        self.insert(index + 1, TimeRange { start: middle, ..range }, right, attempts);
        true
    }

    /// Takes a count; `None` if the API gives none.
    pub(super) fn take_count(&mut self, edge: Timestamp, count: Option<u64>) {
        self.has_counts &= count.is_some();
        self.counts.insert(edge, count);
    }

    /// Takes what was read of a part.
    pub(super) fn take_read(&mut self, id: u64, read: PartRead) {
        let Some(index) = self.slots.iter().position(|slot| slot.id == id) else { return };
        let Slot { range, attempts, .. } = self.slots[index];
        let is_first = self.density.is_none();
        let end = read.until.unwrap_or_else(|| self.planned_end(range));
        let millis = end.millis().saturating_sub(range.start.millis()).max(1);
        let density = read.rows.len() as f64 / millis as f64;
        self.density = Some(density.max(self.density.unwrap_or_default() / MAX_DENSITY_FALL));
        // An open part may have been read beyond its end.
        if let Some(until) = read.until.filter(|until| !range.ends_by(*until)) {
            let rest = TimeRange { start: until, ..range };
            let rest_millis = self.planned_end(rest).millis().saturating_sub(until.millis());
            let rows = match read.counted_rest {
                _ if !is_first => Some(density * rest_millis as f64),
                Some(left) if left as f64 <= PART_ROWS => Some(left as f64),
                _ => None,
            };
            self.slots[index].range.end = Some(until);
            self.insert(index + 1, rest, rows, attempts);
        }
        self.slots[index].state = State::Read(read);
    }

    /// Returns whether a part is to be read again after its rows moved too fast.
    pub(super) fn retries(&mut self, id: u64, error: &SyncError) -> bool {
        let moves = matches!(error, SyncError::Moving { .. } | SyncError::Unordered { .. });
        let slot = self.slots.iter_mut().find(|slot| slot.id == id);
        let Some(slot) = slot.filter(|slot| moves && slot.attempts < MAX_ATTEMPTS) else {
            return false;
        };
        slot.attempts += 1;
        slot.state = State::Planned;
        true
    }

    /// Reads everything that was not returned yet at once, because the API ignores bounds.
    pub(super) fn read_whole(&mut self, end: Option<Timestamp>) {
        let start = self.returned.end.unwrap_or(self.returned.start);
        self.slots.clear();
        self.is_whole = true;
        self.insert(0, TimeRange { start, end }, None, 0);
    }

    /// Returns whether every part was returned.
    pub(super) fn is_done(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the first part if it is read and meets the next one.
    ///
    /// # Errors
    ///
    /// A [`SyncError`] if two parts do not meet however often they are read.
    pub(super) fn pop(&mut self) -> Result<Option<PartRead>, SyncError> {
        let Some(Slot { state: State::Read(first), attempts, .. }) = self.slots.front() else {
            return Ok(None);
        };
        let attempts = *attempts;
        match self.slots.get(1) {
            // One answer may have lost its rows.
            None if first.is_empty_list() && self.returned.is_empty() && attempts == 0 => {
                self.slots[0].attempts += 1;
                self.slots[0].state = State::Planned;
                return Ok(None);
            }
            None => {}
            Some(Slot { state: State::Read(second), .. })
                if first.meets(second, self.quiet_until) => {}
            Some(Slot { state: State::Read(second), .. }) => {
                let error = first.apart(second);
                self.merge_first_two();
                return if attempts < MAX_ATTEMPTS { Ok(None) } else { Err(error) };
            }
            Some(_) => return Ok(None),
        }
        let Some(Slot { range, state: State::Read(first), .. }) = self.slots.pop_front() else {
            return Ok(None);
        };
        self.returned.end = range.end;
        self.counts.retain(|edge, _| range.end.is_some_and(|end| *edge >= end));
        Ok(Some(first))
    }

    /// Reads the first two parts again as one. A record that was deleted between their reads is in
    /// neither then.
    fn merge_first_two(&mut self) {
        let (Some(first), Some(second)) = (self.slots.pop_front(), self.slots.pop_front()) else {
            return;
        };
        let range = TimeRange { end: second.range.end, ..first.range };
        let attempts = first.attempts.max(second.attempts) + 1;
        self.insert(0, range, Some(PART_ROWS), attempts);
    }
}

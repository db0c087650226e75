//! The state of the simulated service: the records, their order, and what will happen to them.
//!
//! This is a discrete-event simulation. Only [`World::advance`] makes time pass: it applies every
//! event up to a given time, in order. The history therefore depends on the seed and not on how
//! often the world is read. Tests can edit the world in between.

pub(crate) mod directory;
mod edits;
pub(crate) mod flows;
mod history;
pub(crate) mod lifecycle;
pub(crate) mod record;
mod settings;
pub(crate) mod timeline;

use std::{cmp::Reverse, collections::BinaryHeap};

use hashbrown::HashTable;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::mix::{high, low, mix, mixed_id};

pub(crate) use self::settings::Settings;
use self::{
    directory::{Directory, DrawnReferences},
    flows::Flows,
    lifecycle::Transition,
    record::{Record, Status},
    timeline::Timeline,
};

/// An event at a scheduled time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A record changes its status.
    Transition(u32, Transition),
    /// A random record is deleted, if it is settled.
    Delete,
    /// A recording starts, and the next one is scheduled.
    NewRecording,
    /// Many recordings start at the same time. Repeated daily.
    Burst,
}

/// A record, and whether answers show it.
#[derive(Debug, Clone)]
struct Slot {
    record: Record,
    is_visible: bool,
}

/// The records of one project, and the events to come.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) generated_ids: u64,
    /// Number of ids that were given to inserted records.
    inserted_ids: u64,
    /// Time of the next new recording, finer than a millisecond so that high rates are exact.
    pub(crate) next_recording_at: f64,
    now: i64,
    directory: Directory,
    slots: Vec<Slot>,
    ids: HashTable<u32>,
    by_start: Timeline,
    by_status: [Timeline; 8],
    /// Records without an end.
    without_end: Timeline,
    /// Maximum length of the records that have ended.
    max_length: i64,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    event_count: u64,
    flows: Flows,
}

impl World {
    /// Creates a world without records at `now`.
    pub(crate) fn empty(settings: Settings, directory: Directory, now: i64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(mix(settings.seed)),
            settings,
            generated_ids: 0,
            inserted_ids: 0,
            next_recording_at: 0.0,
            now,
            directory,
            slots: Vec::new(),
            ids: HashTable::new(),
            by_start: Timeline::default(),
            by_status: std::array::from_fn(|_| Timeline::default()),
            without_end: Timeline::default(),
            max_length: 0,
            events: BinaryHeap::new(),
            event_count: 0,
            flows: Flows::default(),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// The current time of the world, in milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Objects that records refer to.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Objects that records refer to, to add more.
    pub fn directory_mut(&mut self) -> &mut Directory {
        &mut self.directory
    }

    /// Entries into and departures from each status since the world began.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Number of visible records.
    pub fn len(&self) -> usize {
        self.by_start.len()
    }

    /// Reports whether no record is visible.
    pub fn is_empty(&self) -> bool {
        self.by_start.len() == 0
    }

    /// Returns the record with this id, if it is visible.
    pub fn record(&self, id: u128) -> Option<&Record> {
        let slot = self.slot(id)?;
        let Slot { record, is_visible } = &self.slots[slot as usize];
        is_visible.then_some(record)
    }

    /// Returns the visible record at a position; 0 is the oldest.
    pub fn record_at(&self, position: usize) -> Option<&Record> {
        self.by_start.get(position).map(|(_, slot)| self.record_in(slot))
    }

    /// Returns the visible records that started at or after `from`, oldest first.
    pub fn records_from(&self, from: i64) -> impl Iterator<Item = &Record> {
        self.by_start.iter_from(self.by_start.rank(from)).map(|(_, slot)| self.record_in(slot))
    }

    /// Applies every event up to `now`. Does nothing if `now` is in the past.
    pub fn advance(&mut self, now: i64) {
        while let Some(Reverse((time, _, event))) = self.events.peek().copied()
            && time <= now
        {
            self.events.pop();
            self.now = self.now.max(time);
            match event {
                Event::Transition(slot, transition) => self.apply_transition(slot, transition),
                Event::Delete => self.delete_one(),
                Event::NewRecording => self.start_recording(),
                Event::Burst => self.start_burst(),
            }
        }
        self.now = self.now.max(now);
    }

    pub(crate) fn schedule(&mut self, time: i64, event: Event) {
        self.event_count += 1;
        self.events.push(Reverse((time, self.event_count, event)));
    }

    /// Returns a new id.
    pub(crate) fn next_id(&mut self) -> u128 {
        self.generated_ids += 1;
        mixed_id(self.settings.seed, self.generated_ids)
    }

    /// Draws what a new record refers to.
    pub(crate) fn draw_references(&mut self) -> DrawnReferences {
        self.directory.draw(&mut self.rng)
    }

    pub(crate) fn schedule_next(&mut self, slot: u32) {
        let next = lifecycle::next_transition(
            &self.slots[slot as usize].record,
            self.settings.lifecycle,
            &mut self.rng,
        );
        if let Some((time, transition)) = next {
            self.schedule(time, Event::Transition(slot, transition));
        }
    }

    /// Adds a new record, which counts as an entry. `None` if the id exists.
    pub(crate) fn add(&mut self, record: Record) -> Option<u32> {
        if self.slot(record.id).is_some() {
            return None;
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.flows.count_appearance(&record);
        self.slots.push(Slot { record, is_visible: true });
        self.index_id(slot);
        self.add_to_timelines(slot);
        Some(slot)
    }

    /// Loads the records that the world begins with, sorted by start.
    pub(crate) fn load_history(&mut self, records: Vec<Record>) {
        self.slots = records.into_iter().map(|record| Slot { record, is_visible: true }).collect();
        self.ids.reserve(self.slots.len(), |_| 0);
        let mut by_start = Vec::with_capacity(self.slots.len());
        let mut by_status: [Vec<_>; 8] = std::array::from_fn(|_| Vec::new());
        let mut without_end = Vec::new();
        for (slot, Slot { record, .. }) in (0_u32..).zip(&self.slots) {
            let entry = (record.start, slot);
            by_start.push(entry);
            by_status[record.status as usize].push(entry);
            if record.end.is_none() {
                without_end.push(entry);
            }
            self.max_length = self.max_length.max(last_known_time(record) - record.start);
            self.flows.count_initial(record);
        }
        self.by_start = Timeline::from_sorted(&by_start);
        self.by_status = by_status.map(|entries| Timeline::from_sorted(&entries));
        self.without_end = Timeline::from_sorted(&without_end);
        for (_, slot) in by_start {
            self.index_id(slot);
        }
    }

    pub(crate) fn record_in(&self, slot: u32) -> &Record {
        &self.slots[slot as usize].record
    }

    /// The records with a status, or all records.
    pub(crate) fn timeline(&self, status: Option<Status>) -> &Timeline {
        status.map_or(&self.by_start, |status| &self.by_status[status as usize])
    }

    pub(crate) fn without_end(&self) -> &Timeline {
        &self.without_end
    }

    pub(crate) fn max_length(&self) -> i64 {
        self.max_length
    }

    fn apply_transition(&mut self, slot: u32, transition: Transition) {
        let Slot { record, is_visible } = &self.slots[slot as usize];
        // An edit may have changed the status since the transition was scheduled.
        if !is_visible || record.status != transition.required_status() {
            return;
        }
        let mut after = record.clone();
        lifecycle::apply(&mut after, transition, self.now, self.settings.lifecycle, &mut self.rng);
        self.change(after.id, |record| *record = after);
        self.schedule_next(slot);
    }

    fn delete_one(&mut self) {
        if self.by_start.len() == 0 {
            return;
        }
        let position = self.rng.random_range(0..self.by_start.len());
        let Some((_, slot)) = self.by_start.get(position) else { return };
        let (id, status) = (self.record_in(slot).id, self.record_in(slot).status);
        if !status.in_flight() {
            self.delete(id);
        }
    }

    fn slot(&self, id: u128) -> Option<u32> {
        self.ids.find(hash_id(id), |slot| self.record_in(*slot).id == id).copied()
    }

    fn index_id(&mut self, slot: u32) {
        let slots = &self.slots;
        let id = slots[slot as usize].record.id;
        self.ids.insert_unique(hash_id(id), slot, |slot| hash_id(slots[*slot as usize].record.id));
    }

    fn add_to_timelines(&mut self, slot: u32) {
        let record = &self.slots[slot as usize].record;
        let entry = (record.start, slot);
        self.max_length = self.max_length.max(last_known_time(record) - record.start);
        self.by_start.insert(entry);
        self.by_status[record.status as usize].insert(entry);
        if record.end.is_none() {
            self.without_end.insert(entry);
        }
    }

    fn remove_from_timelines(&mut self, slot: u32, record: &Record) {
        let entry = (record.start, slot);
        self.by_start.remove(entry);
        self.by_status[record.status as usize].remove(entry);
        if record.end.is_none() {
            self.without_end.remove(entry);
        }
    }
}

/// Returns the last known time of a record: its end, or its last update.
pub(crate) fn last_known_time(record: &Record) -> i64 {
    record.end.unwrap_or(record.update)
}

fn hash_id(id: u128) -> u64 {
    mix(low(id) ^ mix(high(id)))
}

//! The state of the simulated service: records, their order, and what will happen to them.
//!
//! A discrete-event simulation. Nothing happens by itself: [`World::advance`] applies every event
//! up to a moment, in the order of their times, so that a history depends on the seed and not on
//! how often somebody looks. Edits by tests come in between.

pub(crate) mod directory;
mod edits;
mod history;
pub(crate) mod ledger;
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
    directory::Cast,
    ledger::Ledger,
    lifecycle::Step,
    record::{Record, Status},
    timeline::Timeline,
};

/// What happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A record takes a step of its life.
    Step(u32, Step),
    /// Somebody deletes a settled record.
    Delete,
    /// A recording begins, and the next beginning is drawn.
    Birth,
    /// Many recordings begin at the same moment; again a day later.
    Burst,
}

/// The records of one project, and their future.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) born: u64,
    /// Records that edits gave an id.
    inserted: u64,
    /// When the next birth falls, finer than a millisecond so that high rates stay right.
    pub(crate) next_birth: f64,
    now: i64,
    cast: Cast,
    slots: Vec<(Record, bool)>,
    ids: HashTable<u32>,
    all: Timeline,
    by_status: [Timeline; 8],
    /// Those without an end.
    open: Timeline,
    /// No record that has ended lasted longer than this.
    extent: i64,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    scheduled: u64,
    ledger: Ledger,
}

impl World {
    /// A world without records at `now`.
    pub(crate) fn empty(settings: Settings, cast: Cast, now: i64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(mix(settings.seed)),
            settings,
            born: 0,
            inserted: 0,
            next_birth: 0.0,
            now,
            cast,
            slots: Vec::new(),
            ids: HashTable::new(),
            all: Timeline::default(),
            by_status: std::array::from_fn(|_| Timeline::default()),
            open: Timeline::default(),
            extent: 0,
            events: BinaryHeap::new(),
            scheduled: 0,
            ledger: Ledger::default(),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// The moment the world has come to, in milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Who and what the records refer to.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// The same, to add to it.
    pub fn cast_mut(&mut self) -> &mut Cast {
        &mut self.cast
    }

    /// Entries into and departures from each status since the beginning.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many records can be seen.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether no record can be seen.
    pub fn is_empty(&self) -> bool {
        self.all.len() == 0
    }

    /// The record of this id, if it can be seen.
    pub fn record(&self, id: u128) -> Option<&Record> {
        let slot = self.slot(id)?;
        let (record, visible) = &self.slots[slot as usize];
        visible.then_some(record)
    }

    /// The record at a place, 0 for the oldest, of those that can be seen.
    pub fn record_at(&self, place: usize) -> Option<&Record> {
        self.all.get(place).map(|(_, slot)| self.at(slot))
    }

    /// Every record that can be seen and started at or after `from`, oldest first.
    pub fn records_from(&self, from: i64) -> impl Iterator<Item = &Record> {
        self.all.iter_from(self.all.rank(from)).map(|(_, slot)| self.at(slot))
    }

    /// Applies every event up to `now`. A `now` in the past changes nothing.
    pub fn advance(&mut self, now: i64) {
        while let Some(Reverse((time, _, event))) = self.events.peek().copied()
            && time <= now
        {
            self.events.pop();
            self.now = self.now.max(time);
            match event {
                Event::Step(slot, step) => self.step(slot, step),
                Event::Delete => self.delete_one(),
                Event::Birth => self.birth(),
                Event::Burst => self.burst(),
            }
        }
        self.now = self.now.max(now);
    }

    pub(crate) fn schedule(&mut self, time: i64, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((time, self.scheduled, event)));
    }

    /// A new id of this world.
    pub(crate) fn fresh_id(&mut self) -> u128 {
        self.born += 1;
        mixed_id(self.settings.seed, self.born)
    }

    /// A desktop, its pool, and a user.
    pub(crate) fn draw_cast(&mut self) -> (u32, Option<u32>, u32) {
        self.cast.draw(&mut self.rng)
    }

    pub(crate) fn schedule_next(&mut self, slot: u32) {
        let next = lifecycle::next(&self.slots[slot as usize].0, self.settings.pace, &mut self.rng);
        if let Some((time, step)) = next {
            self.schedule(time, Event::Step(slot, step));
        }
    }

    /// Adds a record after the beginning: it counts as an entry.
    pub(crate) fn add(&mut self, record: Record) -> Option<u32> {
        if self.slot(record.id).is_some() {
            return None;
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.ledger.appear(&record);
        self.slots.push((record, true));
        self.remember(slot);
        self.list(slot);
        Some(slot)
    }

    /// Takes the history that the world begins with, sorted by start.
    pub(crate) fn begin_with(&mut self, records: Vec<Record>) {
        self.slots = records.into_iter().map(|record| (record, true)).collect();
        self.ids.reserve(self.slots.len(), |_| 0);
        let mut all = Vec::with_capacity(self.slots.len());
        let mut by_status: [Vec<_>; 8] = std::array::from_fn(|_| Vec::new());
        let mut open = Vec::new();
        for (slot, (record, _)) in (0_u32..).zip(&self.slots) {
            let entry = (record.start, slot);
            all.push(entry);
            by_status[record.status as usize].push(entry);
            if record.end.is_none() {
                open.push(entry);
            }
            self.extent = self.extent.max(last_moment(record) - record.start);
            self.ledger.initial(record);
        }
        self.all = Timeline::from_sorted(&all);
        self.by_status = by_status.map(|entries| Timeline::from_sorted(&entries));
        self.open = Timeline::from_sorted(&open);
        for (_, slot) in all {
            self.remember(slot);
        }
    }

    pub(crate) fn at(&self, slot: u32) -> &Record {
        &self.slots[slot as usize].0
    }

    /// The records of a status, or all.
    pub(crate) fn timeline(&self, status: Option<Status>) -> &Timeline {
        status.map_or(&self.all, |status| &self.by_status[status as usize])
    }

    pub(crate) fn open(&self) -> &Timeline {
        &self.open
    }

    pub(crate) fn extent(&self) -> i64 {
        self.extent
    }

    fn step(&mut self, slot: u32, step: Step) {
        let (record, visible) = &self.slots[slot as usize];
        // An edit may have taken the record out of the state that the step was planned for.
        if !visible || record.status != step.from() {
            return;
        }
        let mut after = record.clone();
        lifecycle::take(&mut after, step, self.now, self.settings.pace, &mut self.rng);
        self.change(after.id, |record| *record = after);
        self.schedule_next(slot);
    }

    fn delete_one(&mut self) {
        if self.all.len() == 0 {
            return;
        }
        let place = self.rng.random_range(0..self.all.len());
        let Some((_, slot)) = self.all.get(place) else { return };
        let (id, status) = (self.at(slot).id, self.at(slot).status);
        if !status.in_flight() {
            self.delete(id);
        }
    }

    fn slot(&self, id: u128) -> Option<u32> {
        self.ids.find(hash(id), |slot| self.at(*slot).id == id).copied()
    }

    fn remember(&mut self, slot: u32) {
        let slots = &self.slots;
        let id = slots[slot as usize].0.id;
        self.ids.insert_unique(hash(id), slot, |slot| hash(slots[*slot as usize].0.id));
    }

    fn list(&mut self, slot: u32) {
        let record = &self.slots[slot as usize].0;
        let entry = (record.start, slot);
        self.extent = self.extent.max(last_moment(record) - record.start);
        self.all.insert(entry);
        self.by_status[record.status as usize].insert(entry);
        if record.end.is_none() {
            self.open.insert(entry);
        }
    }

    fn unlist(&mut self, slot: u32, record: &Record) {
        let entry = (record.start, slot);
        self.all.remove(entry);
        self.by_status[record.status as usize].remove(entry);
        if record.end.is_none() {
            self.open.remove(entry);
        }
    }
}

/// The last moment that is known of a record.
pub(crate) fn last_moment(record: &Record) -> i64 {
    record.end.unwrap_or(record.update)
}

fn hash(id: u128) -> u64 {
    mix(low(id) ^ mix(high(id)))
}

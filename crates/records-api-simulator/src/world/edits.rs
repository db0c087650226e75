//! Edits by tests: insert, change, hide and delete single records.
//!
//! An edit counts in the flows like a change of the simulation itself. A scheduled transition is
//! dropped if an edit has changed the record's status.

use super::{
    Slot, World, hash_id,
    record::{Record, Status},
};
use crate::mix::mixed_id;

impl World {
    /// Adds a visible record that does not change by itself. False if the id exists.
    pub fn insert(&mut self, record: Record) -> bool {
        self.add(record).is_some()
    }

    /// Adds a record with a new id that started at `start` and is now in `status`: first desktop,
    /// first user, no pool. It does not change by itself. Among records with equal starts it is the
    /// last. Returns its id.
    pub fn insert_at(&mut self, start: i64, status: Status) -> u128 {
        loop {
            self.inserted_ids += 1;
            // Not the ids of new recordings, so that the history is the same with or without edits.
            let mut record = Record::new(mixed_id(!self.settings.seed, self.inserted_ids), start);
            if status != Status::Recording {
                record.end = Some(
                    start
                        .saturating_add(self.settings.lifecycle.recording_length)
                        .min(self.now)
                        .max(start),
                );
            }
            record.enter(status, self.now, 100_000_000);
            let id = record.id;
            if self.insert(record) {
                return id;
            }
        }
    }

    /// Adds a record that goes on by itself: it stops, uploads, and may fail. False if the id
    /// exists.
    pub fn begin(&mut self, record: Record) -> bool {
        let Some(slot) = self.add(record) else { return false };
        self.schedule_next(slot);
        true
    }

    /// Moves a record to a status now, as the simulation would. False if it is not visible.
    pub fn set_status(&mut self, id: u128, status: Status) -> bool {
        let now = self.now;
        self.change(id, |record| record.enter(status, now, 100_000_000))
    }

    /// Changes a record in any way. `update` changes only if `change` sets it. False if the record
    /// is not visible.
    pub fn change(&mut self, id: u128, change: impl FnOnce(&mut Record)) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        let Slot { record, is_visible } = &self.slots[slot as usize];
        if !is_visible {
            return false;
        }
        let before = record.clone();
        change(&mut self.slots[slot as usize].record);
        self.slots[slot as usize].record.id = id;
        let after = self.record_in(slot).clone();
        self.flows.count_change(&before, &after);
        self.remove_from_timelines(slot, &before);
        self.add_to_timelines(slot);
        true
    }

    /// Deletes a record for good. False if it is not visible.
    pub fn delete(&mut self, id: u128) -> bool {
        let hidden = self.hide(id);
        if hidden {
            let slots = &self.slots;
            let found =
                self.ids.find_entry(hash_id(id), |slot| slots[*slot as usize].record.id == id);
            if let Ok(entry) = found {
                entry.remove();
            }
        }
        hidden
    }

    /// Hides a record from every answer until [`World::show`]. False if it is not visible.
    pub fn hide(&mut self, id: u128) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        let record = self.record_in(slot).clone();
        if !std::mem::replace(&mut self.slots[slot as usize].is_visible, false) {
            return false;
        }
        self.flows.count_disappearance(&record);
        self.remove_from_timelines(slot, &record);
        true
    }

    /// Makes a hidden record visible again. False if it is not hidden.
    pub fn show(&mut self, id: u128) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        if std::mem::replace(&mut self.slots[slot as usize].is_visible, true) {
            return false;
        }
        let record = self.record_in(slot).clone();
        self.flows.count_appearance(&record);
        self.add_to_timelines(slot);
        true
    }
}

//! Sets of names that records have in common.
//!
//! A desktop belongs to one pool, and its files go to one bucket under one policy. So a million records
//! have some thousands of sets, and a record refers to its set by number. The user does not belong to the
//! set, because many users share the desktops of a pool.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::record::StoredRecord;
use super::symbols::LabelId;
use super::terms::TermId;

/// Names and type of a record, without its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NameSet {
    record_type: TermId,
    pool: LabelId,
    desktop: LabelId,
    bucket: LabelId,
    policy: LabelId,
}

/// Sets that records refer to, by number. A set leaves with its last record.
#[derive(Debug, Default)]
pub(super) struct NameSets {
    sets: Vec<CountedSet>,
    /// Numbers without a set.
    free: Vec<u32>,
    index: HashTable<u32>,
    /// Randomly keyed, so that names chosen by users cannot collide on purpose.
    hasher: RandomState,
}

#[derive(Debug)]
struct CountedSet {
    set: NameSet,
    /// Number of records.
    records: u32,
}

impl NameSet {
    /// Returns the set of a record.
    pub(super) fn of(record: &StoredRecord) -> Self {
        Self {
            record_type: record.record_type,
            pool: record.pool,
            desktop: record.desktop,
            bucket: record.bucket,
            policy: record.policy,
        }
    }

    /// Returns the record with the names and the type of the set.
    pub(super) fn put_into(self, record: StoredRecord) -> StoredRecord {
        StoredRecord {
            record_type: self.record_type,
            pool: self.pool,
            desktop: self.desktop,
            bucket: self.bucket,
            policy: self.policy,
            ..record
        }
    }
}

impl NameSets {
    /// Returns a set in use.
    pub(super) fn get(&self, number: u32) -> NameSet {
        self.sets[number as usize].set
    }

    /// Adds a record to its set, which is created if it is the first one. Returns its number.
    pub(super) fn add(&mut self, set: NameSet) -> u32 {
        let hash = self.hasher.hash_one(set);
        if let Some(number) = self.index.find(hash, |number| self.get(*number) == set) {
            let number = *number;
            self.sets[number as usize].records += 1;
            return number;
        }
        let counted = CountedSet { set, records: 1 };
        let number = if let Some(number) = self.free.pop() {
            self.sets[number as usize] = counted;
            number
        } else {
            self.sets.push(counted);
            u32::try_from(self.sets.len() - 1).expect("there are fewer sets than records")
        };
        let (sets, hasher) = (&self.sets, &self.hasher);
        self.index.insert_unique(hash, number, |other| hasher.hash_one(sets[*other as usize].set));
        number
    }

    /// Removes a record from its set.
    pub(super) fn remove(&mut self, number: u32) {
        let counted = &mut self.sets[number as usize];
        counted.records -= 1;
        if counted.records == 0 {
            let hash = self.hasher.hash_one(counted.set);
            if let Ok(entry) = self.index.find_entry(hash, |other| *other == number) {
                entry.remove();
            }
            self.free.push(number);
        }
    }

    /// Returns the number of sets in use.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

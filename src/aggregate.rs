//! From records to sums by label set. Pure.
//!
//! A [`Tally`] follows the records: what a poll changed is taken off and added, so that its cost
//! follows the changes. An [`Aggregate`] is what a snapshot shows of it: every label value is text
//! there, so that nothing downstream needs the ledger.

#[cfg(test)]
mod tests;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use users::UserNames;

use crate::ledger::{CardinalityLimit, LabelId, Ledger, Mark, StoredRecord, TermId, UpdateTime};
use records_api::record::{RecordKey, RecordType, Status, Timestamp};

/// Records added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Number of records.
    pub records: u64,
    /// Their sizes in bytes. Sizes come from outside: a million of the largest fit.
    pub size_bytes: u128,
    /// Their durations in seconds.
    pub duration_seconds: u128,
    /// Those of them whose entry into their status was counted.
    pub counted: u64,
}

/// Status, type and pool of records.
pub type KindLabels = (Arc<str>, Arc<str>, Arc<str>);
/// User and status of records.
pub type UserLabels = (Arc<str>, Arc<str>);
/// Status and pool of records in flight.
pub type FlightLabels = (Arc<str>, Arc<str>);

/// The records of a window by their labels, ordered, so that equal ledgers give equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// By status, type and pool: for each type and pool in the window all six statuses.
    pub kinds: BTreeMap<KindLabels, Sums>,
    /// By user and status: for each user all six statuses.
    pub users: BTreeMap<UserLabels, Sums>,
    /// Start of the oldest record by in-flight status and pool.
    pub oldest_start: BTreeMap<FlightLabels, Timestamp>,
    /// Least recent change of a record by in-flight status and pool.
    pub oldest_update: BTreeMap<FlightLabels, Timestamp>,
    /// Start of the newest record.
    pub newest_start: Option<Timestamp>,
    /// Number of records.
    pub records: u64,
}

/// Sums by the labels of the API, none folded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: BTreeMap<(TermId, TermId, LabelId), Sums>,
    users: BTreeMap<(LabelId, TermId), Sums>,
    /// What is in flight, by status and pool: start and last change of each record.
    in_flight: BTreeMap<(TermId, LabelId), Flight>,
    records: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Flight {
    starts: BTreeSet<(Timestamp, RecordKey)>,
    updates: BTreeSet<(UpdateTime, RecordKey)>,
}

impl Sums {
    fn add(&mut self, record: &StoredRecord) {
        self.records += 1;
        self.size_bytes += u128::from(record.size_bytes().unwrap_or(0));
        self.duration_seconds += u128::from(record.duration_seconds().unwrap_or(0));
        self.counted += u64::from(record.has(Mark::Counted));
    }

    fn remove(&mut self, record: &StoredRecord) {
        self.records -= 1;
        self.size_bytes -= u128::from(record.size_bytes().unwrap_or(0));
        self.duration_seconds -= u128::from(record.duration_seconds().unwrap_or(0));
        self.counted -= u64::from(record.has(Mark::Counted));
    }

    fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.size_bytes += other.size_bytes;
        self.duration_seconds += other.duration_seconds;
        self.counted += other.counted;
    }
}

impl Aggregate {
    /// Adds the pools that are known to exist but have no record, as zeros of the types that there
    /// are, so that nothing recorded can be told from nothing known. No more than `most` pools are
    /// shown.
    pub fn seed<'p>(&mut self, pools: impl Iterator<Item = &'p str>, most: usize) {
        let mut shown: BTreeSet<Arc<str>> =
            self.kinds.keys().map(|(_, _, pool)| pool.clone()).collect();
        let mut types: BTreeSet<Arc<str>> =
            self.kinds.keys().map(|(_, kind, _)| kind.clone()).collect();
        if types.is_empty() {
            types.insert(RecordType::Full.code().into());
        }
        for pool in pools {
            if shown.len() >= most || shown.contains(pool) {
                continue;
            }
            let pool: Arc<str> = pool.into();
            for record_type in &types {
                for status in Status::ALL {
                    let key = (status.code().into(), record_type.clone(), pool.clone());
                    self.kinds.insert(key, Sums::default());
                }
            }
            shown.insert(pool);
        }
    }
}

impl Tally {
    /// Folds all records that a ledger shows.
    pub fn of(ledger: &Ledger) -> Self {
        let mut tally = Self::default();
        ledger.shown().for_each(|record| tally.change(None, Some(&record)));
        tally
    }

    /// Takes off what a record was, and adds what it is.
    pub fn change(&mut self, was: Option<&StoredRecord>, is: Option<&StoredRecord>) {
        if let Some(record) = was {
            self.remove(record);
        }
        if let Some(record) = is {
            self.add(record);
        }
    }

    fn add(&mut self, record: &StoredRecord) {
        self.kinds.entry(kind(record)).or_default().add(record);
        self.users.entry((record.user, record.status)).or_default().add(record);
        if is_in_flight(record) {
            let flight = self.in_flight.entry((record.status, record.pool)).or_default();
            flight.starts.insert((record.start, record.key));
            flight.updates.insert((record.update, record.key));
        }
        self.records += 1;
    }

    fn remove(&mut self, record: &StoredRecord) {
        take_off(&mut self.kinds, &kind(record), record);
        take_off(&mut self.users, &(record.user, record.status), record);
        if is_in_flight(record) {
            let key = (record.status, record.pool);
            let flight = self.in_flight.get_mut(&key).expect("it was added");
            flight.starts.remove(&(record.start, record.key));
            flight.updates.remove(&(record.update, record.key));
            if flight.starts.is_empty() {
                self.in_flight.remove(&key);
            }
        }
        self.records -= 1;
    }

    /// What a snapshot shows: texts, users named as `names` says, and what holds no slot folded.
    pub fn aggregate(&self, ledger: &Ledger, names: &UserNames) -> Aggregate {
        let slots = &ledger.slots;
        let mut kinds: BTreeMap<(TermId, TermId, LabelId), Sums> = BTreeMap::new();
        for ((status, kind, pool), sums) in &self.kinds {
            let shown = (slots.status(*status), slots.record_type(*kind), slots.pool(*pool));
            kinds.entry(shown).or_default().merge(sums);
        }
        let mut users: BTreeMap<(LabelId, TermId), Sums> = BTreeMap::new();
        for ((user, status), sums) in &self.users {
            users.entry((slots.user(*user), slots.status(*status))).or_default().merge(sums);
        }
        complete(&mut kinds, &mut users);
        let mut aggregate = named(ledger, names, &kinds, &users);
        self.add_flights(ledger, slots, &mut aggregate);
        aggregate.newest_start = ledger.newest_start();
        aggregate.records = self.records;
        aggregate
    }

    fn add_flights(&self, ledger: &Ledger, slots: &CardinalityLimit, aggregate: &mut Aggregate) {
        for ((status, pool), flight) in &self.in_flight {
            let pool = ledger.labels.shared(slots.pool(*pool));
            let labels = (ledger.words.shared(*status), pool);
            let known = |(update, _): &(UpdateTime, _)| update.known();
            let update = flight.updates.iter().find_map(known);
            let start = flight.starts.first().map(|(start, _)| *start);
            keep_least(&mut aggregate.oldest_start, &labels, start);
            keep_least(&mut aggregate.oldest_update, &labels, update);
        }
    }
}

fn kind(record: &StoredRecord) -> (TermId, TermId, LabelId) {
    (record.status, record.record_type, record.pool)
}

fn is_in_flight(record: &StoredRecord) -> bool {
    record.status.status().is_some_and(Status::is_in_flight)
}

fn take_off<K: Ord>(sums: &mut BTreeMap<K, Sums>, key: &K, record: &StoredRecord) {
    let of_key = sums.get_mut(key).expect("it was added");
    of_key.remove(record);
    if of_key.records == 0 {
        sums.remove(key);
    }
}

fn keep_least(
    moments: &mut BTreeMap<FlightLabels, Timestamp>,
    labels: &FlightLabels,
    moment: Option<Timestamp>,
) {
    if let Some(moment) = moment {
        let least = moments.entry(labels.clone()).or_insert(moment);
        *least = moment.min(*least);
    }
}

/// Adds the statuses without a record, as zeros.
fn complete(
    kinds: &mut BTreeMap<(TermId, TermId, LabelId), Sums>,
    users: &mut BTreeMap<(LabelId, TermId), Sums>,
) {
    let pairs: BTreeSet<_> = kinds.keys().map(|(_, kind, pool)| (*kind, *pool)).collect();
    for (record_type, pool) in pairs {
        for status in Status::ALL {
            kinds.entry((status.into(), record_type, pool)).or_default();
        }
    }
    let known: BTreeSet<_> = users.keys().map(|(user, _)| *user).collect();
    for user in known {
        for status in Status::ALL {
            users.entry((user, status.into())).or_default();
        }
    }
}

fn named(
    ledger: &Ledger,
    names: &UserNames,
    kinds: &BTreeMap<(TermId, TermId, LabelId), Sums>,
    users: &BTreeMap<(LabelId, TermId), Sums>,
) -> Aggregate {
    let text = |label: &LabelId| ledger.labels.shared(*label);
    let word = |word: &TermId| ledger.words.shared(*word);
    let kinds = kinds.iter().map(|((status, record_type, pool), sums)| {
        ((word(status), word(record_type), text(pool)), *sums)
    });
    let mut aggregate = Aggregate { kinds: kinds.collect(), ..Aggregate::default() };
    // One name a user: a hash costs a little, and the statuses of a user stand together.
    let mut shown = None;
    for ((user, status), sums) in users {
        if shown.as_ref().is_none_or(|(known, _)| known != user) {
            shown = Some((*user, names.shown(&text(user))));
        }
        let Some((_, Some(name))) = &shown else { continue };
        aggregate.users.entry((name.clone(), word(status))).or_default().merge(sums);
    }
    aggregate
}

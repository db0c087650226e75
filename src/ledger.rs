//! What the exporter knows: the records of the window, the counters, and the names in them.
//!
//! Reading a poll takes `&Ledger` and writes into a [`Staging`]. When the poll is complete,
//! [`Ledger::diff`] makes a [`Transition`] of it. [`DurableLedger::commit`] writes the transition to the
//! journal, and only then [`Ledger::apply`], the only writer, changes the ledger. A poll that fails
//! drops its staging and leaves no trace.

mod cardinality;
mod counters;
mod diff;
mod durable;
mod failures;
mod index;
mod journal;
mod native;
mod new_symbols;
mod packed;
mod pending_counts;
mod poll_facts;
mod queries;
mod record;
mod staging;
mod symbols;
mod table;
mod terms;
#[cfg(test)]
mod tests;
mod totals;
mod transition;

pub use cardinality::{CardinalityLimit, LabelLimits, Limited, MAX_UNKNOWN_VALUES};
pub use counters::{Counter, Counters, Exemplar, Observed, Series};
pub use durable::DurableLedger;
pub use failures::{FailureDetails, MAX_FAILURE_DETAILS};
pub use journal::{CommitError, OpenError, SetAside};
pub use native::NativeBuckets;
pub use pending_counts::PendingCounts;
pub use poll_facts::{ApiCounts, FirstSync, PollFacts, ReadPart};
pub use queries::Counted;
pub use record::{Mark, StoredRecord, UpdateTime};
pub use staging::Staging;
pub use symbols::LabelId;
pub use terms::TermId;
pub use totals::{InFlight, KindKey, Sums, Totals};
pub use transition::Transition;

use std::sync::Arc;

use cardinality::Value;
use failures::Failures;
use journal::Entry;
use packed::Packed;
use staging::StaleReads;
use symbols::SymbolTable;
use table::Table;

use records_api::record::{RecordKey, Timestamp};

/// The records of the window as of the last complete poll, and the counters.
#[derive(Debug)]
pub struct Ledger {
    /// The records, including ones that the API no longer lists.
    table: Table,
    /// Names of pools and users.
    labels: SymbolTable,
    /// Names of statuses and types.
    terms: SymbolTable,
    counters: Counters,
    slots: CardinalityLimit,
    last_poll: Option<PollFacts>,
    first_sync: Option<FirstSync>,
    totals: Totals,
    failures: Failures,
    stale_reads: StaleReads,
    /// Number of names after unused ones were last released.
    names_kept: usize,
    /// Largest number of records since then.
    max_records: usize,
}

/// Names are looked through for unused ones when there are this many more than twice those that were
/// kept the last time.
const MIN_NAMES_TO_RELEASE: usize = 1024;
/// The memory of fewer records, or the names in them, are not worth the effort.
const MIN_RECORDS_TO_RELEASE: usize = 1000;
/// A name of a larger number is damage: twice as many as there are records of the largest window, with
/// a pool and a user each.
const MAX_SYMBOL_NUMBER: u32 = 1 << 26;

impl Default for Ledger {
    fn default() -> Self {
        Self {
            table: Table::default(),
            labels: SymbolTable::with_fixed(["_none", "_other"]),
            terms: terms::term_table(),
            counters: Counters::default(),
            slots: CardinalityLimit::default(),
            last_poll: None,
            first_sync: None,
            totals: Totals::default(),
            failures: Failures::default(),
            stale_reads: StaleReads::default(),
            names_kept: 0,
            max_records: 0,
        }
    }
}

/// Reading.
impl Ledger {
    /// The records that the API lists.
    pub fn shown(&self) -> impl Iterator<Item = StoredRecord> {
        self.table.iter().filter(StoredRecord::is_shown)
    }

    /// Number of records, including ones that the API no longer lists.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The records that the API lists, added up.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The label values that have series of their own.
    pub fn slots(&self) -> &CardinalityLimit {
        &self.slots
    }

    /// The last complete poll.
    pub fn last_poll(&self) -> Option<&PollFacts> {
        self.last_poll.as_ref()
    }

    /// The parts of an unfinished first sync.
    pub fn first_sync(&self) -> Option<&FirstSync> {
        self.first_sync.as_ref()
    }

    /// The text of a label.
    pub fn label(&self, label: LabelId) -> &Arc<str> {
        self.labels.text(label.number())
    }

    /// The text of a status or a type.
    pub fn term(&self, term: TermId) -> &Arc<str> {
        self.terms.text(term.number())
    }

    /// Number of names that are kept: pools, users, statuses and types.
    pub fn names(&self) -> usize {
        self.labels.len() + self.terms.len()
    }

    /// Number of values of a label that have records in the window but no slot.
    pub fn folded(&self, limited: Limited) -> u64 {
        self.folded_values().filter(|(other, _)| *other == limited).count() as u64
    }

    /// Users and pools that have records in the window but no slot.
    fn folded_values(&self) -> impl Iterator<Item = Value> {
        self.totals.named_values().filter(|value| !self.slots.holds(*value))
    }

    /// The whole ledger as entries, in an order in which they can be applied.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let labels = self.labels.iter().filter(|(number, _)| *number >= LabelId::FIXED);
        let labels = labels.map(|(number, name)| Entry::label(number, name));
        let terms = self.terms.iter().filter(|(number, _)| *number >= TermId::FIXED);
        let terms = terms.map(|(number, name)| Entry::term(number, name));
        let slots = self.slots.iter().map(|(value, change)| Entry::Slot(value, change));
        let records = self.table.iter().map(Entry::Record);
        let counters = self.counters.iter().flat_map(|(series, c)| Entry::of(*series, c));
        let failures = self.failures.iter().map(|details| Entry::Failure((**details).clone()));
        let poll = self.last_poll.iter().map(|poll| Entry::Poll(poll.clone()));
        let part = self.first_sync.iter().map(|part| Entry::FirstSync(part.clone()));
        let names = labels.chain(terms);
        names.chain(slots).chain(records).chain(counters).chain(failures).chain(poll).chain(part)
    }
}

/// Writing.
impl Ledger {
    /// Applies a transition, the only way to change what is known. It depends on nothing but the
    /// ledger and the transition.
    pub fn apply(&mut self, transition: Transition) {
        if self.table.is_empty() {
            self.adopt(transition);
        } else {
            for entry in transition.entries() {
                self.apply_entry(entry);
            }
            self.stale_reads = transition.stale_reads;
        }
    }

    /// Applies a transition to a ledger without records. It takes the table as it is: a million
    /// records would be in memory twice while they are copied.
    fn adopt(&mut self, mut transition: Transition) {
        let records = std::mem::take(&mut transition.records);
        for (number, text) in std::mem::take(&mut transition.labels) {
            self.labels.define(number, text);
        }
        for (number, text) in std::mem::take(&mut transition.terms) {
            self.terms.define(number, text);
        }
        records.iter().for_each(|record| self.totals.add(&record));
        self.table = records;
        for entry in transition.entries() {
            self.apply_entry(entry);
        }
        self.stale_reads = transition.stale_reads;
    }

    /// Applies an entry of a journal, if it makes sense.
    fn replay(&mut self, entry: Entry) -> Result<(), String> {
        self.check(&entry)?;
        self.apply_entry(entry);
        Ok(())
    }

    /// Checks an entry of a journal: a damaged file must not break the process later.
    fn check(&self, entry: &Entry) -> Result<(), String> {
        let is_named = |label: LabelId| self.labels.contains(label.number());
        let is_term = |term: TermId| self.terms.contains(term.number());
        match entry {
            Entry::Label(number, _) | Entry::Term(number, _) if *number > MAX_SYMBOL_NUMBER => {
                Err(format!("name {number} is out of range"))
            }
            Entry::Label(number, _) if *number < LabelId::FIXED => {
                Err(format!("name {number} is fixed"))
            }
            Entry::Term(number, _) if *number < TermId::FIXED || *number > u32::from(u16::MAX) => {
                Err(format!("term {number} is fixed or out of range"))
            }
            Entry::Slot((limited, number), _) => {
                let table = match limited {
                    Limited::User | Limited::Pool => &self.labels,
                    Limited::Status | Limited::Type => &self.terms,
                };
                let has_text = table.contains(*number);
                if has_text { Ok(()) } else { Err(format!("slot {number} has no text")) }
            }
            Entry::Record(record) if !Packed::holds(record) => {
                Err("a record has a time that no API returns".to_owned())
            }
            Entry::Record(record)
                if !(is_named(record.pool)
                    && is_named(record.user)
                    && is_term(record.status)
                    && is_term(record.record_type)) =>
            {
                Err("a record has a label without a text".to_owned())
            }
            Entry::Counter(series, counter) => {
                let buckets = counter.observed.as_ref().map_or(0, |o| o.buckets.len());
                let has_texts = series.labels().all(is_named) && series.terms().all(is_term);
                match (buckets == series.bounds().len(), has_texts) {
                    (false, _) => Err(format!("{series:?} has {buckets} buckets")),
                    (_, false) => Err(format!("{series:?} has a label without a text")),
                    (true, true) => Ok(()),
                }
            }
            Entry::Native(series, native) => {
                let counter = self.counters.get(series);
                let is_whole = counter.is_some_and(|counter| {
                    counter.observed.is_some() && counter.count == native.count()
                });
                if is_whole { Ok(()) } else { Err(format!("{series:?} has other native buckets")) }
            }
            Entry::Exemplar(series, _) if !self.counters.contains_key(series) => {
                Err(format!("{series:?} was not counted"))
            }
            _ => Ok(()),
        }
    }

    fn apply_entry(&mut self, entry: Entry) {
        match entry {
            Entry::Label(number, name) => self.labels.define(number, name.into()),
            Entry::Term(number, name) => self.terms.define(number, name.into()),
            Entry::Slot(value, change) => self.slots.take(value, change),
            Entry::Record(record) => self.put(record),
            Entry::Hidden(key) => self.hide(key),
            Entry::Counter(series, mut counter) => {
                // Until format 2 there were no native buckets. Later ones follow in an entry.
                let assumed = series.assumed(&counter);
                if let Some(observed) = &mut counter.observed {
                    observed.native = assumed;
                }
                self.counters.insert(series, counter);
            }
            Entry::Native(series, native) => {
                let counter = self.counters.get_mut(&series);
                if let Some(observed) = counter.and_then(|counter| counter.observed.as_mut()) {
                    observed.native = native;
                }
            }
            Entry::Exemplar(series, exemplar) => {
                if let Some(counter) = self.counters.get_mut(&series) {
                    counter.exemplar = Some(exemplar.into());
                }
            }
            Entry::Failure(details) => self.keep_failure(details.into()),
            Entry::Poll(poll) => {
                self.expire(poll.window_start);
                self.last_poll = Some(poll);
                self.first_sync = None;
            }
            Entry::FirstSync(part) => {
                self.expire(part.facts.window_start);
                self.first_sync = Some(part);
            }
            Entry::NoFirstSync => self.first_sync = None,
        }
    }

    /// Puts a record in, in the place of its earlier state.
    fn put(&mut self, record: StoredRecord) {
        let earlier = self.table.put(record).filter(StoredRecord::is_shown);
        if let Some(earlier) = &earlier {
            self.totals.remove(earlier);
            self.failures.follow(earlier, Some(&record).filter(|record| record.is_shown()));
        }
        if record.is_shown() {
            self.totals.add(&record);
        }
    }

    /// Removes the records that start before `edge`.
    fn expire(&mut self, edge: Timestamp) {
        let (totals, failures) = (&mut self.totals, &mut self.failures);
        self.table.expire(edge, |record| {
            if record.is_shown() {
                totals.remove(record);
                failures.follow(record, None);
            }
        });
    }

    /// Hides a record that the API no longer lists. Its id is kept until its start leaves the window:
    /// a record that returns is compared with its last state.
    fn hide(&mut self, key: RecordKey) {
        let Some(position) = self.table.position(key) else { return };
        let record = self.table.at(position);
        if record.is_shown() {
            self.table.change(position, |record| record.set(Mark::Hidden, true));
            self.totals.remove(&record);
            self.failures.follow(&record, None);
        }
    }

    /// Whether there may be many names that nothing refers to.
    fn has_many_names(&self) -> bool {
        self.names() > 2 * self.names_kept + MIN_NAMES_TO_RELEASE
    }

    /// Whether more than half of the records have left.
    fn has_shrunk(&mut self) -> bool {
        self.max_records = self.max_records.max(self.len());
        self.max_records > MIN_RECORDS_TO_RELEASE && 2 * self.len() < self.max_records
    }

    /// Releases the names that nothing refers to, and memory that the records no longer need. A replay
    /// of the journal keeps such names until their numbers are given to other names; nothing that is
    /// served depends on it.
    fn release_unused(&mut self) {
        let mut labels = vec![false; self.labels.end() as usize];
        let mut terms = vec![false; self.terms.end() as usize];
        let mut use_record = |record: &StoredRecord| {
            labels[record.pool.number() as usize] = true;
            labels[record.user.number() as usize] = true;
            terms[record.status.number() as usize] = true;
            terms[record.record_type.number() as usize] = true;
        };
        self.table.iter().for_each(|record| use_record(&record));
        self.stale_reads.values().for_each(&mut use_record);
        for (limited, number) in self.slots.iter().map(|(value, _)| value) {
            match limited {
                Limited::User | Limited::Pool => labels[number as usize] = true,
                Limited::Status | Limited::Type => terms[number as usize] = true,
            }
        }
        for series in self.counters.keys() {
            series.labels().for_each(|label| labels[label.number() as usize] = true);
            series.terms().for_each(|term| terms[term.number() as usize] = true);
        }
        self.labels.retain(LabelId::FIXED, |number| labels[number as usize]);
        self.terms.retain(TermId::FIXED, |number| terms[number as usize]);
        self.table.shrink();
        self.names_kept = self.names();
        self.max_records = self.len();
    }
}

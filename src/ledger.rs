//! What is known of each record of the window, in compact form, with the counters; in memory, and
//! in a file that outlives the process.
//!
//! A poll writes into a [`Staging`] beside the [`Ledger`]. When it is complete, the difference is
//! judged ([`Transition`]), written durably in one commit, and only then taken into memory. A staging
//! that is dropped leaves no trace.

mod cardinality;
mod counters;
mod diff;
mod failures;
mod frame;
mod index;
mod journal;
mod native;
mod packed;
mod pending_counts;
mod queries;
mod record;
mod staging;
mod symbols;
mod table;
mod terms;
#[cfg(test)]
mod tests;
mod totals;

pub use cardinality::{CardinalityLimit, LabelLimits, Limited, MAX_UNKNOWN_VALUES};
pub use counters::{Counter, Counters, Exemplar, Observed, Series};
pub use diff::Transition;
pub use failures::{FailureDetails, MAX_FAILURE_DETAILS};
pub use frame::{ApiCounts, FirstSync, PollFacts, ReadPart};
pub use journal::{CommitError, OpenError, SetAside};
pub use native::NativeBuckets;
pub use pending_counts::PendingCounts;
pub use queries::Counted;
pub use record::{Mark, StoredRecord, UpdateTime};
pub use staging::Staging;
pub use symbols::{LabelId, SymbolTable};
pub use table::Table;
pub use terms::{TermId, TermTable};
pub use totals::{InFlight, KindKey, Sums, Totals};

use std::path::Path;

use cardinality::Value;
use failures::Failures;
use frame::Entry;
use journal::{Journal, Unread};
use packed::Packed;
use staging::StaleReads;

use records_api::record::{Record, RecordKey, Timestamp};

/// The records of the window as of the last complete poll, and what was counted.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The records, those that the API shows no longer included.
    pub table: Table,
    /// The texts of pools and users.
    pub labels: SymbolTable,
    /// The texts of statuses and types.
    pub words: TermTable,
    /// What was counted.
    pub counters: Counters,
    /// Which label values are shown as themselves.
    pub slots: CardinalityLimit,
    /// The last complete poll.
    pub last_poll: Option<PollFacts>,
    /// How far the first sync is, before there was a complete poll.
    pub first_sync: Option<FirstSync>,
    totals: Totals,
    failures: Failures,
    stale_reads: StaleReads,
    journal: Option<Journal>,
    /// Texts that the journal holds: labels and words.
    texts_written: (u32, u32),
}

impl Ledger {
    /// Opens the state that lies in a file; there need be none yet. A damaged one is moved aside,
    /// and counting begins anew.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the file is somebody else's, of a later version, or out of reach.
    pub fn open(path: &Path, now: Timestamp) -> Result<(Self, Option<SetAside>), OpenError> {
        match Self::read(path) {
            Ok(ledger) => Ok((ledger, None)),
            Err(Unread::Refused(error)) => Err(error),
            Err(Unread::Damaged(why)) => {
                let aside = journal::set_aside(path, now.millis(), why)?;
                match Self::read(path) {
                    Ok(ledger) => Ok((ledger, Some(aside))),
                    Err(Unread::Refused(error)) => Err(error),
                    Err(Unread::Damaged(why)) => Err(OpenError::Unusable {
                        path: path.to_owned(),
                        error: std::io::Error::other(why),
                    }),
                }
            }
        }
    }

    fn read(path: &Path) -> Result<Self, Unread> {
        let mut ledger = Self::default();
        let journal = Journal::open(path, |bytes| frame::read(bytes, |entry| ledger.take(entry)))?;
        ledger.texts_written = (ledger.labels.len(), ledger.words.len());
        ledger.journal = Some(journal);
        Ok(ledger)
    }

    /// Takes over what a complete poll found, durably.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was taken over, and the same poll would be found again.
    pub fn commit(&mut self, changes: Transition) -> Result<(), CommitError> {
        self.write(&changes)?;
        for (value, change) in changes.slots {
            self.slots.take(value, change);
        }
        self.stale_reads = changes.stale_reads;
        if self.table.is_empty() {
            changes.records.iter().for_each(|record| self.totals.add(&record));
            self.table = changes.records;
        } else {
            changes.records.iter().for_each(|record| self.put(record));
        }
        changes.hidden.into_iter().for_each(|key| self.hide(key));
        for details in changes.failures {
            self.take_failure(details);
        }
        self.expire(changes.poll.window_start);
        self.counters.extend(changes.counters);
        match changes.part {
            Some(part) => self.first_sync = Some(part),
            None => self.complete(changes.poll),
        }
        Ok(())
    }

    /// The records that the API lists, added up.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The records that the API shows.
    pub fn shown(&self) -> impl Iterator<Item = StoredRecord> {
        self.table.iter().filter(StoredRecord::is_shown)
    }

    /// Whether the API showed a record that starts at `from` or later.
    pub fn shows_since(&self, from: Timestamp) -> bool {
        self.newest_start().is_some_and(|newest| newest >= from)
    }

    /// Start of the newest record that the API shows.
    pub fn newest_start(&self) -> Option<Timestamp> {
        self.table.newest(StoredRecord::is_shown).map(|record| record.start)
    }

    /// Number of values of a label that have records in the window but hold no slot.
    pub fn folded(&self, limited: Limited) -> u64 {
        self.folded_values().filter(|(other, _)| *other == limited).count() as u64
    }

    /// Users and pools that have records in the window but hold no slot.
    fn folded_values(&self) -> impl Iterator<Item = Value> {
        self.totals.named_values().filter(|value| !self.slots.holds(*value))
    }

    /// Bytes of the state on disk.
    pub fn file_bytes(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::file_bytes)
    }

    /// Lets go of the file: what comes after stays in memory.
    pub fn close(&mut self) {
        self.journal = None;
    }

    fn write(&mut self, changes: &Transition) -> Result<(), CommitError> {
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        // After a failure the file may hold what was never taken over: it is written anew.
        let mut written = Ok(());
        if journal.is_broken() {
            written = journal.replace(frame::frames(self.entries()));
            self.texts_written = (self.labels.len(), self.words.len());
        }
        let texts = self.texts_since(self.texts_written);
        let entries = texts.chain(changes.entries());
        let is_new = changes.part.is_some();
        let written = written.and_then(|()| journal.append(is_new, frame::frames(entries)));
        if written.is_ok() {
            self.texts_written = (self.labels.len(), self.words.len());
        }
        self.journal = Some(journal);
        written
    }

    /// Writes the state anew if the changes behind it have grown long. Not doing so loses nothing.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; the next commit tries again.
    pub fn tidy(&mut self) -> Result<(), CommitError> {
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        let mut written = Ok(());
        if journal.wants_whole() {
            written = journal.replace(frame::frames(self.entries()));
            self.texts_written = (self.labels.len(), self.words.len());
        }
        self.journal = Some(journal);
        written
    }

    /// The whole state.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let texts = self.texts_since((0, 0));
        let slots = self.slots.iter().map(|(value, change)| Entry::Slot(value, change));
        let records = self.table.iter().map(Entry::Record);
        let counters = self.counters.iter().flat_map(|(series, c)| Entry::of(*series, c));
        let failures = self.failures.iter().map(|details| Entry::Failure((**details).clone()));
        let poll = self.last_poll.iter().map(|poll| Entry::Poll(poll.clone()));
        let part = self.first_sync.iter().map(|part| Entry::FirstSync(part.clone()));
        texts.chain(slots).chain(records).chain(counters).chain(failures).chain(poll).chain(part)
    }

    fn texts_since(&self, (labels, words): (u32, u32)) -> impl Iterator<Item = Entry> {
        let labels = (labels.max(2)..self.labels.len()).map(|number| {
            Entry::LabelId(number, self.labels.text(LabelId::from_number(number)).to_owned())
        });
        let words = (words.max(TermId::FIRST_UNKNOWN.into())..self.words.len())
            .map(|number| Entry::TermId(number, self.words.text_of(number).to_owned()));
        labels.chain(words)
    }

    fn text_of(&self, limited: Limited, number: u32) -> &str {
        match limited {
            Limited::User | Limited::Pool => self.labels.text(LabelId::from_number(number)),
            Limited::Status | Limited::Type => self.words.text_of(number),
        }
    }

    /// Takes an entry of a journal.
    fn take(&mut self, entry: Entry) -> Result<(), String> {
        let labels = self.labels.len();
        match entry {
            Entry::LabelId(number, text) if self.labels.intern(&text).number() == number => {}
            Entry::TermId(number, text) if self.words.restore(&text) == number => {}
            Entry::LabelId(number, _) | Entry::TermId(number, _) => {
                return Err(format!("text {number} is out of its order"));
            }
            Entry::Slot(value, change) => self.slots.take(value, change),
            Entry::Record(record) => {
                if !Packed::holds(&record) {
                    return Err("a record has a time that no API gives".to_owned());
                }
                if record.pool.number().max(record.user.number()) >= labels
                    || record.status.number().max(record.record_type.number()) >= self.words.len()
                {
                    return Err("a record has labels without a text".to_owned());
                }
                self.put(record);
            }
            Entry::Hidden(key) => self.hide(key),
            Entry::Counter(series, mut counter) => {
                let buckets = counter.observed.as_ref().map_or(0, |o| o.buckets.len());
                if buckets != series.bounds().len() {
                    return Err(format!("{series:?} has {buckets} buckets"));
                }
                // A state of an earlier version has no native buckets.
                let assumed = series.assumed(&counter);
                if let Some(observed) = &mut counter.observed {
                    observed.native = assumed;
                }
                self.counters.insert(series, counter);
            }
            Entry::Native(series, native) => {
                let counter = self.counters.get_mut(&series);
                let observed = counter.filter(|counter| counter.count == native.count());
                let observed = observed.and_then(|counter| counter.observed.as_mut());
                let observed =
                    observed.ok_or_else(|| format!("{series:?} has other native buckets"))?;
                observed.native = native;
            }
            Entry::Exemplar(series, exemplar) => {
                let counter = self.counters.get_mut(&series);
                let counter = counter.ok_or_else(|| format!("{series:?} was not counted"))?;
                counter.exemplar = Some(exemplar.into());
            }
            Entry::Poll(poll) => {
                self.expire(poll.window_start);
                self.complete(poll);
            }
            Entry::FirstSync(part) => self.first_sync = Some(part),
            Entry::Failure(details) => self.take_failure(details.into()),
        }
        Ok(())
    }

    fn complete(&mut self, poll: PollFacts) {
        self.last_poll = Some(poll);
        self.first_sync = None;
    }

    /// Puts a record in, in the place of an earlier state of it.
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

    /// Hides a record that the API no longer lists.
    fn hide(&mut self, key: RecordKey) {
        let Some(position) = self.table.position(key) else { return };
        let record = self.table.at(position);
        if record.is_shown() {
            self.table.change(position, |record| record.set(Mark::Hidden, true));
            self.totals.remove(&record);
            self.failures.follow(&record, None);
        }
    }

    /// The compact form of a record, whose key is `key`.
    pub(crate) fn compact(&mut self, key: RecordKey, record: &Record<'_>) -> StoredRecord {
        let mut stored = StoredRecord::new(key, record.start_time)
            .with_size(record.size)
            .with_duration(record.duration);
        stored.update = record.update_time.into();
        stored.status = self.words.word(&record.status);
        stored.record_type = self.words.word(&record.record_type);
        stored.pool = self.labels.intern_or_none(record.desktop_pool_id.as_deref());
        stored.user = self.labels.intern_or_none(record.username.as_deref());
        stored
    }
}

//! What a poll under way has read so far, beside the ledger.

use std::collections::{BTreeMap, HashMap};

use super::Ledger;
use super::failures::{Failures, is_failed};
use super::record::{Mark, StoredRecord};
use super::table::Table;
use super::terms::TermId;
use records_api::record::{Record, RecordKey, Status, Timestamp};

/// The rows of a poll that is not complete yet. Costs memory for what is new or changed, and a
/// bit for each record that is as known.
#[derive(Debug, Default)]
pub struct Staging {
    pub(super) staged: Table,
    /// A bit for each position of the ledger's table: read in this poll, as known or staged.
    seen: Vec<u64>,
    /// Stretches of the window that were read whole: from, inclusive, and until, exclusive.
    pub(super) covered: Vec<(Timestamp, Option<Timestamp>)>,
    /// Milliseconds from the end of a recording to its last change, of staged records that are
    /// seen uploaded for the first time.
    pub(super) upload_delays: HashMap<RecordKey, u64>,
    /// Readings that are older than what is known.
    pub(super) stale_reads: StaleReads,
    /// What was read of failed records and is not known.
    pub(super) failures: Failures,
}

/// Readings that a lagging replica may have given, by key: believed when they come again.
pub(super) type StaleReads = BTreeMap<RecordKey, StoredRecord>;

/// More stale reads than this are not remembered: what comes then is believed a poll later or two.
pub(super) const MAX_STALE_READS: usize = 100_000;

impl Staging {
    /// Takes a record that the poll read, and its key. Returns whether this poll reads it for the
    /// first time.
    ///
    /// A record may be read twice in a poll, from pages that overlap, and may have changed in
    /// between: the later `update_time` stays, and of equal ones the later reading. A reading that
    /// is older than what is known comes from a lagging replica, unless a later poll repeats it.
    pub fn read(&mut self, ledger: &mut Ledger, key: RecordKey, record: &Record<'_>) -> bool {
        let stored = ledger.compact(key, record);
        if let Some(staged) = self.staged.get(key) {
            if staged.update <= stored.update {
                let stored = stored.with_marks_of(&staged);
                self.stage(ledger, stored, record);
            }
            return false;
        }
        let Some(position) = ledger.table.position(key) else {
            self.stage(ledger, stored, record);
            return true;
        };
        let first = self.mark_seen(position);
        let known = ledger.table.at(position);
        let mut shown = known;
        shown.set(Mark::Hidden, false);
        let stored = stored.with_marks_of(&shown);
        if known.update > stored.update && ledger.stale_reads.get(&key) != Some(&stored) {
            if first && self.stale_reads.len() < MAX_STALE_READS {
                self.stale_reads.insert(key, stored);
            }
            // It is shown all the same.
            if known != shown {
                self.staged.put(shown);
                self.note_failure(ledger, &shown, record);
            }
            return first;
        }
        // What this poll has read as known is a reading too.
        if known == stored {
            self.note_failure(ledger, &stored, record);
        } else if first || known.update <= stored.update {
            self.stage(ledger, stored, record);
        }
        first
    }

    /// Takes a row that could not be understood but for its id: a known record stays as it is, as
    /// long as it starts in the window.
    pub fn keep(&mut self, ledger: &Ledger, id: &str, window_start: Timestamp) {
        let known = ledger.table.position(RecordKey::of(id));
        if let Some(known) = known.filter(|known| ledger.table.at(*known).start >= window_start) {
            self.mark_seen(known);
        }
    }

    /// The poll has read everything that starts from `from` on and before `until`.
    pub fn cover(&mut self, from: Timestamp, until: Option<Timestamp>) {
        self.covered.push((from, until));
    }

    /// Takes over what another reading of the same poll read.
    pub fn merge(&mut self, other: Self) {
        for record in other.staged.iter() {
            if self.staged.get(record.key).is_none_or(|known| known.update <= record.update) {
                self.staged.put(record);
                match other.upload_delays.get(&record.key) {
                    Some(delay) => self.upload_delays.insert(record.key, *delay),
                    None => self.upload_delays.remove(&record.key),
                };
            }
        }
        if self.seen.len() < other.seen.len() {
            self.seen.resize(other.seen.len(), 0);
        }
        for (mine, other) in self.seen.iter_mut().zip(&other.seen) {
            *mine |= other;
        }
        self.covered.extend(other.covered);
        self.stale_reads.extend(other.stale_reads);
        self.failures.merge(other.failures);
    }

    /// Number of records that are new or changed so far.
    pub fn staged(&self) -> usize {
        self.staged.len()
    }

    /// Whether this poll has read the record of this key.
    pub fn has_read(&self, ledger: &Ledger, key: RecordKey) -> bool {
        let known = || ledger.table.position(key).is_some_and(|known| self.is_seen(known));
        self.staged.position(key).is_some() || known()
    }

    pub(super) fn is_seen(&self, position: usize) -> bool {
        self.seen.get(position / 64).is_some_and(|word| word & (1 << (position % 64)) != 0)
    }

    fn stage(&mut self, ledger: &Ledger, stored: StoredRecord, record: &Record<'_>) {
        // At a baseline nothing is observed, and it may hold millions.
        if ledger.last_poll.is_some()
            && stored.status == TermId::from(Status::UploadCompleted)
            && !stored.has(Mark::Uploaded)
        {
            let delay = record.update_time.zip(record.end_time);
            let delay = delay.map(|(update, end)| update.millis().saturating_sub(end.millis()));
            match delay.and_then(|delay| u64::try_from(delay).ok()) {
                Some(delay) => self.upload_delays.insert(stored.key, delay),
                None => self.upload_delays.remove(&stored.key),
            };
        }
        self.note_failure(ledger, &stored, record);
        self.staged.put(stored);
    }

    /// Keeps what a row tells of a record that is staged, or known, as failed.
    fn note_failure(&mut self, ledger: &Ledger, stored: &StoredRecord, record: &Record<'_>) {
        if is_failed(stored) {
            self.failures.note(&ledger.failures, stored, record);
        }
    }

    fn mark_seen(&mut self, position: usize) -> bool {
        let (word, bit) = (position / 64, 1 << (position % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let first = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LabelLimits, PollFacts};
    use super::*;

    const LIMITS: LabelLimits = LabelLimits { users: 9, pools: 9 };

    fn record(id: &'static str, size: u64, update: i64) -> Record<'static> {
        let mut record = Record::new(id, Timestamp::from_millis(1_700_000_000_000));
        record.size = Some(size);
        record.update_time = Some(record.start_time.plus_millis(update));
        record
    }

    fn read(staging: &mut Staging, ledger: &mut Ledger, record: &Record<'_>) -> bool {
        staging.read(ledger, RecordKey::of(&record.id), record)
    }

    fn sizes(ledger: &Ledger) -> Vec<u64> {
        let mut sizes: Vec<_> = ledger.shown().map(|record| record.size_bytes().unwrap()).collect();
        sizes.sort_unstable();
        sizes
    }

    fn commit(ledger: &mut Ledger, mut staging: Staging) {
        staging.cover(Timestamp::from_millis(0), None);
        let changes = ledger.diff(staging, PollFacts::default(), LIMITS);
        ledger.commit(changes).unwrap();
    }

    fn poll(ledger: &mut Ledger, records: &[Record<'static>]) {
        let mut staging = Staging::default();
        for record in records {
            read(&mut staging, ledger, record);
        }
        commit(ledger, staging);
    }

    #[test]
    fn a_committed_poll_replaces_what_was_known() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[record("a", 1, 0), record("b", 2, 0)]);
        assert_eq!(sizes(&ledger), [1, 2]);
        poll(&mut ledger, &[record("b", 3, 1), record("c", 4, 0)]);
        assert_eq!(sizes(&ledger), [3, 4]);
        poll(&mut ledger, &[record("c", 4, 0)]);
        assert_eq!(sizes(&ledger), [4]);
        poll(&mut ledger, &[]);
        assert!(sizes(&ledger).is_empty());
    }

    #[test]
    fn a_dropped_poll_leaves_no_trace() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[record("a", 1, 0)]);
        let mut staging = Staging::default();
        read(&mut staging, &mut ledger, &record("a", 9, 9));
        read(&mut staging, &mut ledger, &record("b", 9, 9));
        drop(staging);
        assert_eq!(sizes(&ledger), [1]);
    }

    #[test]
    fn of_two_readings_in_a_poll_the_later_update_stays() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[record("a", 1, 5), record("a", 2, 4)]);
        assert_eq!(sizes(&ledger), [1]);
        poll(&mut ledger, &[record("a", 1, 5), record("a", 3, 6), record("a", 4, 6)]);
        assert_eq!(sizes(&ledger), [4]);
        poll(&mut ledger, &[record("a", 4, 6), record("a", 5, 5)]);
        assert_eq!(sizes(&ledger), [4], "a lagging page comes after one that says what is known");
    }

    #[test]
    fn a_record_counts_as_read_once_a_poll() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[record("a", 1, 0)]);
        let mut staging = Staging::default();
        let readings = [record("a", 1, 0), record("a", 2, 1), record("b", 1, 0), record("b", 1, 0)];
        let first: Vec<_> = readings.iter().map(|r| read(&mut staging, &mut ledger, r)).collect();
        assert_eq!(first, [true, false, true, false]);
    }

    #[test]
    fn a_known_record_whose_row_is_rejected_stays_as_it_was() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[record("a", 1, 0), record("b", 2, 0)]);
        let mut staging = Staging::default();
        staging.keep(&ledger, "a", Timestamp::from_millis(0));
        staging.keep(&ledger, "unknown", Timestamp::from_millis(0));
        commit(&mut ledger, staging);
        assert_eq!(sizes(&ledger), [1]);
    }

    #[test]
    fn an_older_reading_is_believed_when_a_later_poll_repeats_it() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[record("a", 1, 5)]);
        poll(&mut ledger, &[record("a", 2, 4)]);
        assert_eq!(sizes(&ledger), [1]);
        poll(&mut ledger, &[record("a", 3, 3)]);
        assert_eq!(sizes(&ledger), [1], "that is another one");
        poll(&mut ledger, &[record("a", 3, 3)]);
        assert_eq!(sizes(&ledger), [3]);
    }
}

//! Rows that a poll has read so far, kept apart from the ledger.
//!
//! Reading takes a shared reference to the ledger, so a failed poll changes nothing in it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::Ledger;
use super::desktop_names::DesktopNames;
use super::failures::{Failures, is_failed};
use super::missing_statuses::{MAX_MISSING_STATUSES, MissingStatuses, reads_without_status};
use super::new_symbols::NewSymbols;
use super::record::{Flag, StoredRecord};
use super::stale_reads::{MAX_STALE_READS, StaleReads};
use super::symbols::{LabelId, shortened, truncate};
use super::table::Table;
use super::terms::{TermId, fixed_term};
use records_api::record::{Record, RecordKey, Status, Term, TimeRange, Timestamp};

/// Rows of a poll that is not complete yet. Takes memory for records that are new or changed, and
/// one bit for each known record.
#[derive(Debug, Default)]
pub struct Staging {
    /// Records that are new or changed.
    pub(super) staged: Table,
    /// One bit for each position of the ledger's table, set if this poll read the record there.
    seen: Vec<u64>,
    /// Ranges of start times that were read completely.
    pub(super) covered: Vec<TimeRange>,
    /// Milliseconds from the end of a recording to its last change, for staged records that are
    /// seen uploaded for the first time.
    pub(super) upload_delays: HashMap<RecordKey, u64>,
    /// Reads that are older than the known state of their record.
    pub(super) stale_reads: StaleReads,
    /// Records whose read had no status.
    pub(super) missing_statuses: MissingStatuses,
    /// Details of failed records that the ledger does not have.
    pub(super) failures: Failures,
    /// Names of desktops for people, as far as the ledger may have others.
    pub(super) desktop_names: DesktopNames,
    /// Names that the ledger does not have.
    pub(super) new_labels: NewSymbols,
    /// Statuses and types that the ledger does not have.
    pub(super) new_terms: NewSymbols,
}

impl Staging {
    /// Stages a record if it is new or changed. Returns whether this poll reads it for the first
    /// time.
    ///
    /// A record may be read twice in a poll, from pages that overlap, and may have changed in
    /// between: the read with the later `update_time` is kept, and of equal ones the later read. A
    /// read that is older than the known state is taken for the answer of a lagging replica until a
    /// later poll repeats it.
    ///
    /// A read without a status keeps the status that is known from another read.
    pub fn read(&mut self, ledger: &Ledger, key: RecordKey, record: &Record<'_>) -> bool {
        let stored = self.compact(ledger, key, record);
        self.note_missing_status(ledger, &stored);
        if let Some(staged) = self.staged.get(key) {
            if staged.update <= stored.update {
                // Without the flags, events that were counted earlier would be counted again.
                let stored = stored.with_flags_of(&staged).or_status_of(&staged);
                self.stage(ledger, stored, record);
            } else if staged.status == TermId::NONE {
                // The later read had no status, and this one may have.
                self.stage(ledger, staged.or_status_of(&stored), record);
            }
            return false;
        }
        let Some(position) = ledger.table.position(key) else {
            self.stage(ledger, stored, record);
            return true;
        };
        let first = self.mark_seen(position);
        let known = ledger.table.at(position);
        // A record that is read is listed again, with the flags that it had.
        let mut shown = known;
        shown.set(Flag::Hidden, false);
        let stored = stored.with_flags_of(&shown).or_status_of(&known);
        // If it were believed at once, the answer of a lagging replica would return the record to
        // an earlier status, and the next current answer would count the same transition again.
        if known.update > stored.update && ledger.stale_reads.get(&key) != Some(&stored) {
            // Only the first read of a poll is remembered. If it was current, a stale one after it
            // must not count as a repetition in the next poll.
            if first && self.stale_reads.len() < MAX_STALE_READS {
                self.stale_reads.insert(key, stored);
            }
            // The API does list the record. If it stayed hidden, the gauges would lack it until a
            // current read.
            if known != shown {
                self.staged.put(shown);
                self.stage_failure(ledger, &shown, record);
            }
            return first;
        }
        if known == stored {
            // The ledger may lack the details all the same: a state of format 1 had none, and newer
            // failures may have displaced them.
            self.stage_failure(ledger, &stored, record);
        } else if first || known.update <= stored.update {
            // A current read of this poll may have come first. An older read that repeats a stale
            // one must not replace it.
            self.stage(ledger, stored, record);
        }
        first
    }

    /// Marks the record of a rejected row as read, if it is known and starts in the window. Its
    /// state is kept. Otherwise a row that cannot be interpreted would look like a deleted record.
    /// Returns whether this poll reads it for the first time.
    pub fn keep(&mut self, ledger: &Ledger, id: &str, window_start: Timestamp) -> bool {
        let known = ledger.table.position(RecordKey::of(id));
        let known = known.filter(|known| ledger.table.at(*known).start >= window_start);
        known.is_some_and(|known| self.mark_seen(known))
    }

    /// Notes that every record that starts in this range was read. Known records of the range that
    /// were not read are hidden by the commit.
    pub fn cover(&mut self, range: TimeRange) {
        self.covered.push(range);
    }

    /// Drops the new and changed records that start at `end` or later. For a first sync, which knows no
    /// record there.
    pub fn retain_before(&mut self, end: Timestamp) {
        let kept = self.staged.iter().filter(|record| record.start < end);
        let mut staged = Table::default();
        for record in kept {
            staged.put(record);
        }
        self.staged = staged;
        self.failures.retain_before(end);
    }

    /// Adds the rows of another staging of the same poll.
    pub fn merge(&mut self, other: Self) {
        let label = self.new_labels.merge(other.new_labels);
        let term = self.new_terms.merge(other.new_terms);
        let renumbered = |record| renumber(record, &label, &term);
        self.desktop_names.merge(other.desktop_names, &label);
        for record in other.staged.iter().map(renumbered) {
            let kept = match self.staged.get(record.key) {
                None => record,
                Some(mine) if mine.update <= record.update => record.or_status_of(&mine),
                // The later read had no status.
                Some(mine) if mine.status == TermId::NONE => mine.or_status_of(&record),
                Some(_) => continue,
            };
            self.staged.put(kept);
            // The delay belongs to the read whose status is kept: the other read may have no delay,
            // or another one.
            if record.status != TermId::NONE {
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
        let stale_reads = other.stale_reads.into_iter();
        self.stale_reads.extend(stale_reads.map(|(key, record)| (key, renumbered(record))));
        self.failures.merge(other.failures);
        self.missing_statuses.extend(other.missing_statuses);
    }

    /// Returns the number of records that are new or changed so far.
    pub fn staged(&self) -> usize {
        self.staged.len()
    }

    /// Returns whether this poll has read the record of this key.
    pub fn has_read(&self, ledger: &Ledger, key: RecordKey) -> bool {
        let known = || ledger.table.position(key).is_some_and(|known| self.is_seen(known));
        self.staged.position(key).is_some() || known()
    }

    /// Returns whether this poll has read the record at a position of the ledger's table.
    pub(super) fn is_seen(&self, position: usize) -> bool {
        self.seen.get(position / 64).is_some_and(|word| word & (1 << (position % 64)) != 0)
    }

    /// Returns the compact form of a record. New names get provisional numbers.
    fn compact(&mut self, ledger: &Ledger, key: RecordKey, record: &Record<'_>) -> StoredRecord {
        let mut stored = StoredRecord::new(key, record.start_time)
            .with_size(record.size)
            .with_duration(record.duration);
        stored.update = record.update_time.into();
        stored.status = self.term(ledger, &record.status);
        stored.record_type = self.term(ledger, &record.record_type);
        stored.pool = self.label(ledger, record.desktop_pool_id.as_deref());
        let user = record.username.as_deref().filter(|_| ledger.kept.has_users());
        stored.user = self.label(ledger, user);
        stored.desktop = self.label(ledger, record.desktop_id.as_deref());
        stored.bucket = self.label(ledger, record.obs_bucket.as_deref());
        stored.policy = self.label(ledger, record.policy_id.as_deref());
        self.note_desktop_name(ledger, &stored, record);
        stored
    }

    /// Notes the name of the desktop, if this is its newest record and the ledger has another name.
    fn note_desktop_name(&mut self, ledger: &Ledger, stored: &StoredRecord, record: &Record<'_>) {
        let name = ledger.kept.file_name(&record.desktop_name);
        let Some(name) = name.filter(|_| stored.desktop != LabelId::NONE) else { return };
        let last_start = ledger.totals.last_start(stored.desktop);
        let is_known = || ledger.desktop_name(stored.desktop) == Some(&*truncate(name));
        if last_start < Some(stored.start) || last_start == Some(stored.start) && !is_known() {
            self.desktop_names.add(stored.desktop, stored.start, name);
        }
    }

    fn label(&mut self, ledger: &Ledger, text: Option<&str>) -> LabelId {
        let Some(text) = text else { return LabelId::NONE };
        LabelId::from_number(self.new_labels.intern(&ledger.labels, &shortened(text)))
    }

    fn term<T: Copy + Into<TermId>>(&mut self, ledger: &Ledger, term: &Term<'_, T>) -> TermId {
        fixed_term(term).unwrap_or_else(|text| {
            TermId::from_number(self.new_terms.intern(&ledger.terms, &shortened(text)))
        })
    }

    /// Notes a read without a status, so that the next poll reads the record again. A settled record
    /// may have another status by now, which nothing else would show.
    fn note_missing_status(&mut self, ledger: &Ledger, stored: &StoredRecord) {
        if stored.status != TermId::NONE {
            self.missing_statuses.remove(&stored.key);
            return;
        }
        // Records that the API never returned with a status would otherwise cost requests forever.
        let is_lost = match ledger.table.get(stored.key) {
            Some(known) => {
                known.status != TermId::NONE || ledger.missing_statuses.contains_key(&stored.key)
            }
            None => ledger.last_poll.is_some(),
        };
        if is_lost
            && self.missing_statuses.len() < MAX_MISSING_STATUSES
            && let Some(reads) = reads_without_status(&ledger.missing_statuses, stored.key)
        {
            self.missing_statuses.insert(stored.key, reads);
        }
    }

    /// Adds a record that is new or changed, in the place of an earlier read of this poll.
    fn stage(&mut self, ledger: &Ledger, stored: StoredRecord, record: &Record<'_>) {
        // The first poll observes nothing, and it may read millions of records: their delays would
        // take memory for nothing. The delay belongs to the read that had the status.
        if ledger.last_poll.is_some()
            && record.status != Term::Absent
            && stored.status == TermId::from(Status::UploadCompleted)
            && !stored.has(Flag::Uploaded)
        {
            let delay = record.update_time.zip(record.end_time);
            let delay = delay.map(|(update, end)| update.millis().saturating_sub(end.millis()));
            match delay.and_then(|delay| u64::try_from(delay).ok()) {
                Some(delay) => self.upload_delays.insert(stored.key, delay),
                // An earlier read of this poll may have had one.
                None => self.upload_delays.remove(&stored.key),
            };
        }
        self.stage_failure(ledger, &stored, record);
        self.staged.put(stored);
    }

    /// Adds the details of a failed record.
    fn stage_failure(&mut self, ledger: &Ledger, stored: &StoredRecord, record: &Record<'_>) {
        if is_failed(stored) {
            self.failures.add_read(&ledger.failures, stored, record, ledger.kept);
        }
    }

    /// Notes that this poll has read the record at a position. Returns whether it is the first
    /// read.
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

/// Returns the record with other numbers for its names.
pub(super) fn renumber(
    record: StoredRecord,
    mut label: impl FnMut(u32) -> u32,
    mut term: impl FnMut(u32) -> u32,
) -> StoredRecord {
    StoredRecord {
        pool: LabelId::from_number(label(record.pool.number())),
        user: LabelId::from_number(label(record.user.number())),
        desktop: LabelId::from_number(label(record.desktop.number())),
        bucket: LabelId::from_number(label(record.bucket.number())),
        policy: LabelId::from_number(label(record.policy.number())),
        status: TermId::from_number(term(record.status.number())),
        record_type: TermId::from_number(term(record.record_type.number())),
        ..record
    }
}

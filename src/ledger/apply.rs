//! Application of transitions and journal entries. Nothing else changes what the ledger serves.

use super::cardinality::LimitedLabel;
use super::failures::is_failed;
use super::journal::Entry;
use super::record::{Flag, StoredRecord};
use super::symbols::LabelId;
use super::{Ledger, Transition};
use records_api::DesktopPool;
use records_api::record::{RecordKey, Timestamp};

impl Ledger {
    /// Applies a transition. The result depends only on the ledger and the transition, so that the
    /// same journal gives the same ledger.
    pub(super) fn apply(&mut self, transition: Transition) {
        if self.table.is_empty() {
            self.apply_to_empty(transition);
        } else {
            for entry in transition.entries() {
                self.apply_entry(entry);
            }
            self.stale_reads = transition.stale_reads;
            self.missing_statuses = transition.missing_statuses;
        }
        self.end_changes();
    }

    /// Completes the totals after the changes of a commit.
    pub(super) fn end_changes(&mut self) {
        self.totals.end_changes(self.table.iter().filter(StoredRecord::is_shown));
    }

    /// Applies a transition to a ledger without records. It takes the table of the transition:
    /// copying it would hold a million records twice.
    fn apply_to_empty(&mut self, mut transition: Transition) {
        let records = std::mem::take(&mut transition.records);
        for name in std::mem::take(&mut transition.labels) {
            self.labels.define(name.number, name.text);
        }
        for name in std::mem::take(&mut transition.terms) {
            self.terms.define(name.number, name.text);
        }
        for record in records.iter() {
            self.totals.add(&record);
            if is_failed(&record) {
                self.failed_revisions.note(record.start);
            }
        }
        self.table = records;
        for entry in transition.entries() {
            self.apply_entry(entry);
        }
        self.stale_reads = transition.stale_reads;
        self.missing_statuses = transition.missing_statuses;
    }

    /// Applies an entry. It must have been checked if it comes from a file.
    pub(super) fn apply_entry(&mut self, entry: Entry) {
        match entry {
            Entry::Label(number, name) => {
                // The number may have been that of a desktop.
                self.desktop_names.remove(&LabelId::from_number(number));
                self.labels.define(number, name.into());
            }
            Entry::Term(number, name) => self.terms.define(number, name.into()),
            Entry::Slot(value, change) => {
                // Failed records are also found under the label value `_other`. A slot whose value
                // gets or loses its last record changes none of them.
                let is_listed = matches!(value.label, LimitedLabel::Pool | LimitedLabel::User);
                if self.slots.apply(value, change) && is_listed {
                    self.failed_revisions.note_all();
                }
            }
            Entry::Record(record) => self.put(record),
            Entry::RecordV1(record) => {
                self.has_old_records = true;
                self.put(record.into());
            }
            Entry::DesktopName(desktop, name) => {
                self.desktop_names.insert(desktop, name.into());
            }
            Entry::Hidden(key) => self.hide(key),
            Entry::Counter(series, mut counter) => {
                // Format 1 has no native buckets. In later formats they follow in an entry of their
                // own.
                let approximated = series.native_from_classic(&counter);
                if let Some(histogram) = &mut counter.histogram {
                    histogram.native = approximated;
                }
                self.counters.insert(series, counter);
            }
            Entry::Native(series, native) => {
                let counter = self.counters.get_mut(&series);
                if let Some(histogram) = counter.and_then(|counter| counter.histogram.as_mut()) {
                    histogram.native = native;
                }
            }
            Entry::Exemplar(series, exemplar) => {
                if let Some(counter) = self.counters.get_mut(&series) {
                    counter.exemplar = Some(exemplar.into());
                }
            }
            Entry::Failure(details) => self.insert_failure(details.into()),
            // The records leave with the commit that counts their expiry. Removed at another time,
            // they would be counted twice or never.
            Entry::Poll(poll) => {
                self.expire(poll.window_start);
                self.last_poll = Some(poll);
                self.first_sync = None;
            }
            Entry::FirstSync(part) => {
                self.expire(part.facts.window_start);
                self.first_sync = Some(part);
            }
            Entry::FirstSyncDiscarded => self.first_sync = None,
            Entry::Held(series, hold) => self.holds.begin(series, hold),
            Entry::Pools(pools) => {
                let pools = pools.into_iter();
                let pool = |(id, name, desktop_count)| DesktopPool { id, name, desktop_count };
                self.shared.pools = pools.map(pool).collect();
            }
            Entry::Served(poll) => self.apply_served(poll),
            Entry::Failed(poll) => self.apply_failed(poll),
        }
    }

    /// Inserts a record, or replaces its earlier state.
    fn put(&mut self, record: StoredRecord) {
        // A hidden record is not in the totals: removed from them, it would be missing twice.
        let earlier = self.table.put(record).filter(StoredRecord::is_shown);
        let changed = [Some(&record).filter(|record| record.is_shown()), earlier.as_ref()];
        for record in changed.into_iter().flatten().filter(|record| is_failed(record)) {
            self.failed_revisions.note(record.start);
        }
        if let Some(earlier) = &earlier {
            self.totals.remove(earlier);
            self.failures.record_changed(earlier, Some(&record).filter(|record| record.is_shown()));
        }
        if record.is_shown() {
            self.totals.add(&record);
        }
    }

    /// Removes the records that start before `edge`.
    fn expire(&mut self, edge: Timestamp) {
        let (totals, failures) = (&mut self.totals, &mut self.failures);
        let revisions = &mut self.failed_revisions;
        self.table.expire(edge, |record| {
            if record.is_shown() {
                totals.remove(record);
                failures.record_changed(record, None);
                // The edge may divide an hour.
                if is_failed(record) {
                    revisions.note(record.start);
                }
            }
        });
        revisions.expire(edge);
    }

    /// Hides a record that the API no longer lists. Its state is kept until its start leaves the
    /// window: a record that returns would otherwise be new, and counted again.
    fn hide(&mut self, key: RecordKey) {
        let Some(position) = self.table.position(key) else { return };
        let record = self.table.at(position);
        if record.is_shown() {
            self.table.change(position, |record| record.set(Flag::Hidden, true));
            self.totals.remove(&record);
            self.failures.record_changed(&record, None);
            if is_failed(&record) {
                self.failed_revisions.note(record.start);
            }
        }
    }
}

//! Names and memory that are released when nothing needs them.

use super::Ledger;
use super::cardinality::LimitedLabel;
use super::record::StoredRecord;
use super::symbols::LabelId;
use super::terms::TermId;

/// Names are looked through for unused ones when there are this many more than twice those that were
/// kept the last time.
const MIN_NAMES_TO_RELEASE: usize = 1024;
/// The memory of fewer records, or the names in them, are not worth the effort.
const MIN_RECORDS_TO_RELEASE: usize = 1000;

impl Ledger {
    /// Whether there may be many names that nothing refers to.
    pub(super) fn has_many_names(&self) -> bool {
        self.name_count() > 2 * self.names_after_release + MIN_NAMES_TO_RELEASE
    }

    /// Whether more than half of the records have left.
    pub(super) fn has_shrunk(&mut self) -> bool {
        self.max_records = self.max_records.max(self.len());
        self.max_records > MIN_RECORDS_TO_RELEASE && 2 * self.len() < self.max_records
    }

    /// Releases the names that nothing refers to, and memory that the records no longer need. A replay
    /// of the journal keeps such names until their numbers are given to other names; nothing that is
    /// served depends on it.
    pub(super) fn release_unused(&mut self) {
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
        for (value, _) in self.slots.iter() {
            let used = match value.label {
                LimitedLabel::User | LimitedLabel::Pool => &mut labels,
                LimitedLabel::Status | LimitedLabel::Type => &mut terms,
            };
            used[value.number as usize] = true;
        }
        for series in self.counters.keys() {
            series.labels().for_each(|label| labels[label.number() as usize] = true);
            series.terms().for_each(|term| terms[term.number() as usize] = true);
        }
        self.labels.retain(LabelId::FIXED, |number| labels[number as usize]);
        self.terms.retain(TermId::FIXED, |number| terms[number as usize]);
        self.table.shrink();
        self.names_after_release = self.name_count();
        self.max_records = self.len();
    }
}

//! Release of unused names and memory.

use super::Ledger;
use super::record::StoredRecord;
use super::symbols::LabelId;
use super::terms::TermId;

/// Unused names are searched for when there are more names than this plus twice those that the last
/// search kept.
const MIN_NAMES_TO_RELEASE: usize = 1024;
/// Number of records up to which memory and names are not worth releasing when the window shrinks.
const MIN_RECORDS_TO_RELEASE: usize = 1000;

/// Numbers of the names that are in use.
pub(super) struct UsedNames {
    /// True for each used number of a pool, user, desktop, bucket or policy.
    labels: Vec<bool>,
    /// True for each used number of a status or type.
    terms: Vec<bool>,
}

impl UsedNames {
    /// Returns the used numbers of pools, users, desktops, buckets and policies.
    pub(super) fn labels(&self) -> impl Iterator<Item = u32> {
        used(&self.labels)
    }

    /// Returns the used numbers of statuses and types.
    pub(super) fn terms(&self) -> impl Iterator<Item = u32> {
        used(&self.terms)
    }
}

fn used(numbers: &[bool]) -> impl Iterator<Item = u32> {
    (0_u32..).zip(numbers).filter(|(_, is_used)| **is_used).map(|(number, _)| number)
}

impl Ledger {
    /// Returns whether many names may be unused.
    pub(super) fn has_many_names(&self) -> bool {
        self.name_count() > 2 * self.names_after_release + MIN_NAMES_TO_RELEASE
    }

    /// Notes the number of records, which decides whether the window has shrunk.
    pub(super) fn note_size(&mut self) {
        self.max_records = self.max_records.max(self.len());
    }

    /// Returns whether more than half of the records have left since the last release.
    pub(super) fn has_shrunk(&mut self) -> bool {
        self.note_size();
        self.max_records > MIN_RECORDS_TO_RELEASE && 2 * self.len() < self.max_records
    }

    /// Returns the numbers of the names that are in use, the fixed ones included.
    pub(super) fn used_names(&self) -> UsedNames {
        let mut labels = vec![false; self.labels.end() as usize];
        let mut terms = vec![false; self.terms.end() as usize];
        let mut use_record = |record: &StoredRecord| {
            for label in record.labels() {
                labels[label.number() as usize] = true;
            }
            terms[record.status.number() as usize] = true;
            terms[record.record_type.number() as usize] = true;
        };
        self.table.iter().for_each(|record| use_record(&record));
        // Stale reads are compared by these numbers, and a reused number would make two names
        // equal. Slots and counters outlive the records of their labels, and are served with their
        // names.
        self.stale_reads.values().for_each(&mut use_record);
        for (value, _) in self.slots.iter() {
            let used = if value.label.is_term() { &mut terms } else { &mut labels };
            used[value.number as usize] = true;
        }
        for series in self.counters.keys() {
            series.labels().for_each(|label| labels[label.number() as usize] = true);
            series.terms().for_each(|term| terms[term.number() as usize] = true);
        }
        (0..LabelId::FIXED).for_each(|number| labels[number as usize] = true);
        (0..TermId::FIXED).for_each(|number| terms[number as usize] = true);
        UsedNames { labels, terms }
    }

    /// Releases the names that nothing refers to, and memory that the records no longer need.
    ///
    /// The journal does not record this. Its replay keeps such names until their numbers are reused
    /// or the state is rewritten; nothing that is served depends on them.
    pub(super) fn release_unused(&mut self) {
        let UsedNames { labels, terms } = self.used_names();
        self.labels.retain(LabelId::FIXED, |number| labels[number as usize]);
        self.terms.retain(TermId::FIXED, |number| terms[number as usize]);
        // Their numbers will belong to other names.
        self.desktop_names.retain(|desktop, _| labels[desktop.number() as usize]);
        self.table.shrink();
        self.names_after_release = self.name_count();
        self.max_records = self.len();
    }
}

//! Changes of the ledger by one commit.

use std::sync::Arc;

use super::cardinality::{LabelValue, LimitedLabel, SlotChange};
use super::counters::Counters;
use super::failures::FailureDetails;
use super::journal::Entry;
use super::missing_statuses::MissingStatuses;
use super::poll_facts::{FirstSync, PollFacts};
use super::stale_reads::StaleReads;
use super::symbols::{LabelId, NumberedName};
use super::table::Table;
use records_api::record::RecordKey;

/// Changes of the ledger by one commit. Applied to equal ledgers, it gives equal ledgers: its times
/// are those of the poll, never the time at which it is applied.
#[derive(Debug)]
pub struct Transition {
    /// Names that the ledger does not hold, with their numbers.
    pub(super) labels: Vec<NumberedName>,
    /// Statuses and types that the ledger does not hold, with their numbers.
    pub(super) terms: Vec<NumberedName>,
    /// Names of desktops that are new or changed.
    pub(super) desktop_names: Vec<(LabelId, Box<str>)>,
    pub(super) slots: Vec<(LabelValue, SlotChange)>,
    /// Records that are new or changed, with their flags.
    pub(super) records: Table,
    /// Records that the API no longer lists.
    pub(super) hidden: Vec<RecordKey>,
    /// New values of the series that changed.
    pub(super) counters: Counters,
    /// Details of failed records that are new or changed.
    pub(super) failures: Vec<Arc<FailureDetails>>,
    pub(super) progress: SyncProgress,
    /// Stale reads to remember. They are not written: after a restart, a stale read has to be
    /// repeated once more before it is believed.
    pub(super) stale_reads: StaleReads,
    /// Records whose read had no status. They are not written either.
    pub(super) missing_statuses: MissingStatuses,
}

/// Progress of the sync after a transition.
#[derive(Debug, Clone)]
pub(super) enum SyncProgress {
    /// A poll is complete.
    Poll(PollFacts),
    /// A part of the first sync is complete.
    Part(FirstSync),
    /// The parts of the first sync are discarded, and it starts again.
    FirstSyncDiscarded,
}

impl Transition {
    /// Creates a transition that discards the parts of the first sync.
    pub fn discarding_first_sync() -> Self {
        Self {
            labels: Vec::new(),
            terms: Vec::new(),
            desktop_names: Vec::new(),
            slots: Vec::new(),
            records: Table::default(),
            hidden: Vec::new(),
            counters: Counters::new(),
            failures: Vec::new(),
            progress: SyncProgress::FirstSyncDiscarded,
            stale_reads: StaleReads::new(),
            missing_statuses: MissingStatuses::new(),
        }
    }

    /// Returns the entries for the journal, in the order in which they are applied: names before
    /// the records that refer to them, and records before the details of their failures.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let labels = self.labels.iter().map(|name| Entry::label(name.number, &name.text));
        let terms = self.terms.iter().map(|name| Entry::term(name.number, &name.text));
        let desktops = self.desktop_names.iter();
        let desktops = desktops.map(|(desktop, name)| Entry::desktop_name(*desktop, name));
        let slots = self.slots.iter().map(|(value, change)| Entry::Slot(*value, *change));
        let records = self.records.iter().map(Entry::Record);
        let hidden = self.hidden.iter().map(|key| Entry::Hidden(*key));
        let counters = self.counters.iter().flat_map(|(series, c)| Entry::of(*series, c));
        let failures = self.failures.iter().map(|details| Entry::Failure((**details).clone()));
        let progress = std::iter::once_with(|| match &self.progress {
            SyncProgress::Poll(facts) => Entry::Poll(facts.clone()),
            SyncProgress::Part(part) => Entry::FirstSync(part.clone()),
            SyncProgress::FirstSyncDiscarded => Entry::FirstSyncDiscarded,
        });
        let names = labels.chain(terms).chain(desktops);
        let rows = slots.chain(records).chain(hidden);
        names.chain(rows).chain(counters).chain(failures).chain(progress)
    }

    /// Returns whether it only adds to the ledger, as a part of a first sync does.
    pub(super) fn only_adds(&self) -> bool {
        matches!(self.progress, SyncProgress::Part(_))
    }

    /// Returns whether it discards the parts of a first sync.
    pub(super) fn discards_parts(&self) -> bool {
        matches!(self.progress, SyncProgress::FirstSyncDiscarded)
    }

    /// Returns the new values of the series that changed.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns whether a user or a pool gets a slot.
    pub fn gives_slot(&self, label: LimitedLabel, id: LabelId) -> bool {
        let value = LabelValue { label, number: id.number() };
        self.slots
            .iter()
            .any(|(other, change)| *other == value && matches!(change, SlotChange::Held(_)))
    }
}

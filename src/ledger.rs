//! Known state of a project: the records of the window, the counters, and the names in them.
//!
//! Reading a poll takes `&Ledger` and writes into a [`Staging`]. When the poll is complete,
//! [`Ledger::diff`] returns a [`Transition`]. [`DurableLedger::commit`] writes it to the journal
//! and then calls `Ledger::apply`. Only this and the release of unused names
//! ([`DurableLedger::compact`]) change the ledger. A failed poll drops its staging and changes
//! nothing.

mod apply;
mod cardinality;
mod counted;
mod counters;
mod counting_since;
mod desktop_names;
mod desktops;
mod diff;
mod durable;
mod failed_revisions;
mod failures;
mod following;
mod forget;
mod growth;
mod holds;
mod index;
mod journal;
mod kept_names;
mod known_failures;
mod missing_statuses;
mod name_sets;
mod native;
mod new_symbols;
mod packed;
mod pending_counts;
mod poll_facts;
mod queries;
mod record;
mod release;
mod replay;
mod replica;
mod shared_changes;
mod shared_facts;
mod shared_log;
mod staging;
mod stale_reads;
mod symbols;
mod table;
mod terms;
#[cfg(test)]
mod tests;
mod totals;
mod transition;
mod value_limit;
mod value_texts;

pub use cardinality::{CardinalityLimit, LabelLimits, LimitedLabel, MAX_UNKNOWN_VALUES};
pub use counted::Counted;
pub use counters::{Counter, Counters, Exemplar, HistogramData, Series};
pub use desktops::{DesktopKey, DesktopTotals};
pub use durable::DurableLedger;
pub use failed_revisions::{FailedRevisions, Hour};
pub use failures::{FailureDetails, MAX_FAILURE_DETAILS};
pub use journal::{CommitError, OpenError, SetAside};
pub use kept_names::KeptNames;
pub use native::NativeBuckets;
pub use pending_counts::PendingCounts;
pub use poll_facts::{ApiCounts, FirstSync, PollFacts, ReadPart};
pub use record::{Flag, StoredRecord, UpdateTime};
pub use shared_changes::{Outcome, SharedChanges};
pub use shared_facts::{FailedPoll, ServedPoll, SharedFacts};
pub use shared_log::{LogEnd, SharedLog};
pub use staging::Staging;
pub use symbols::{LabelId, shortened};
pub use terms::TermId;
pub use totals::{InFlight, KindKey, Sums, Totals};
pub use transition::Transition;
pub use value_limit::ValueLimit;

use std::collections::BTreeMap;
use std::sync::Arc;

use cardinality::LabelValue;
use failures::Failures;
use holds::Holds;
use journal::Entry;
use missing_statuses::MissingStatuses;
use stale_reads::StaleReads;
use symbols::SymbolTable;
use table::Table;

/// Records of the window as of the last complete poll, and counters.
#[derive(Debug)]
pub struct Ledger {
    /// Records, including ones that the API no longer lists.
    table: Table,
    /// Names of pools, users, desktops, buckets and policies. A desktop is named by its id.
    labels: SymbolTable,
    /// Names of the desktops for people, by the number of their id.
    desktop_names: BTreeMap<LabelId, Box<str>>,
    /// Names of statuses and types.
    terms: SymbolTable,
    counters: Counters,
    slots: CardinalityLimit,
    last_poll: Option<PollFacts>,
    first_sync: Option<FirstSync>,
    totals: Totals,
    failures: Failures,
    failed_revisions: FailedRevisions,
    stale_reads: StaleReads,
    missing_statuses: MissingStatuses,
    kept: KeptNames,
    /// Facts of a shared log. Empty without replicas.
    shared: SharedFacts,
    /// Values that replicas show for a while.
    holds: Holds,
    /// True if the journal held records of a format that lacks some of their names.
    has_old_records: bool,
    /// Number of names after the last release of unused ones.
    names_after_release: usize,
    /// Maximum number of records since then.
    max_records: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            table: Table::default(),
            labels: SymbolTable::with_fixed(["_none", "_other"]),
            desktop_names: BTreeMap::new(),
            terms: terms::term_table(),
            counters: Counters::default(),
            slots: CardinalityLimit::default(),
            last_poll: None,
            first_sync: None,
            totals: Totals::default(),
            failures: Failures::default(),
            failed_revisions: FailedRevisions::default(),
            stale_reads: StaleReads::default(),
            missing_statuses: MissingStatuses::default(),
            kept: KeptNames::default(),
            shared: SharedFacts::default(),
            holds: Holds::default(),
            has_old_records: false,
            names_after_release: 0,
            max_records: 0,
        }
    }
}

impl Ledger {
    /// Returns the records that the API lists.
    pub fn shown(&self) -> impl Iterator<Item = StoredRecord> {
        self.table.iter().filter(StoredRecord::is_shown)
    }

    /// Returns the number of records, including ones that the API no longer lists.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns the totals of the records that the API lists.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the label values that have series of their own.
    pub fn slots(&self) -> &CardinalityLimit {
        &self.slots
    }

    /// Returns the facts of the last complete poll.
    pub fn last_poll(&self) -> Option<&PollFacts> {
        self.last_poll.as_ref()
    }

    /// Returns the progress of an unfinished first sync.
    pub fn first_sync(&self) -> Option<&FirstSync> {
        self.first_sync.as_ref()
    }

    /// Returns the text of a label.
    pub fn label(&self, label: LabelId) -> &Arc<str> {
        self.labels.text(label.number())
    }

    /// Returns the text of a status or a type.
    pub fn term(&self, term: TermId) -> &Arc<str> {
        self.terms.text(term.number())
    }

    /// Returns the name of a desktop for people, if it is known.
    pub fn desktop_name(&self, desktop: LabelId) -> Option<&str> {
        self.desktop_names.get(&desktop).map(|name| &**name)
    }

    /// Returns the number of names that are kept: pools, users, desktops, buckets, policies, statuses
    /// and types.
    pub fn name_count(&self) -> usize {
        self.labels.len() + self.terms.len()
    }

    /// Returns the number of values of a label that have records in the window but no slot.
    pub fn folded_count(&self, label: LimitedLabel) -> u64 {
        let folded = |value: &LabelValue| value.label == label && !self.slots.holds(*value);
        let folded = if label.is_term() {
            self.totals.unknown_values().iter().filter(|value| folded(value)).count()
        } else {
            self.totals.names_of(label).filter(folded).count()
        };
        folded as u64
    }

    /// Returns the users, pools, buckets and policies that have records in the window but no slot.
    fn folded_values(&self) -> impl Iterator<Item = LabelValue> {
        self.totals.named_values().filter(|value| !self.slots.holds(*value))
    }

    /// Returns the whole ledger as entries, in an order in which they can be applied: names before
    /// the records that refer to them, and records before the details of their failures.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let labels = self.labels.iter().filter(|(number, _)| *number >= LabelId::FIXED);
        let labels = labels.map(|(number, name)| Entry::label(number, name));
        let terms = self.terms.iter().filter(|(number, _)| *number >= TermId::FIXED);
        let terms = terms.map(|(number, name)| Entry::term(number, name));
        let slots = self.slots.iter().map(|(value, change)| Entry::Slot(value, change));
        let records = self.table.iter().map(Entry::Record);
        let counters = self.counters.iter().flat_map(|(series, c)| Entry::of(*series, c));
        let desktops = self.desktop_names.iter();
        let desktops = desktops.map(|(desktop, name)| Entry::desktop_name(*desktop, name));
        let failures = self.failures.iter().map(|details| Entry::Failure((**details).clone()));
        let poll = self.last_poll.iter().map(|poll| Entry::Poll(poll.clone()));
        let part = self.first_sync.iter().map(|part| Entry::FirstSync(part.clone()));
        let names = labels.chain(terms).chain(desktops);
        names.chain(slots).chain(records).chain(counters).chain(failures).chain(poll).chain(part)
    }
}

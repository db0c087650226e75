//! The entries of the journal. A state is what its entries, applied in order, make of an empty ledger.

use serde::{Deserialize, Serialize};

use crate::ledger::cardinality::{LabelValue, SlotChange};
use crate::ledger::counters::{Counter, Exemplar, Series};
use crate::ledger::failures::FailureDetails;
use crate::ledger::native::NativeBuckets;
use crate::ledger::poll_facts::{FirstSync, PollFacts};
use crate::ledger::record::StoredRecord;
use records_api::record::RecordKey;

/// One change of the ledger. The order of the variants is part of the format: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) enum Entry {
    /// Gives a number to the name of a pool or a user. Until format 2 the numbers were consecutive;
    /// since format 3 a number may be given again.
    Label(u32, String),
    /// Gives a number to an undocumented status or type, likewise.
    Term(u32, String),
    /// A label value gets a slot or loses it.
    Slot(LabelValue, SlotChange),
    /// A record is new or changed.
    Record(StoredRecord),
    /// The API no longer shows a record.
    Hidden(RecordKey),
    /// A series has this value.
    Counter(Series, Counter),
    /// A poll is complete.
    Poll(PollFacts),
    /// A part of the first sync is complete.
    FirstSync(FirstSync),
    /// Details of a failed record. Since format 2.
    Failure(FailureDetails),
    /// The native buckets of a histogram, whose counter comes before. Since format 2.
    Native(Series, NativeBuckets),
    /// The exemplar of a counter, which comes before. Since format 2.
    Exemplar(Series, Exemplar),
    /// The parts of the first sync that were read so far do not count. Since format 3.
    FirstSyncDiscarded,
}

impl Entry {
    /// The name of a pool or a user.
    pub(in crate::ledger) fn label(number: u32, text: &str) -> Self {
        Self::Label(number, text.to_owned())
    }

    /// An undocumented status or type.
    pub(in crate::ledger) fn term(number: u32, text: &str) -> Self {
        Self::Term(number, text.to_owned())
    }

    /// The entries of a series.
    pub(in crate::ledger) fn of(
        series: Series,
        counter: &Counter,
    ) -> impl Iterator<Item = Self> + use<> {
        let native = counter.histogram.as_ref().map(|h| Self::Native(series, h.native.clone()));
        let exemplar = counter.exemplar.as_deref().map(|e| Self::Exemplar(series, e.clone()));
        std::iter::once(Self::Counter(series, counter.clone())).chain(native).chain(exemplar)
    }
}

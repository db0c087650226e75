//! Entries of the journal. Applied in order to an empty ledger, they give the state.

use serde::{Deserialize, Serialize};

use crate::ledger::cardinality::{LabelValue, SlotChange};
use crate::ledger::counters::{Counter, Exemplar, Series};
use crate::ledger::failures::FailureDetails;
use crate::ledger::holds::Hold;
use crate::ledger::native::NativeBuckets;
use crate::ledger::poll_facts::{FirstSync, PollFacts};
use crate::ledger::record::{StoredRecord, StoredRecordV1};
use crate::ledger::shared_facts::{FailedPoll, ServedPoll};
use crate::ledger::symbols::LabelId;
use records_api::DesktopPool;
use records_api::record::RecordKey;

/// Change of the ledger. The order of variants and fields is part of the format: a new variant goes
/// to the end, or older files would be read as something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) enum Entry {
    /// A name gets a number: that of a pool or a user, since format 4 also that of a desktop, bucket
    /// or policy. Up to format 2 the numbers are consecutive;
    /// since format 3 a number may be reused.
    Label(u32, String),
    /// An undocumented status or type gets a number, likewise.
    Term(u32, String),
    /// A label value gets, keeps or gives up a slot.
    Slot(LabelValue, SlotChange),
    /// A record is new or changed. Up to format 3.
    RecordV1(StoredRecordV1),
    /// The API no longer lists a record.
    Hidden(RecordKey),
    /// A series has a new value.
    Counter(Series, Counter),
    /// A poll is complete.
    Poll(PollFacts),
    /// A part of the first sync is complete.
    FirstSync(FirstSync),
    /// The details of a failed record are new or changed. Since format 2.
    Failure(FailureDetails),
    /// A histogram has these native buckets. Its counter comes before. Since format 2.
    Native(Series, NativeBuckets),
    /// A counter has this exemplar. The counter comes before. Since format 2.
    Exemplar(Series, Exemplar),
    /// The parts of the first sync are discarded. Since format 3.
    FirstSyncDiscarded,
    /// A record is new or changed. Since format 4.
    Record(StoredRecord),
    /// The name of a desktop is new or changed. Since format 4.
    DesktopName(LabelId, String),
    /// A series shows another value than its own for a while. The counter comes before. Only in shared logs.
    Held(Series, Hold),
    /// The desktop pools, by id, name and number of desktops, have changed. Only in shared logs.
    Pools(Vec<(String, String, Option<u64>)>),
    /// A complete poll is served. Only in shared logs.
    Served(ServedPoll),
    /// A poll failed. Only in shared logs.
    Failed(FailedPoll),
}

impl Entry {
    /// Creates the entry for a name.
    pub(in crate::ledger) fn label(number: u32, text: &str) -> Self {
        Self::Label(number, text.to_owned())
    }

    /// Creates the entry for an undocumented status or type.
    pub(in crate::ledger) fn term(number: u32, text: &str) -> Self {
        Self::Term(number, text.to_owned())
    }

    /// Creates the entry for the name of a desktop.
    pub(in crate::ledger) fn desktop_name(desktop: LabelId, name: &str) -> Self {
        Self::DesktopName(desktop, name.to_owned())
    }

    /// Creates the entry for the desktop pools.
    pub(in crate::ledger) fn pools(pools: &[DesktopPool]) -> Self {
        let pools = pools.iter();
        let pools = pools.map(|pool| (pool.id.clone(), pool.name.clone(), pool.desktop_count));
        Self::Pools(pools.collect())
    }

    /// Returns the entries of a series.
    pub(in crate::ledger) fn of(
        series: Series,
        counter: &Counter,
    ) -> impl Iterator<Item = Self> + use<> {
        let native = counter.histogram.as_ref().map(|h| Self::Native(series, h.native.clone()));
        let exemplar = counter.exemplar.as_deref().map(|e| Self::Exemplar(series, e.clone()));
        std::iter::once(Self::Counter(series, counter.clone())).chain(native).chain(exemplar)
    }
}

//! What the bytes of the journal mean: a state is what its entries, taken in order, make of an
//! empty one. A commit adds entries; a state written as a whole is entries too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cardinality::{SlotChange, Value};
use super::counters::{Counter, Exemplar, Series};
use super::failures::FailureDetails;
use super::native::NativeBuckets;
use super::record::StoredRecord;
use records_api::record::{RecordKey, RejectionReason, Timestamp};

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A pool or a user has this number.
    LabelId(u32, String),
    /// A status or a type that no document names has this number.
    TermId(u32, String),
    /// A label value holds a slot or gives it up.
    Slot(Value, SlotChange),
    /// A record is new or changed.
    Record(StoredRecord),
    /// The API no longer shows a record.
    Hidden(RecordKey),
    /// A series stands at this.
    Counter(Series, Counter),
    /// A poll was complete.
    Poll(PollFacts),
    /// The first sync has come this far.
    FirstSync(FirstSync),
    /// What is known of a failed record besides. Since format 2.
    Failure(FailureDetails),
    /// What a histogram, whose counter stands before, observed in native buckets. Since format 2.
    Native(Series, NativeBuckets),
    /// What a counter, which stands before, counted last. Since format 2.
    Exemplar(Series, Exemplar),
}

impl Entry {
    /// The entries of a series.
    pub(super) fn of(series: Series, counter: &Counter) -> impl Iterator<Item = Self> + use<> {
        let native = counter.observed.as_ref().map(|o| Self::Native(series, o.native.clone()));
        let exemplar = counter.exemplar.as_deref().map(|e| Self::Exemplar(series, e.clone()));
        std::iter::once(Self::Counter(series, counter.clone())).chain(native).chain(exemplar)
    }
}

/// What is remembered of the last complete poll.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PollFacts {
    /// Whose records these are: project, endpoint and filter.
    pub identity: String,
    /// When counting began.
    pub counting_since: Timestamp,
    /// Lower edge of the window. What starts before it has left.
    pub window_start: Timestamp,
    /// When the poll began.
    pub begun: Timestamp,
    /// What the API's counts are good for.
    pub counts: ApiCounts,
    /// Which parts of the window were read when, in order and without gaps; none if all of it is
    /// to be read again.
    pub parts: Vec<ReadPart>,
    /// Up to when all has been read that was due to be read again.
    pub paid: Timestamp,
}

/// A part of the window, and when it was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadPart {
    /// What starts at this moment or later.
    pub from: Timestamp,
    /// What starts earlier than this.
    pub until: Timestamp,
    /// When the poll began that read it.
    pub read: Timestamp,
}

/// What the API's counts are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiCounts {
    /// Whether anybody can tell what the API should count.
    pub has_counts: bool,
    /// Whether a count may end a list.
    pub trusts_counts: bool,
    /// How many records the API counted beside those that it listed.
    pub surplus: u64,
}

/// How far the first sync is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSync {
    /// Of the poll that began it.
    pub facts: PollFacts,
    /// What starts before this, and in the window, has been read.
    pub until: Timestamp,
    /// The first start that was shown behind it.
    pub beyond: Option<Timestamp>,
    /// When that was.
    pub ended: Timestamp,
    /// Rows read so far.
    pub rows: u64,
    /// Those of them that could not be understood.
    pub rejected: BTreeMap<RejectionReason, u64>,
}

/// A frame is closed when it is this long. Values of the database that are a little longer than
/// 65,000 bytes take twice their space.
const MAX_FRAME_BYTES: usize = 56_000;

/// Packs entries into frames.
pub(super) fn frames<'a>(
    entries: impl Iterator<Item = Entry> + 'a,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let mut entries = entries.peekable();
    std::iter::from_fn(move || {
        entries.peek()?;
        let mut frame = Vec::new();
        while frame.len() < MAX_FRAME_BYTES
            && let Some(entry) = entries.next()
        {
            frame = postcard::to_extend(&entry, frame).expect("memory is written without errors");
        }
        Some(frame)
    })
}

/// Hands the entries of a frame to `take`.
pub(super) fn read(
    mut frame: &[u8],
    mut take: impl FnMut(Entry) -> Result<(), String>,
) -> Result<(), String> {
    while !frame.is_empty() {
        let (entry, rest) = postcard::take_from_bytes(frame).map_err(|error| error.to_string())?;
        take(entry)?;
        frame = rest;
    }
    Ok(())
}

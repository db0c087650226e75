//! Facts about polls that are kept with the records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use records_api::record::{RejectionReason, TimeRange, Timestamp};

/// Facts about the last complete poll.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PollFacts {
    /// Hash of project, endpoint and filter. A poll with another identity begins a baseline.
    pub identity: String,
    /// Time at which counting began.
    pub counting_since: Timestamp,
    /// Lower edge of the window, in whole seconds. Records that start before it have left.
    pub window_start: Timestamp,
    /// Start of the poll.
    pub begun: Timestamp,
    /// Reliability of the API's counts.
    pub counts: ApiCounts,
    /// When each part of the window was last read, in order and without gaps. Empty if the next
    /// poll must read the whole window.
    pub parts: Vec<ReadPart>,
    /// The scrub has read everything that was due up to this time.
    pub caught_up_to: Timestamp,
}

impl PollFacts {
    /// Replaces an identity from a state of an earlier version by its hash. It may contain names.
    pub(super) fn hash_identity(&mut self) {
        self.identity = records_api::hashed_identity(&self.identity);
    }
}

/// A part of the window, and when it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredReadPart", into = "StoredReadPart")]
pub struct ReadPart {
    /// Start times that belong to the part.
    pub range: TimeRange,
    /// Begin of the poll that read it.
    pub read: Timestamp,
}

/// The form of a [`ReadPart`] in the journal. An unbounded part ends at [`END_OF_TIME`].
#[derive(Serialize, Deserialize)]
struct StoredReadPart {
    from: Timestamp,
    until: Timestamp,
    read: Timestamp,
}

const END_OF_TIME: Timestamp = Timestamp::from_millis(i64::MAX);

impl From<StoredReadPart> for ReadPart {
    fn from(stored: StoredReadPart) -> Self {
        let end = Some(stored.until).filter(|end| *end != END_OF_TIME);
        Self { range: TimeRange { start: stored.from, end }, read: stored.read }
    }
}

impl From<ReadPart> for StoredReadPart {
    fn from(part: ReadPart) -> Self {
        let TimeRange { start, end } = part.range;
        Self { from: start, until: end.unwrap_or(END_OF_TIME), read: part.read }
    }
}

/// Reliability of the API's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiCounts {
    /// The expected value of a count can be computed.
    pub has_counts: bool,
    /// A listing may end when it has as many rows as the count.
    pub trusts_counts: bool,
    /// Number of records that the API counted but did not list.
    pub surplus: u64,
}

/// Progress of an unfinished first sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSync {
    /// Facts of the poll that began it.
    pub facts: PollFacts,
    /// Records of the window that start before this have been read.
    pub until: Timestamp,
    /// The first start time after `until` that the API listed.
    pub beyond: Option<Timestamp>,
    /// Time at which the last part was completed.
    pub ended: Timestamp,
    /// Number of rows read so far.
    pub rows: u64,
    /// Number of rejected rows, by reason.
    pub rejected: BTreeMap<RejectionReason, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_stored_as_three_timestamps() {
        let at = Timestamp::from_millis;
        let bounded = ReadPart { range: TimeRange::new(at(-1), at(2)), read: at(3) };
        let unbounded = ReadPart { range: TimeRange::since(at(i64::MIN)), read: at(3) };
        let cases = [(bounded, (-1_i64, 2_i64, 3_i64)), (unbounded, (i64::MIN, i64::MAX, 3))];
        for (part, stored) in cases {
            let bytes = postcard::to_extend(&part, Vec::new()).unwrap();
            assert_eq!(bytes, postcard::to_extend(&stored, Vec::new()).unwrap());
            assert_eq!(postcard::from_bytes::<ReadPart>(&bytes).unwrap(), part);
        }
    }
}

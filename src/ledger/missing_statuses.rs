//! Records whose last read had lost its status, which the next polls read again.

use std::collections::BTreeMap;

use super::record::StoredRecord;
use super::terms::TermId;
use records_api::record::RecordKey;

/// Number of polls in a row that read each record without a status, by key.
pub(super) type MissingStatuses = BTreeMap<RecordKey, u8>;

/// Maximum number of records without a status that each poll reads again. The scrub reads the
/// others, so an API that returns no statuses does not make polls expensive.
pub(super) const MAX_MISSING_STATUSES: usize = 100;
/// Number of polls in a row after which a record without a status is left to the scrub.
const MAX_READS: u8 = 3;

/// Returns the number of polls in a row that read the record without a status, this one included;
/// `None` if it is left to the scrub.
pub(super) fn reads_without_status(earlier: &MissingStatuses, key: RecordKey) -> Option<u8> {
    let reads = earlier.get(&key).map_or(1, |reads| reads + 1);
    (reads <= MAX_READS).then_some(reads)
}

impl StoredRecord {
    /// Returns the record with the status of an earlier read if it has none: a read without a
    /// status says nothing about the status.
    #[must_use]
    pub(super) fn or_status_of(self, other: &Self) -> Self {
        if self.status == TermId::NONE { Self { status: other.status, ..self } } else { self }
    }
}

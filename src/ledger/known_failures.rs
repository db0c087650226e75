//! Details of the failures that a ledger keeps.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Ledger;
use super::failed_revisions::{FailedRevisions, Hour, times_of};
use super::failures::{FailureDetails, Failures, is_failed};
use super::record::StoredRecord;
use super::table::Table;
use records_api::record::{RecordKey, Timestamp};

impl Ledger {
    /// Returns the failed records that the API lists and that start in an hour, the newest first, with
    /// their details as far as they are kept (see
    /// [`MAX_FAILURE_DETAILS`](super::MAX_FAILURE_DETAILS)). Of equal starts, the record with the
    /// greater key comes first, in the order in which details are kept.
    pub fn failed_in(&self, hour: Hour) -> Vec<(StoredRecord, Option<&Arc<FailureDetails>>)> {
        let records = self.table.range(times_of(hour)).map(|(_, record)| record);
        let mut failed: Vec<_> =
            records.filter(|record| record.is_shown() && is_failed(record)).collect();
        failed.sort_unstable_by_key(|record| Reverse((record.start, record.key)));
        failed.into_iter().map(|record| (record, self.failures.get(record.key))).collect()
    }

    /// Returns the revisions of the failed records, of their details and of their slots.
    pub fn failed_revisions(&self) -> &FailedRevisions {
        &self.failed_revisions
    }

    /// Inserts details, if the API lists their record and it is failed. A damaged journal could
    /// hold others, and no change of a record would remove them.
    pub(super) fn insert_failure(&mut self, details: Arc<FailureDetails>) {
        let record = self.table.get(details.key);
        if record.is_some_and(|record| record.is_shown() && is_failed(&record)) {
            self.failed_revisions.note(details.start);
            if let Some(displaced) = self.failures.insert(details) {
                self.failed_revisions.note(displaced.start);
            }
        }
    }

    /// Returns the details from a poll that will be among the newest after its commit, which
    /// changes `records` and hides the records `hidden`. Others would be written by every poll and
    /// dropped.
    pub(super) fn failures_to_commit(
        &self,
        read: &Failures,
        records: &Table,
        hidden: &[RecordKey],
        window_start: Timestamp,
    ) -> Vec<Arc<FailureDetails>> {
        if read.is_empty() {
            return Vec::new();
        }
        // Of two reads of a record in a poll, the one that failed need not be the one that is kept.
        let stays = |details: &FailureDetails| {
            let record = records.get(details.key).or_else(|| self.table.get(details.key));
            details.start >= window_start
                && record.is_some_and(|record| is_failed(&record))
                && hidden.binary_search(&details.key).is_err()
        };
        let mut after = Failures::default();
        for details in self.failures.iter().chain(read.iter()).filter(|details| stays(details)) {
            after.insert(details.clone());
        }
        let is_new = |details: &&Arc<FailureDetails>| {
            after.get(details.key).is_some_and(|kept| Arc::ptr_eq(kept, details))
        };
        read.iter().filter(is_new).cloned().collect()
    }
}

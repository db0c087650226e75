//! The failed records of a project as people see them.
//!
//! What may be seen of users, desktops and files is decided in one place:
//! [`FailedRecord::shown`].

use std::sync::Arc;

use super::RecordsSnapshot;
use super::user_names::UserNames;
use crate::ledger::{FailureDetails, LabelId, Ledger, Mark, StoredRecord, TermId};
use records_api::record::Timestamp;

/// The failed records of a project at a moment.
#[derive(Debug, Clone)]
pub struct FailedRecords {
    /// The project's name.
    pub project: String,
    /// What may be seen of users.
    pub users: UserNames,
    /// The poll that found them was complete then; after a start, until a poll is complete, when the
    /// last poll of an earlier process began. `None` before the first complete poll.
    pub as_of: Option<Timestamp>,
    /// Whether the gauges of the project are not shown at present: the last complete poll is too long
    /// ago, or was one of an earlier process.
    pub is_stale: bool,
    /// The newest, at most [`crate::ledger::MAX_FAILURE_DETAILS`], the newest first.
    pub records: Arc<[FailedRecord]>,
    /// The snapshot of the same poll.
    pub snapshot: Option<Arc<RecordsSnapshot>>,
}

impl FailedRecords {
    /// The name of a desktop pool.
    pub fn pool_name(&self, id: &str) -> Option<&str> {
        let pools = &self.snapshot.as_ref()?.pools;
        pools.iter().find(|pool| pool.id == id).map(|pool| pool.name.as_str())
    }
}

/// A failed record. What of it may be shown says [`Self::shown`].
#[derive(Debug, Clone)]
pub struct FailedRecord {
    record: StoredRecord,
    status: Arc<str>,
    record_type: Option<Arc<str>>,
    pool: Option<Arc<str>>,
    user: Option<Arc<str>>,
    is_pool_folded: bool,
    is_user_folded: bool,
    details: Arc<FailureDetails>,
}

/// What is shown of a failed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownFailure<'a> {
    /// `REC_FAILED` or `UPLOAD_FAILED`.
    pub status: &'a str,
    /// The type, as in metrics.
    pub record_type: Option<&'a str>,
    /// The desktop pool's id.
    pub pool: Option<&'a str>,
    /// The desktop's id.
    pub desktop_id: Option<&'a str>,
    /// The desktop's name.
    pub desktop_name: Option<&'a str>,
    /// The user.
    pub user: Option<Arc<str>>,
    /// Whether metrics have the record under the pool `_other`.
    pub is_pool_folded: bool,
    /// Whether they have it under the user `_other`.
    pub is_user_folded: bool,
    /// The record's id.
    pub id: &'a str,
    /// When the recording began.
    pub start: Timestamp,
    /// When the record last changed.
    pub update: Option<Timestamp>,
    /// Size of the file in bytes.
    pub size_bytes: Option<u64>,
    /// Bucket of the file.
    pub bucket: Option<&'a str>,
    /// Folder in the bucket.
    pub file_directory: Option<&'a str>,
    /// Name of the file.
    pub file_name: Option<&'a str>,
    /// Whether its failure was counted: it happened while it was watched. Otherwise it was there when
    /// counting began.
    pub counted: bool,
}

impl FailedRecord {
    /// When the recording began.
    pub fn start(&self) -> Timestamp {
        self.record.start
    }

    /// What may be seen of it.
    pub fn shown(&self, users: &UserNames) -> ShownFailure<'_> {
        let details = &*self.details;
        let user = self.user.as_ref().and_then(|user| users.shown(user));
        // Names of desktops and files tell whose they are.
        let names = Some(details).filter(|_| users.are_shown());
        ShownFailure {
            status: &self.status,
            record_type: self.record_type.as_deref(),
            pool: self.pool.as_deref(),
            desktop_id: details.desktop_id.as_deref(),
            desktop_name: names.and_then(|names| names.desktop_name.as_deref()),
            is_pool_folded: self.is_pool_folded,
            is_user_folded: self.is_user_folded && user.is_some(),
            user,
            id: &details.id,
            start: self.record.start,
            update: self.record.update.known(),
            size_bytes: self.record.size_bytes(),
            bucket: details.bucket.as_deref(),
            file_directory: names.and_then(|names| names.file_directory.as_deref()),
            file_name: names.and_then(|names| names.file_name.as_deref()),
            counted: self.record.has(Mark::Counted),
        }
    }
}

/// The newest failed records of a ledger, the newest first.
pub fn failed_records(ledger: &Ledger) -> Arc<[FailedRecord]> {
    let text = |label| (label != LabelId::NONE).then(|| ledger.label(label).clone());
    let word = |word| (word != TermId::NONE).then(|| ledger.term(word).clone());
    let records = ledger.failed().map(|(record, details)| FailedRecord {
        status: ledger.term(record.status).clone(),
        record_type: word(record.record_type),
        pool: text(record.pool),
        user: text(record.user),
        is_pool_folded: ledger.slots().pool(record.pool) == LabelId::OTHER,
        is_user_folded: ledger.slots().user(record.user) == LabelId::OTHER,
        details: details.clone(),
        record,
    });
    records.collect()
}

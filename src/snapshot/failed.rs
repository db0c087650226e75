//! The newest failed records of a project.
//!
//! [`FailedRecord::shown`] is the only place that decides which fields of users, desktops and files are
//! visible.

use std::sync::Arc;

use super::records::RecordsSnapshot;
use super::user_names::UserNames;
use crate::ledger::{FailureDetails, Flag, LabelId, Ledger, StoredRecord, TermId, ValueLimit};
use records_api::record::Timestamp;

/// The newest failed records of a project.
#[derive(Debug, Clone)]
pub struct FailedRecords {
    /// Name of the project.
    pub project: String,
    /// Form of user names.
    pub users: UserNames,
    /// Maximum length of a label value, which links from alerts contain.
    pub value_limit: ValueLimit,
    /// Completion time of the poll that found them. After a start and before the first complete poll, the
    /// start time of an earlier process's last poll. `None` before the very first complete poll.
    pub as_of: Option<Timestamp>,
    /// True if the project's gauges are not served, because the last complete poll is too old or belongs
    /// to an earlier process.
    pub is_stale: bool,
    /// At most [`crate::ledger::MAX_FAILURE_DETAILS`] records, newest first.
    pub records: Arc<[FailedRecord]>,
    /// Snapshot of the same poll.
    pub snapshot: Option<Arc<RecordsSnapshot>>,
}

impl FailedRecords {
    /// Returns the name of a desktop pool.
    pub fn pool_name(&self, id: &str) -> Option<&str> {
        let pools = &self.snapshot.as_ref()?.pools;
        pools.iter().find(|pool| pool.id == id).map(|pool| pool.name.as_str())
    }
}

/// A failed record. [`Self::shown`] returns its visible fields.
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

/// Visible fields of a failed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownFailure<'a> {
    /// `REC_FAILED` or `UPLOAD_FAILED`.
    pub status: &'a str,
    /// The type, as in metrics.
    pub record_type: Option<&'a str>,
    /// Id of the desktop pool.
    pub pool: Option<&'a str>,
    /// Id of the desktop.
    pub desktop_id: Option<&'a str>,
    /// Name of the desktop.
    pub desktop_name: Option<&'a str>,
    /// User, in the form of the label.
    pub user: Option<Arc<str>>,
    /// True if metrics show the record under the pool `_other`.
    pub is_pool_folded: bool,
    /// True if metrics show the record under the user `_other`.
    pub is_user_folded: bool,
    /// Id of the record.
    pub id: &'a str,
    /// Start of the recording.
    pub start: Timestamp,
    /// Time of the last change.
    pub update: Option<Timestamp>,
    /// Size of the file in bytes.
    pub size_bytes: Option<u64>,
    /// Bucket of the file.
    pub bucket: Option<&'a str>,
    /// Folder in the bucket.
    pub file_directory: Option<&'a str>,
    /// Name of the file.
    pub file_name: Option<&'a str>,
    /// True if the failure was counted. A failure that existed when counting began is not.
    pub counted: bool,
}

impl FailedRecord {
    /// Returns the start of the recording.
    pub fn start(&self) -> Timestamp {
        self.record.start
    }

    /// Returns the visible fields.
    pub fn shown(&self, users: &UserNames) -> ShownFailure<'_> {
        let details = &*self.details;
        let user = self.user.as_ref().and_then(|user| users.shown(user));
        // Names of desktops and files contain user names.
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
            counted: self.record.has(Flag::Counted),
        }
    }
}

/// Returns the newest failed records of a ledger, newest first.
pub fn failed_records(ledger: &Ledger) -> Arc<[FailedRecord]> {
    let text = |label| (label != LabelId::NONE).then(|| ledger.label(label).clone());
    let term = |term| (term != TermId::NONE).then(|| ledger.term(term).clone());
    let records = ledger.failed().map(|(record, details)| FailedRecord {
        status: ledger.term(record.status).clone(),
        record_type: term(record.record_type),
        pool: text(record.pool),
        user: text(record.user),
        is_pool_folded: ledger.slots().pool(record.pool) == LabelId::OTHER,
        is_user_folded: ledger.slots().user(record.user) == LabelId::OTHER,
        details: details.clone(),
        record,
    });
    records.collect()
}

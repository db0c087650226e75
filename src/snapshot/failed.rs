//! All failed records of a project. There may be 100,000 of them, so a poll that changes few of them keeps
//! the others.
//!
//! [`FailedRecords::shown`] is the only place that decides which fields of users, desktops and files are
//! visible.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::desktops::Desktop;
use super::records::RecordsSnapshot;
use super::user_names::UserNames;
use crate::ledger::{
    FailureDetails, Flag, Hour, LabelId, Ledger, StoredRecord, TermId, UpdateTime, ValueLimit,
};
use records_api::record::{Status, Timestamp};

/// The failed records of a project, as one answer shows them.
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
    /// Time at which counting began; `None` before the first complete poll.
    pub counting_since: Option<Timestamp>,
    /// The records.
    pub list: FailedList,
    /// The desktops of the same poll.
    pub desktops: Arc<[Desktop]>,
    /// Snapshot of the same poll.
    pub snapshot: Option<Arc<RecordsSnapshot>>,
}

/// Failed records of a project. A copy shares the records with the original.
#[derive(Debug, Clone, Default)]
pub struct FailedList {
    /// Revision of the ledger that it is of.
    revision: u64,
    hours: BTreeMap<Hour, FailedHour>,
}

/// Failed records that start in the same hour.
#[derive(Debug, Clone)]
struct FailedHour {
    /// The newest first.
    records: Arc<[FailedRecord]>,
    before_counting: usize,
    with_texts: usize,
}

/// A failed record. [`FailedRecords::shown`] returns its visible fields.
#[derive(Debug)]
pub struct FailedRecord {
    pub(super) start: Timestamp,
    update: UpdateTime,
    size_bytes: Option<u64>,
    pub(super) status: TermId,
    /// True if the failure was counted.
    pub(super) counted: bool,
    pub(super) is_pool_folded: bool,
    pub(super) is_user_folded: bool,
    pub(super) record_type: Option<Arc<str>>,
    pub(super) pool: Option<Arc<str>>,
    pub(super) user: Option<Arc<str>>,
    pub(super) desktop: Option<Arc<str>>,
    bucket: Option<Arc<str>>,
    pub(super) details: Option<Arc<FailureDetails>>,
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
    /// Name of the desktop in the record, or in its newest record if that name is not kept.
    pub desktop_name: Option<&'a str>,
    /// User, in the form of the label.
    pub user: Option<Arc<str>>,
    /// Id of the record; `None` if it is older than those of which texts are kept, like the next fields.
    pub id: Option<&'a str>,
    /// Folder in the bucket.
    pub file_directory: Option<&'a str>,
    /// Name of the file.
    pub file_name: Option<&'a str>,
    /// Start of the recording.
    pub start: Timestamp,
    /// Time of the last change.
    pub update: Option<Timestamp>,
    /// Size of the file in bytes.
    pub size_bytes: Option<u64>,
    /// Bucket of the file.
    pub bucket: Option<&'a str>,
    /// True if the failure was counted. A failure that existed when counting began is not.
    pub counted: bool,
}

impl FailedRecord {
    /// Returns the start of the recording.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    fn new(ledger: &Ledger, record: &StoredRecord, details: Option<&Arc<FailureDetails>>) -> Self {
        let label = |label: LabelId| (label != LabelId::NONE).then(|| ledger.label(label).clone());
        let record_type = record.record_type;
        Self {
            start: record.start,
            update: record.update,
            size_bytes: record.size_bytes(),
            status: record.status,
            counted: record.has(Flag::Counted),
            is_pool_folded: ledger.slots().pool(record.pool) == LabelId::OTHER,
            is_user_folded: ledger.slots().user(record.user) == LabelId::OTHER,
            record_type: (record_type != TermId::NONE).then(|| ledger.term(record_type).clone()),
            pool: label(record.pool),
            user: label(record.user),
            desktop: label(record.desktop),
            bucket: label(record.bucket),
            details: details.cloned(),
        }
    }
}

impl FailedList {
    /// Updates the list to the failed records of a ledger. Hours without a change keep their records.
    pub fn update(&mut self, ledger: &Ledger) {
        let revisions = ledger.failed_revisions();
        if self.revision == revisions.latest() {
            return;
        }
        let mut earlier = std::mem::take(&mut self.hours);
        for (hour, has_changed) in revisions.since(self.revision) {
            let known = earlier.remove(&hour);
            let records = match known {
                Some(known) if !has_changed => Some(known),
                None if !has_changed => None,
                _ => FailedHour::of(ledger, hour),
            };
            if let Some(records) = records {
                self.hours.insert(hour, records);
            }
        }
        self.revision = revisions.latest();
    }

    /// Returns the records, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &FailedRecord> {
        self.hours.values().rev().flat_map(|hour| hour.records.iter())
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.hours.values().map(|hour| hour.records.len()).sum()
    }

    /// Returns whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// Returns the number of failures that existed before counting began.
    pub fn before_counting(&self) -> usize {
        self.hours.values().map(|hour| hour.before_counting).sum()
    }

    /// Returns the number of records of which all texts are kept.
    pub fn with_texts(&self) -> usize {
        self.hours.values().map(|hour| hour.with_texts).sum()
    }

    /// Returns the ids of the pools.
    pub fn pools(&self) -> BTreeSet<&str> {
        self.iter().filter_map(|record| record.pool.as_deref()).collect()
    }
}

impl FailedHour {
    /// Returns the failed records of an hour; `None` if there are none.
    fn of(ledger: &Ledger, hour: Hour) -> Option<Self> {
        let failed = ledger.failed_in(hour).into_iter();
        let records: Arc<[_]> =
            failed.map(|(record, details)| FailedRecord::new(ledger, &record, details)).collect();
        (!records.is_empty()).then(|| Self {
            before_counting: records.iter().filter(|record| !record.counted).count(),
            with_texts: records.iter().filter(|record| record.details.is_some()).count(),
            records,
        })
    }
}

impl FailedRecords {
    /// Returns the names of the desktop pools by id.
    pub fn pool_names(&self) -> HashMap<&str, &str> {
        let pools = self.snapshot.iter().flat_map(|snapshot| &snapshot.pools);
        pools.map(|pool| (pool.id.as_str(), pool.name.as_str())).collect()
    }

    /// Returns the users in the form of the label; none if they are dropped.
    pub fn shown_users(&self) -> BTreeSet<Arc<str>> {
        // Each name once, because a hash takes time.
        let users: BTreeSet<_> =
            self.list.iter().filter_map(|record| record.user.as_ref()).collect();
        users.into_iter().filter_map(|user| self.users.shown(user)).collect()
    }

    /// Returns the name of each desktop in its newest record, by id, as far as names are visible.
    pub fn desktop_names(&self) -> HashMap<&str, &str> {
        let desktops = self.desktops.iter().filter(|_| self.users.are_shown());
        desktops.filter_map(|desktop| Some((&*desktop.id, desktop.name.as_deref()?))).collect()
    }

    /// Returns the visible fields of a record. `desktop_names` are those of [`Self::desktop_names`].
    pub fn shown<'a>(
        &self,
        record: &'a FailedRecord,
        desktop_names: &HashMap<&str, &'a str>,
    ) -> ShownFailure<'a> {
        let details = record.details.as_deref();
        // Names of desktops and files contain user names.
        let names = details.filter(|_| self.users.are_shown());
        // A record of a state of an earlier format has no desktop and no bucket in the table.
        let earlier_desktop = || details.and_then(|details| details.desktop_id.as_deref());
        let earlier_bucket = || details.and_then(|details| details.bucket.as_deref());
        let desktop_id = record.desktop.as_deref().or_else(earlier_desktop);
        let newest_name = || desktop_id.and_then(|id| desktop_names.get(id).copied());
        ShownFailure {
            status: record.status.status().map_or("", Status::code),
            record_type: record.record_type.as_deref(),
            pool: record.pool.as_deref(),
            desktop_id,
            desktop_name: match details {
                Some(_) => names.and_then(|names| names.desktop_name.as_deref()),
                None => newest_name(),
            },
            user: record.user.as_ref().and_then(|user| self.users.shown(user)),
            id: details.map(|details| &*details.id),
            file_directory: names.and_then(|names| names.file_directory.as_deref()),
            file_name: names.and_then(|names| names.file_name.as_deref()),
            start: record.start,
            update: record.update.known(),
            size_bytes: record.size_bytes,
            bucket: record.bucket.as_deref().or_else(earlier_bucket),
            counted: record.counted,
        }
    }
}

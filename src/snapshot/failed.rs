//! All failed records of a project, in compact form: a project may have 100,000 of them.
//!
//! [`FailedRecords::shown`] is the only place that decides which fields of users, desktops and files are
//! visible.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::desktops::Desktop;
use super::records::RecordsSnapshot;
use super::user_names::UserNames;
use crate::ledger::{
    FailureDetails, Flag, LabelId, Ledger, StoredRecord, TermId, UpdateTime, ValueLimit,
};
use records_api::record::Timestamp;

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
    pub list: Arc<FailedList>,
    /// The desktops of the same poll.
    pub desktops: Arc<[Desktop]>,
    /// Snapshot of the same poll.
    pub snapshot: Option<Arc<RecordsSnapshot>>,
}

/// Failed records of a project, the newest first.
#[derive(Debug, Default)]
pub struct FailedList {
    records: Vec<FailedRecord>,
    pub(super) statuses: Column,
    pub(super) types: Column,
    pub(super) pools: Column,
    pub(super) users: Column,
    pub(super) desktops: Column,
    buckets: Column,
    before_counting: usize,
}

/// Distinct values of a field.
#[derive(Debug, Default)]
pub(super) struct Column {
    pub(super) values: Vec<Value>,
    /// True if some record has no value.
    pub(super) has_none: bool,
}

/// A value of a field.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) text: Arc<str>,
    /// True if metrics show it as `_other`.
    pub(super) is_folded: bool,
}

/// A failed record. Its fields are positions in the columns of its list.
#[derive(Debug)]
pub(super) struct FailedRecord {
    pub(super) start: Timestamp,
    update: UpdateTime,
    size_bytes: Option<u64>,
    pub(super) status: u32,
    pub(super) record_type: u32,
    pub(super) pool: u32,
    pub(super) user: u32,
    pub(super) desktop: u32,
    bucket: u32,
    pub(super) details: Option<Arc<FailureDetails>>,
    /// True if the failure was counted.
    pub(super) counted: bool,
}

/// Position that stands for no value.
pub(super) const NO_VALUE: u32 = u32::MAX;

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

impl Column {
    /// Returns a value; `None` if the record has none.
    fn text(&self, value: u32) -> Option<&str> {
        self.values.get(value as usize).map(|value| &*value.text)
    }
}

impl FailedList {
    /// Returns the failed records of a ledger.
    pub fn of(ledger: &Ledger) -> Self {
        let found = ledger.failed();
        let mut list = Self { records: Vec::with_capacity(found.len()), ..Self::default() };
        let mut numbers = Numbers::default();
        for (record, details) in found {
            let label =
                |label: LabelId| (label != LabelId::NONE).then(|| ledger.label(label).clone());
            let term = |term: TermId| (term != TermId::NONE).then(|| ledger.term(term).clone());
            let slots = ledger.slots();
            let StoredRecord { status, record_type, pool, user, desktop, bucket, .. } = record;
            let (is_pool_folded, is_user_folded) =
                (slots.pool(pool) == LabelId::OTHER, slots.user(user) == LabelId::OTHER);
            let row = FailedRecord {
                start: record.start,
                update: record.update,
                size_bytes: record.size_bytes(),
                status: numbers.terms[0].add(&mut list.statuses, status, false, term),
                record_type: numbers.terms[1].add(&mut list.types, record_type, false, term),
                pool: numbers.labels[0].add(&mut list.pools, pool, is_pool_folded, label),
                user: numbers.labels[1].add(&mut list.users, user, is_user_folded, label),
                desktop: numbers.labels[2].add(&mut list.desktops, desktop, false, label),
                bucket: numbers.labels[3].add(&mut list.buckets, bucket, false, label),
                details: details.cloned(),
                counted: record.has(Flag::Counted),
            };
            list.before_counting += usize::from(!row.counted);
            list.records.push(row);
        }
        list
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the number of failures that existed before counting began.
    pub fn before_counting(&self) -> usize {
        self.before_counting
    }

    /// Returns the number of records of which all texts are kept.
    pub fn with_texts(&self) -> usize {
        self.records.iter().filter(|record| record.details.is_some()).count()
    }

    /// Returns the start of the record at a position.
    pub fn start(&self, position: usize) -> Timestamp {
        self.records[position].start
    }

    /// Returns the ids of the pools.
    pub fn pools(&self) -> impl Iterator<Item = &str> {
        self.pools.values.iter().map(|value| &*value.text)
    }

    pub(super) fn records(&self) -> &[FailedRecord] {
        &self.records
    }
}

impl FailedRecords {
    /// Returns the names of the desktop pools by id.
    pub fn pool_names(&self) -> HashMap<&str, &str> {
        let pools = self.snapshot.iter().flat_map(|snapshot| &snapshot.pools);
        pools.map(|pool| (pool.id.as_str(), pool.name.as_str())).collect()
    }

    /// Returns the users in the form of the label; none if they are dropped.
    pub fn shown_users(&self) -> impl Iterator<Item = Arc<str>> {
        self.list.users.values.iter().filter_map(|value| self.users.shown(&value.text))
    }

    /// Returns the name of each desktop in its newest record, by id, as far as names are visible.
    pub fn desktop_names(&self) -> HashMap<&str, &str> {
        let desktops = self.desktops.iter().filter(|_| self.users.are_shown());
        desktops.filter_map(|desktop| Some((&*desktop.id, desktop.name.as_deref()?))).collect()
    }

    /// Returns the visible fields of the record at a position. `desktop_names` are those of
    /// [`Self::desktop_names`].
    pub fn shown<'a>(
        &'a self,
        position: usize,
        desktop_names: &HashMap<&str, &'a str>,
    ) -> ShownFailure<'a> {
        let list = &*self.list;
        let record = &list.records[position];
        let details = record.details.as_deref();
        let user = list.users.values.get(record.user as usize);
        // Names of desktops and files contain user names.
        let names = details.filter(|_| self.users.are_shown());
        // A record of a state of an earlier format has no desktop and no bucket in the table.
        let desktop_id = list
            .desktops
            .text(record.desktop)
            .or_else(|| details.and_then(|details| details.desktop_id.as_deref()));
        let newest_name = || desktop_id.and_then(|id| desktop_names.get(id).copied());
        ShownFailure {
            status: list.statuses.text(record.status).unwrap_or_default(),
            record_type: list.types.text(record.record_type),
            pool: list.pools.text(record.pool),
            desktop_id,
            desktop_name: match details {
                Some(_) => names.and_then(|names| names.desktop_name.as_deref()),
                None => newest_name(),
            },
            user: user.and_then(|user| self.users.shown(&user.text)),
            id: details.map(|details| &*details.id),
            file_directory: names.and_then(|names| names.file_directory.as_deref()),
            file_name: names.and_then(|names| names.file_name.as_deref()),
            start: record.start,
            update: record.update.known(),
            size_bytes: record.size_bytes,
            bucket: list
                .buckets
                .text(record.bucket)
                .or_else(|| details.and_then(|details| details.bucket.as_deref())),
            counted: record.counted,
        }
    }
}

/// Positions of the values that a list has so far.
#[derive(Default)]
struct Numbers {
    terms: [Positions<TermId>; 2],
    labels: [Positions<LabelId>; 4],
}

/// Positions in a column by number.
struct Positions<K>(HashMap<K, u32>);

impl<K> Default for Positions<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Copy + Eq + Hash> Positions<K> {
    /// Returns the position of a value in a column, and adds the value if it is new.
    fn add(
        &mut self,
        column: &mut Column,
        key: K,
        is_folded: bool,
        text: impl FnOnce(K) -> Option<Arc<str>>,
    ) -> u32 {
        *self.0.entry(key).or_insert_with(|| match text(key) {
            None => {
                column.has_none = true;
                NO_VALUE
            }
            Some(text) => {
                column.values.push(Value { text, is_folded });
                u32::try_from(column.values.len() - 1).expect("a poll ends before 2^32 records")
            }
        })
    }
}

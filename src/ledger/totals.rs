//! Totals of the records that the API lists: by label, by start, and in flight.
//!
//! The only index of counts. It is updated with each change of a record, so its cost depends on the
//! changes and not on the size of the window.

use std::collections::{BTreeMap, BTreeSet};

use super::cardinality::{LabelValue, LimitedLabel};
use super::counted::Counted;
use super::desktops::{DesktopKey, DesktopTotals, Desktops};
use super::record::{Flag, StoredRecord, UpdateTime};
use super::symbols::LabelId;
use super::table::span_of;
use super::terms::TermId;
use records_api::record::{RecordKey, Status, TimeRange, Timestamp};

/// Totals of some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Number of records.
    pub records: u64,
    /// Total size in bytes. With 64 bits, two records of the largest size would overflow.
    pub size_bytes: u128,
    /// Total video duration in seconds.
    pub duration_seconds: u128,
    /// Number of records whose entry into their status was counted.
    pub counted: u64,
}

/// Labels of a total, before folding. The pool comes first, so that the keys of a pool are
/// neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindKey {
    /// Desktop pool.
    pub pool: LabelId,
    /// Type.
    pub record_type: TermId,
    /// Status.
    pub status: TermId,
}

/// Records in flight with the same status and pool.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    starts: BTreeSet<(Timestamp, RecordKey)>,
    updates: BTreeSet<(UpdateTime, RecordKey)>,
}

/// Totals by a name and the status.
type ByStatus = BTreeMap<(LabelId, TermId), Sums>;

/// Totals of the records that the API lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    kinds: BTreeMap<KindKey, Sums>,
    users: ByStatus,
    buckets: ByStatus,
    policies: ByStatus,
    desktops: Desktops,
    in_flight: BTreeMap<(TermId, LabelId), InFlight>,
    /// Numbers of records by the span in which they start.
    spans: BTreeMap<i64, SpanCounts>,
    records: u64,
}

/// Numbers of records that start in a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct SpanCounts {
    all: u32,
    /// Records in `UPLOAD_COMPLETED`.
    uploaded: u32,
}

impl Sums {
    /// Adds a record. An unknown size or duration counts as 0.
    fn add(&mut self, record: &StoredRecord) {
        self.records += 1;
        self.size_bytes += u128::from(record.size_bytes().unwrap_or(0));
        self.duration_seconds += u128::from(record.duration_seconds().unwrap_or(0));
        self.counted += u64::from(record.has(Flag::Counted));
    }

    /// Removes a record, in the state in which it was added.
    fn remove(&mut self, record: &StoredRecord) {
        self.records -= 1;
        self.size_bytes -= u128::from(record.size_bytes().unwrap_or(0));
        self.duration_seconds -= u128::from(record.duration_seconds().unwrap_or(0));
        self.counted -= u64::from(record.has(Flag::Counted));
    }

    /// Adds other totals to these.
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.size_bytes += other.size_bytes;
        self.duration_seconds += other.duration_seconds;
        self.counted += other.counted;
    }
}

impl InFlight {
    /// Returns the start of the oldest record.
    pub fn oldest_start(&self) -> Option<Timestamp> {
        self.starts.first().map(|(start, _)| *start)
    }

    /// Returns the oldest known `update_time`. Unknown ones come first in the order.
    pub fn oldest_update(&self) -> Option<Timestamp> {
        self.updates.iter().find_map(|(update, _)| update.known())
    }
}

impl Totals {
    /// Adds a record.
    pub(super) fn add(&mut self, record: &StoredRecord) {
        self.kinds.entry(KindKey::of(record)).or_default().add(record);
        self.users.entry((record.user, record.status)).or_default().add(record);
        self.buckets.entry((record.bucket, record.status)).or_default().add(record);
        self.policies.entry((record.policy, record.status)).or_default().add(record);
        self.desktops.add(record);
        let span = self.spans.entry(span_of(record.start)).or_default();
        span.all += 1;
        span.uploaded += u32::from(Counted::Uploaded.includes(record));
        if is_in_flight(record) {
            let group = self.in_flight.entry((record.status, record.pool)).or_default();
            group.starts.insert((record.start, record.key));
            group.updates.insert((record.update, record.key));
        }
        self.records += 1;
    }

    /// Removes a record, in the state in which it was added. With another state, totals would drift
    /// for as long as the process runs.
    pub(super) fn remove(&mut self, record: &StoredRecord) {
        remove_from(&mut self.kinds, &KindKey::of(record), record);
        remove_from(&mut self.users, &(record.user, record.status), record);
        remove_from(&mut self.buckets, &(record.bucket, record.status), record);
        remove_from(&mut self.policies, &(record.policy, record.status), record);
        self.desktops.remove(record);
        let span = span_of(record.start);
        let counts = self.spans.get_mut(&span).expect("the record was added");
        counts.all -= 1;
        counts.uploaded -= u32::from(Counted::Uploaded.includes(record));
        // Empty spans and groups would accumulate, and an empty group has no oldest record.
        if counts.all == 0 {
            self.spans.remove(&span);
        }
        if is_in_flight(record) {
            let key = (record.status, record.pool);
            let group = self.in_flight.get_mut(&key).expect("the record was added");
            group.starts.remove(&(record.start, record.key));
            group.updates.remove(&(record.update, record.key));
            if group.starts.is_empty() {
                self.in_flight.remove(&key);
            }
        }
        self.records -= 1;
    }

    /// Returns the totals by pool, type and status.
    pub fn kinds(&self) -> impl Iterator<Item = (KindKey, &Sums)> {
        self.kinds.iter().map(|(key, sums)| (*key, sums))
    }

    /// Returns the totals by user and status.
    pub fn users(&self) -> impl Iterator<Item = ((LabelId, TermId), &Sums)> {
        self.users.iter().map(|(key, sums)| (*key, sums))
    }

    /// Returns the totals by bucket and status.
    pub fn buckets(&self) -> impl Iterator<Item = ((LabelId, TermId), &Sums)> {
        self.buckets.iter().map(|(key, sums)| (*key, sums))
    }

    /// Returns the totals by policy and status.
    pub fn policies(&self) -> impl Iterator<Item = ((LabelId, TermId), &Sums)> {
        self.policies.iter().map(|(key, sums)| (*key, sums))
    }

    /// Returns the totals by desktop and pool.
    pub fn desktops(&self) -> impl Iterator<Item = (DesktopKey, &DesktopTotals)> {
        self.desktops.iter()
    }

    /// Returns the start of the newest record of a desktop.
    pub(super) fn last_start(&self, desktop: LabelId) -> Option<Timestamp> {
        self.desktops.last_start(desktop)
    }

    /// Completes the changes of a commit. `records` are all records that were added.
    pub(super) fn end_changes(&mut self, records: impl Iterator<Item = StoredRecord>) {
        self.desktops.find_outdated(records);
    }

    /// Returns the records in flight, by status and pool.
    pub fn in_flight(&self) -> impl Iterator<Item = ((TermId, LabelId), &InFlight)> {
        self.in_flight.iter().map(|(key, group)| (*key, group))
    }

    /// Returns the number of records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns whether a user, pool, bucket or policy has records. Always false for statuses and types,
    /// which are not indexed.
    pub(super) fn contains(&self, value: LabelValue) -> bool {
        let id = LabelId::from_number(value.number);
        match value.label {
            LimitedLabel::User => has(&self.users, id),
            LimitedLabel::Bucket => has(&self.buckets, id),
            LimitedLabel::Policy => has(&self.policies, id),
            LimitedLabel::Pool => {
                let kinds = KindKey::first_of(id)..=KindKey::last_of(id);
                self.kinds.range(kinds).next().is_some()
            }
            LimitedLabel::Status | LimitedLabel::Type => false,
        }
    }

    /// Returns the users, pools, buckets and policies that have records, without `_none`.
    pub(super) fn named_values(&self) -> impl Iterator<Item = LabelValue> {
        LimitedLabel::ALL.into_iter().flat_map(|label| self.names_of(label))
    }

    /// Returns the values of a label that have records, without `_none`. Empty for statuses and types,
    /// which are not indexed.
    pub(super) fn names_of(&self, label: LimitedLabel) -> impl Iterator<Item = LabelValue> {
        let (pools, names) = match label {
            LimitedLabel::User => (None, Some(&self.users)),
            LimitedLabel::Bucket => (None, Some(&self.buckets)),
            LimitedLabel::Policy => (None, Some(&self.policies)),
            LimitedLabel::Pool => (Some(&self.kinds), None),
            LimitedLabel::Status | LimitedLabel::Type => (None, None),
        };
        let pools = pools.into_iter().flat_map(BTreeMap::keys).map(|key| key.pool);
        let names = names.into_iter().flat_map(BTreeMap::keys).map(|(name, _)| *name);
        distinct(pools.chain(names)).map(move |name| LabelValue::of(label, name))
    }

    /// Returns the undocumented statuses and types that have records.
    pub(super) fn unknown_values(&self) -> BTreeSet<LabelValue> {
        let of = |label, id: TermId| {
            (!id.is_fixed()).then_some(LabelValue { label, number: id.number() })
        };
        let kinds = self.kinds.keys().flat_map(|key| {
            [of(LimitedLabel::Status, key.status), of(LimitedLabel::Type, key.record_type)]
        });
        kinds.flatten().collect()
    }

    /// Returns the number of records by span, from the span that contains `from`.
    pub(super) fn spans_from(
        &self,
        counted: Counted,
        from: Timestamp,
    ) -> impl Iterator<Item = (i64, u64)> {
        self.spans.range(span_of(from)..).map(move |(span, counts)| match counted {
            Counted::All => (*span, u64::from(counts.all)),
            Counted::Uploaded => (*span, u64::from(counts.uploaded)),
        })
    }

    /// Returns the records in flight that start at `from` or later, in no particular order.
    pub(super) fn in_flight_from(
        &self,
        from: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, RecordKey)> {
        let groups = self.in_flight.values();
        groups.flat_map(move |group| group.starts.range((from, RecordKey::MIN)..).copied())
    }

    /// Number of records in flight that start in a range.
    pub(super) fn in_flight_in(&self, range: TimeRange) -> u64 {
        let TimeRange { start, end } = range;
        let Some(end) = end else { return self.in_flight_from(start).count() as u64 };
        if range.is_empty() {
            return 0;
        }
        let keys = (start, RecordKey::MIN)..(end, RecordKey::MIN);
        let groups = self.in_flight.values();
        groups.map(|group| group.starts.range(keys.clone()).count() as u64).sum()
    }
}

impl KindKey {
    fn of(record: &StoredRecord) -> Self {
        Self { pool: record.pool, record_type: record.record_type, status: record.status }
    }

    fn first_of(pool: LabelId) -> Self {
        Self { pool, record_type: TermId::MIN, status: TermId::MIN }
    }

    fn last_of(pool: LabelId) -> Self {
        Self { pool, record_type: TermId::MAX, status: TermId::MAX }
    }
}

/// Returns whether a name has totals.
fn has(totals: &ByStatus, name: LabelId) -> bool {
    totals.range((name, TermId::MIN)..=(name, TermId::MAX)).next().is_some()
}

/// Returns the labels that are names, each once. Equal ones must be neighbours.
fn distinct(labels: impl Iterator<Item = LabelId>) -> impl Iterator<Item = LabelId> {
    let mut last = None;
    labels.filter(move |label| !label.is_fixed() && last.replace(*label) != Some(*label))
}

/// Returns whether a record is in flight.
fn is_in_flight(record: &StoredRecord) -> bool {
    record.status.status().is_some_and(Status::is_in_flight)
}

/// Removes a record from the total of its key.
fn remove_from<K: Ord>(sums: &mut BTreeMap<K, Sums>, key: &K, record: &StoredRecord) {
    let of_key = sums.get_mut(key).expect("the record was added");
    of_key.remove(record);
    // An entry without records would be exposed as a series of a label set that is gone.
    if of_key.records == 0 {
        sums.remove(key);
    }
}

//! The records that are shown, counted and found: by user and pool, by start, and what is in flight.

use std::collections::{BTreeMap, BTreeSet};

use super::cardinality::{Limited, Value};
use super::queries::Counted;
use super::record::StoredRecord;
use super::symbols::{LabelId, SymbolTable};
use super::table::span_of;
use records_api::record::{RecordKey, Status, Timestamp};

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct Totals {
    users: Vec<u32>,
    pools: Vec<u32>,
    /// Numbers of records by the span in which they start: all, and the uploaded ones.
    spans: BTreeMap<i64, (u32, u32)>,
    flights: BTreeSet<(Timestamp, RecordKey)>,
}

impl Totals {
    /// Makes room for all labels.
    pub(super) fn grow(&mut self, labels: &SymbolTable) {
        self.users.resize(labels.len() as usize, 0);
        self.pools.resize(labels.len() as usize, 0);
    }

    pub(super) fn add(&mut self, record: &StoredRecord) {
        self.users[record.user.number() as usize] += 1;
        self.pools[record.pool.number() as usize] += 1;
        let (all, uploaded) = self.spans.entry(span_of(record.start)).or_default();
        *all += 1;
        *uploaded += u32::from(Counted::Uploaded.includes(record));
        if is_in_flight(record) {
            self.flights.insert((record.start, record.key));
        }
    }

    pub(super) fn remove(&mut self, record: &StoredRecord) {
        self.users[record.user.number() as usize] -= 1;
        self.pools[record.pool.number() as usize] -= 1;
        let span = span_of(record.start);
        let (all, uploaded) = self.spans.get_mut(&span).expect("it was added");
        *all -= 1;
        *uploaded -= u32::from(Counted::Uploaded.includes(record));
        if *all == 0 {
            self.spans.remove(&span);
        }
        if is_in_flight(record) {
            self.flights.remove(&(record.start, record.key));
        }
    }

    /// Whether a user or a pool has records. Other labels are not followed.
    pub(super) fn contains(&self, (limited, number): Value) -> bool {
        self.of(limited).get(number as usize).is_some_and(|count| *count > 0)
    }

    /// The users or pools that have records and a name of their own.
    pub(super) fn values(&self, limited: Limited) -> impl Iterator<Item = u32> {
        let counts = self.of(limited).iter().zip(0_u32..);
        counts
            .filter(|(count, number)| **count > 0 && !LabelId::from_number(*number).is_fixed())
            .map(|(_, number)| number)
    }

    /// Numbers of records by span, from the span of a moment on.
    pub(super) fn spans_from(
        &self,
        counted: Counted,
        from: Timestamp,
    ) -> impl Iterator<Item = (i64, u64)> {
        self.spans.range(span_of(from)..).map(move |(span, (all, uploaded))| match counted {
            Counted::All => (*span, u64::from(*all)),
            Counted::Uploaded => (*span, u64::from(*uploaded)),
        })
    }

    /// What is in flight and starts at `from` or later, in the order of starts.
    pub(super) fn flights(&self, from: Timestamp) -> impl Iterator<Item = (Timestamp, RecordKey)> {
        self.flights.range((from, RecordKey::LEAST)..).copied()
    }

    fn of(&self, limited: Limited) -> &[u32] {
        match limited {
            Limited::User => &self.users,
            Limited::Pool => &self.pools,
            Limited::Status | Limited::Type => &[],
        }
    }
}

fn is_in_flight(record: &StoredRecord) -> bool {
    record.status.status().is_some_and(Status::is_in_flight)
}

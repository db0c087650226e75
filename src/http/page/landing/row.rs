//! One project of the page: its state and the numbers of its records.

use std::collections::BTreeMap;

use super::state::State;
use crate::project;
use records_api::THROTTLED_REMEDY;
use records_api::record::{Status, Timestamp};

/// A project with what its row shows.
pub(super) struct Row<'s> {
    pub(super) status: &'s project::Status,
    pub(super) state: State,
    /// The records; `None` before the first complete poll of this process.
    pub(super) records: Option<Records>,
}

/// Numbers of the records in the window.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) total: u64,
    /// By status, in the order of [`Status::ALL`].
    pub(super) by_status: [Count; Status::ALL.len()],
    /// Start of the oldest record in flight.
    pub(super) oldest_in_flight: Option<Timestamp>,
}

/// Number of records in a status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) total: u64,
    /// Number of those whose entry into the status was counted.
    pub(super) counted: u64,
}

impl<'s> Row<'s> {
    pub(super) fn of(status: &'s project::Status) -> Self {
        let records = status.view.records.as_ref().map(|snapshot| {
            let aggregate = &snapshot.aggregate;
            let mut records = Records {
                total: aggregate.records,
                oldest_in_flight: aggregate.oldest_start.values().min().copied(),
                ..Records::default()
            };
            for ((code, ..), sums) in &aggregate.kinds {
                let index = Status::ALL.iter().position(|status| status.code() == &**code);
                if let Some(count) = index.map(|index| &mut records.by_status[index]) {
                    count.total += sums.records;
                    count.counted += sums.counted;
                }
            }
            records
        });
        Self { status, state: State::of(status), records }
    }

    /// Returns the number of failures that were counted.
    pub(super) fn unresolved(&self) -> u64 {
        self.failures().map(|count| count.counted).sum()
    }

    /// Returns the number of failures from before counting began.
    pub(super) fn uncounted(&self) -> u64 {
        self.failures().map(Count::uncounted).sum()
    }

    /// Returns whether one note is enough for both projects: they are in the same state with the same remedy.
    pub(super) fn shares_note_with(&self, other: &Self) -> bool {
        self.state == other.state && self.remedy().is_some() && self.remedy() == other.remedy()
    }

    /// Returns whether the first sync waits because the API refused requests. It waits for the end of each
    /// pause, so it has not failed.
    pub(super) fn is_throttled(&self) -> bool {
        self.state == State::FirstSync && self.status.budget.throttled_seconds > 0.0
    }

    fn remedy(&self) -> Option<&'s str> {
        let remedy = self.status.failure.as_ref().map(|failure| failure.remedy.as_str());
        remedy.or_else(|| self.is_throttled().then_some(THROTTLED_REMEDY))
    }

    fn failures(&self) -> impl Iterator<Item = Count> {
        let counts =
            self.records.iter().flat_map(|records| Status::ALL.into_iter().zip(records.by_status));
        counts.filter(|(status, _)| status.is_failed()).map(|(_, count)| count)
    }
}

impl Count {
    pub(super) fn uncounted(self) -> u64 {
        self.total.saturating_sub(self.counted)
    }
}

/// Returns the projects, those that need somebody first, those with the same remedy next to each other, then in the
/// order of the config.
pub(super) fn rows(statuses: &[project::Status]) -> Vec<Row<'_>> {
    let mut rows: Vec<_> = statuses.iter().map(Row::of).collect();
    let mut remedies = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        remedies.entry(row.remedy()).or_insert(index);
    }
    rows.sort_by_key(|row| {
        (row.state, remedies.get(&row.remedy()).copied(), row.unresolved() == 0)
    });
    rows
}

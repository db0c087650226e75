//! The families about records, from what a project can show at this moment.

use std::sync::Arc;

use tokio::time::Instant;

use super::catalog;
use super::counters::{CounterView, write_counters};
use super::sink::{Labels, Sink, Value};
use crate::aggregate::Aggregate;
use crate::ledger::Sums;
use crate::sync::{Mode, ReadSummary};
use records_api::record::{Status, Timestamp};
use records_api::{DesktopPool, SignIn};

/// What one project shows.
#[derive(Debug, Clone)]
pub struct ProjectView {
    /// What its series bear beside the labels of their metric.
    pub labels: Arc<ProjectLabels>,
    /// Which state of the project this is: what is shown of its records is the same as long as this
    /// is, and [`Self::is_stale`], and what [is held](Self::held_until).
    pub generation: u64,
    /// Whether the last poll succeeded.
    pub up: bool,
    /// Length of the window in seconds.
    pub window_seconds: f64,
    /// The moment that it is shown at.
    pub at: Instant,
    /// What was counted, ordered by labels.
    pub counters: Arc<[CounterView]>,
    /// Figures of the ledger.
    pub ledger: LedgerFigures,
    /// The part of the first sync that is done, from 0 to 1.
    pub first_sync_progress: f64,
    /// The last complete poll, however old.
    pub snapshot: Option<Arc<SnapshotView>>,
    /// Whether the snapshot is too old for its figures to be shown.
    pub is_stale: bool,
    /// How the window is kept up to date.
    pub mode: SyncMode,
    /// Requests of the last finished poll.
    pub poll_api_requests: Option<u64>,
    /// Where it stands with its credentials.
    pub sign_in: SignIn,
}

/// The labels of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectLabels {
    /// The label `project`.
    pub project: String,
    /// Constant labels, names and values.
    pub constant: Vec<(String, String)>,
}

/// What is shown of a ledger besides the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerFigures {
    /// Records known.
    pub records: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Users folded into `_other`.
    pub folded_users: u64,
    /// Pools folded into `_other`.
    pub folded_pools: u64,
}

/// One complete state of a project's records. Immutable once published.
#[derive(Debug, Clone)]
pub struct SnapshotView {
    /// The records, added up.
    pub aggregate: Aggregate,
    /// What else the poll said.
    pub summary: ReadSummary,
    /// When the poll began to read.
    pub read_from: Timestamp,
    /// When it was complete.
    pub completed: Timestamp,
    /// The desktop pools, as far as they are known.
    pub pools: Vec<DesktopPool>,
}

/// How the window is kept up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// No poll has been completed yet.
    FirstSync,
    /// Only what can have changed is asked for.
    Incremental,
    /// As before, but the API refuses or ignores the status filter.
    NoStatusFilter,
    /// As before, but the API gives no usable counts.
    NoCounts,
    /// Every poll reads the whole window.
    FullWalk,
}

impl From<Mode> for SyncMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Incremental => Self::Incremental,
            Mode::NoStatusFilter => Self::NoStatusFilter,
            Mode::NoCounts => Self::NoCounts,
            Mode::FullWalk => Self::FullWalk,
        }
    }
}

impl SyncMode {
    /// Every mode.
    pub const ALL: [Self; 5] =
        [Self::FirstSync, Self::Incremental, Self::NoStatusFilter, Self::NoCounts, Self::FullWalk];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstSync => "first_sync",
            Self::Incremental => "incremental",
            Self::NoStatusFilter => "no_status_filter",
            Self::NoCounts => "no_counts",
            Self::FullWalk => "full_walk",
        }
    }
}

impl ProjectLabels {
    /// The labels of a series of the project that has these values.
    pub fn with<'a>(&'a self, values: &'a [&'a str]) -> Labels<'a> {
        Labels { values, constant: &self.constant }
    }
}

impl ProjectView {
    /// The label `project`.
    pub fn project(&self) -> &str {
        &self.labels.project
    }

    /// Notes that its counters are shown now. Returns until when all of them show what they show
    /// now, if anything changes by time alone.
    pub fn held_until(&self) -> Option<Instant> {
        let held = self.counters.iter().filter_map(|counter| counter.held.as_ref());
        held.filter_map(|held| held.asked(self.at)).min()
    }

    /// The snapshot, unless it is too old to be shown.
    pub fn shown(&self) -> Option<&SnapshotView> {
        self.snapshot.as_deref().filter(|_| !self.is_stale)
    }
}

type KindValue = fn(&Sums) -> Value;

/// Writes the record families of all projects, family by family.
pub fn write_projects(projects: &[ProjectView], sink: &mut dyn Sink) {
    let values: [KindValue; 3] = [
        |sums| sums.records.into(),
        |sums| Value::Integer(sums.size_bytes),
        |sums| Value::Integer(sums.duration_seconds),
    ];
    let by_kind = [
        &catalog::SCREEN_RECORDS,
        &catalog::SCREEN_RECORDS_SIZE_BYTES,
        &catalog::SCREEN_RECORDS_DURATION_SECONDS,
    ];
    for (metric, value) in by_kind.into_iter().zip(values) {
        sink.family(metric);
        for (labels, snapshot) in shown(projects) {
            for ((status, record_type, pool), sums) in &snapshot.aggregate.kinds {
                sink.gauge(labels.with(&[&labels.project, status, record_type, pool]), value(sums));
            }
        }
    }
    let by_user = [
        &catalog::USER_SCREEN_RECORDS,
        &catalog::USER_SCREEN_RECORDS_SIZE_BYTES,
        &catalog::USER_SCREEN_RECORDS_DURATION_SECONDS,
    ];
    for (metric, value) in by_user.into_iter().zip(values) {
        sink.family(metric);
        for (labels, snapshot) in shown(projects) {
            for ((user, status), sums) in &snapshot.aggregate.users {
                sink.gauge(labels.with(&[&labels.project, user, status]), value(sums));
            }
        }
    }
    write_unresolved(projects, sink);
    write_counters(projects, sink);
    write_moments(projects, sink);
    write_state(projects, sink);
}

fn shown(projects: &[ProjectView]) -> impl Iterator<Item = (&ProjectLabels, &SnapshotView)> {
    projects.iter().filter_map(|view| Some((&*view.labels, view.shown()?)))
}

fn write_unresolved(projects: &[ProjectView], sink: &mut dyn Sink) {
    let failed = Status::ALL.into_iter().filter(|status| status.is_failed()).map(Status::code);
    let failed: Vec<_> = failed.collect();
    sink.family(&catalog::SCREEN_RECORDS_UNRESOLVED);
    for (labels, snapshot) in shown(projects) {
        for ((status, record_type, pool), sums) in &snapshot.aggregate.kinds {
            if failed.contains(&status.as_ref()) {
                sink.gauge(
                    labels.with(&[&labels.project, status, record_type, pool]),
                    sums.counted.into(),
                );
            }
        }
    }
}

fn write_moments(projects: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::SCREEN_RECORDS_OLDEST_START_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        for ((status, pool), start) in &snapshot.aggregate.oldest_start {
            sink.gauge(labels.with(&[&labels.project, status, pool]), start.as_seconds().into());
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_OLDEST_UPDATE_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        for ((status, pool), update) in &snapshot.aggregate.oldest_update {
            sink.gauge(labels.with(&[&labels.project, status, pool]), update.as_seconds().into());
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_NEWEST_START_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        if let Some(newest) = snapshot.aggregate.newest_start {
            sink.gauge(labels.with(&[&labels.project]), newest.as_seconds().into());
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_REPORTED);
    for (labels, snapshot) in shown(projects) {
        if let Some(reported) = snapshot.summary.reported {
            sink.gauge(labels.with(&[&labels.project]), reported.into());
        }
    }
    sink.family(&catalog::SCREEN_RECORDS_OLDEST_READ_TIMESTAMP_SECONDS);
    for (labels, snapshot) in shown(projects) {
        sink.gauge(labels.with(&[&labels.project]), snapshot.read_from.as_seconds().into());
    }
    sink.family(&catalog::DESKTOP_POOL_INFO);
    for (labels, snapshot) in shown(projects) {
        for pool in &snapshot.pools {
            sink.gauge(labels.with(&[&labels.project, &pool.id, &pool.name]), true.into());
        }
    }
}

/// What is shown of a project whatever happens.
fn write_state(projects: &[ProjectView], sink: &mut dyn Sink) {
    sink.family(&catalog::SCREEN_RECORDS_WINDOW_SECONDS);
    for view in projects {
        sink.gauge(view.labels.with(&[view.project()]), view.window_seconds.into());
    }
    sink.family(&catalog::SCREEN_RECORDS_UP);
    for view in projects {
        sink.gauge(view.labels.with(&[view.project()]), view.up.into());
    }
    sink.family(&catalog::SCREEN_RECORDS_SNAPSHOT_TIMESTAMP_SECONDS);
    for view in projects {
        if let Some(snapshot) = &view.snapshot {
            sink.gauge(view.labels.with(&[view.project()]), snapshot.completed.as_seconds().into());
        }
    }
}

//! What is served: one immutable [`Snapshot`] for each project.
//!
//! Every answer takes the snapshot of a project once, so all that it says about the project comes from
//! one state of it.

mod aggregate;
mod counters;
mod failed;
mod polls;
mod user_names;

pub use aggregate::{Aggregate, InFlightLabels, KindLabels, UserLabels};
pub use counters::{CounterHold, CounterView, ServedCounters};
pub use failed::{FailedRecord, FailedRecords, ShownFailure, failed_records};
pub use polls::{PollCounters, PollDurations};
pub use user_names::UserNames;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use records_api::record::Timestamp;
use records_api::{DesktopPool, SignIn};
use tokio::time::Instant;

use crate::sync::{Mode, ReadSummary};

/// Everything that is served about a project, except what changes by time alone.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Labels of the project's series.
    pub labels: Arc<ProjectLabels>,
    /// Rises with each change: equal revisions of a project are equal snapshots.
    pub revision: u64,
    /// Length of the window.
    pub window: Duration,
    /// The records of the last complete poll of this process, however old.
    pub records: Option<Arc<RecordsSnapshot>>,
    /// Why the last poll failed, if it did.
    pub failure: Option<Failure>,
    /// The counters, ordered by family and labels.
    pub counters: Arc<[CounterView]>,
    /// The newest failed records, the newest first. Empty before the first complete poll.
    pub failed: Arc<[FailedRecord]>,
    /// Figures of the ledger.
    pub ledger: LedgerFigures,
    /// How the window is kept up to date.
    pub mode: SyncMode,
    /// The polls that have finished, including the one that this snapshot shows.
    pub polls: PollCounters,
    /// Requests to the records API that the last finished poll made.
    pub poll_api_requests: Option<u64>,
    /// When counting began, once it has.
    pub counting_since: Option<Timestamp>,
    /// When the last complete poll began, maybe one of an earlier process.
    pub last_poll: Option<Timestamp>,
    /// How users are named.
    pub users: UserNames,
}

/// The records of one complete poll.
#[derive(Debug, Clone)]
pub struct RecordsSnapshot {
    /// The records, added up by label.
    pub aggregate: Aggregate,
    /// Facts about the reading.
    pub summary: ReadSummary,
    /// When the least recently read record was read.
    pub oldest_read: Timestamp,
    /// When the poll was complete.
    pub completed: Timestamp,
    /// The same by a clock that nobody sets.
    pub completed_at: Instant,
    /// The desktop pools, as far as they are known.
    pub pools: Vec<DesktopPool>,
}

/// Labels of a project's series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectLabels {
    /// The label `project`.
    pub project: String,
    /// Constant labels, names and values.
    pub constant: Vec<(String, String)>,
}

/// Figures of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerFigures {
    /// Number of records, including ones that the API no longer lists.
    pub records: u64,
    /// Size on disk in bytes.
    pub bytes: u64,
    /// Number of names: pools, users, statuses and types.
    pub names: u64,
    /// Number of users folded into `_other`.
    pub folded_users: u64,
    /// Number of pools folded into `_other`.
    pub folded_pools: u64,
}

/// Why the last poll failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Path and query of the request that failed, with the method in front unless it is GET.
    pub request: Option<String>,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// When the first of the consecutive failures happened.
    pub since: Timestamp,
}

/// How the window is kept up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// No poll was complete yet.
    FirstSync,
    /// A poll reads what can have changed.
    Incremental,
    /// The same, but the API refuses or ignores the status filter.
    NoStatusFilter,
    /// The same, but the API returns no usable counts.
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

impl Snapshot {
    /// The snapshot of a project about which nothing is known yet.
    pub fn new(labels: Arc<ProjectLabels>, window: Duration) -> Self {
        Self {
            labels,
            revision: 0,
            window,
            records: None,
            failure: None,
            counters: Arc::default(),
            failed: Arc::default(),
            ledger: LedgerFigures::default(),
            mode: SyncMode::FirstSync,
            polls: PollCounters::default(),
            poll_api_requests: None,
            counting_since: None,
            last_poll: None,
            users: UserNames::default(),
        }
    }

    /// The label `project`.
    pub fn project(&self) -> &str {
        &self.labels.project
    }

    /// Whether the last poll succeeded.
    pub fn up(&self) -> bool {
        self.failure.is_none() && self.records.is_some()
    }

    /// The same without what tells the records and failures of another project, endpoint or filter.
    /// Counters go on.
    pub fn forget_records(&mut self) {
        self.records = None;
        self.failed = Arc::default();
        self.last_poll = None;
    }

    /// Removes the figures by user: they are no longer to be named as they were.
    pub fn forget_users(&mut self) {
        if let Some(records) = &mut self.records {
            Arc::make_mut(records).aggregate.users.clear();
        }
    }

    /// The failed records as people see them.
    pub fn failed_records(&self, is_stale: bool) -> FailedRecords {
        FailedRecords {
            project: self.project().to_owned(),
            users: self.users.clone(),
            as_of: self.records.as_ref().map(|records| records.completed).or(self.last_poll),
            is_stale: is_stale || self.records.is_none(),
            records: self.failed.clone(),
            snapshot: self.records.clone(),
        }
    }
}

impl RecordsSnapshot {
    /// Whether the records are older than `max_age` at `now`. The clock that people set may have been
    /// set back, and the other one stands still while the machine sleeps: the one that went further
    /// decides.
    pub fn is_older_than(&self, max_age: Duration, now: Timestamp) -> bool {
        let millis = now.millis().saturating_sub(self.completed.millis());
        let age = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        age.max(self.completed_at.elapsed()) > max_age
    }
}

/// A snapshot at the moment of an answer, with what changes by time alone.
#[derive(Debug, Clone)]
pub struct ProjectView {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The moment of the answer.
    pub at: Instant,
    /// Whether the records are too old to be served.
    pub is_stale: bool,
    /// Progress of the first sync, from 0 to 1.
    pub first_sync_progress: f64,
    /// State of the credentials.
    pub sign_in: SignIn,
}

impl Deref for ProjectView {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl ProjectView {
    /// Notes that the counters are served now. Returns until when time alone changes none of them, if
    /// any is held.
    pub fn held_until(&self) -> Option<Instant> {
        let held = self.counters.iter().filter_map(|counter| counter.held.as_ref());
        held.filter_map(|held| held.served(self.at)).min()
    }

    /// The records, unless they are too old to be served.
    pub fn shown(&self) -> Option<&RecordsSnapshot> {
        self.records.as_deref().filter(|_| !self.is_stale)
    }
}

//! Everything that is served: one immutable [`Snapshot`] per project.
//!
//! Every answer takes the snapshot of a project once, so everything that it says about the project comes
//! from one state.

mod aggregate;
mod counters;
mod desktops;
mod failed;
mod failure_filter;
mod label_forms;
mod polls;
mod project_labels;
mod records;
mod user_names;

pub use aggregate::{Aggregate, InFlightLabels, KindLabels, NameLabels};
pub use counters::{CounterHold, CounterView, ServedCounters};
pub use desktops::{Desktop, PoolDesktops, desktops};
pub use failed::{FailedList, FailedRecord, FailedRecords, ShownFailure};
pub use failure_filter::{FailureFilter, FoundFailures, TextCondition};
pub use polls::{PollCounters, PollDurations};
pub use project_labels::ProjectLabels;
pub use records::RecordsSnapshot;
pub use user_names::UserNames;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use records_api::SignIn;
use records_api::record::Timestamp;
use tokio::time::Instant;

use crate::ledger::LogEnd;
use crate::sync::Mode;

/// Everything that is served about a project, except what changes by time alone.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Labels of the project's series.
    pub labels: Arc<ProjectLabels>,
    /// Incremented by each change. Equal revisions of a project are equal snapshots.
    pub revision: u64,
    /// Length of the window.
    pub window: Duration,
    /// The records of the last complete poll of this process, however old.
    pub records: Option<Arc<RecordsSnapshot>>,
    /// Failure of the last poll, if it failed.
    pub failure: Option<Failure>,
    /// The counters, ordered by family and labels.
    pub counters: Arc<[CounterView]>,
    /// The failed records. Empty before the first complete poll.
    pub failed: FailedList,
    /// The desktops, the longest silent first. Empty before the first complete poll.
    pub desktops: Arc<[Desktop]>,
    /// Size of the ledger.
    pub ledger: LedgerFigures,
    /// Method that keeps the window up to date.
    pub mode: SyncMode,
    /// The polls that have finished, including the one that this snapshot shows.
    pub polls: PollCounters,
    /// Requests to the records API that the last finished poll made.
    pub poll_api_requests: Option<u64>,
    /// Time at which counting began; `None` before the first complete poll.
    pub counting_since: Option<Timestamp>,
    /// Start of the last complete poll, which may belong to an earlier process.
    pub last_poll: Option<Timestamp>,
    /// Form of user names.
    pub users: UserNames,
    /// End of the shared log that it shows; `None` without replicas.
    pub log_end: Option<LogEnd>,
}

/// Size of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerFigures {
    /// Number of records, including ones that the API no longer lists.
    pub records: u64,
    /// Size on disk in bytes.
    pub bytes: u64,
    /// Number of names: pools, users, desktops, buckets, policies, statuses and types.
    pub names: u64,
    /// Number of users folded into `_other`.
    pub folded_users: u64,
    /// Number of pools folded into `_other`.
    pub folded_pools: u64,
    /// Number of buckets folded into `_other`.
    pub folded_buckets: u64,
    /// Number of policies folded into `_other`.
    pub folded_policies: u64,
    /// Number of statuses folded into `_other`.
    pub folded_statuses: u64,
    /// Number of types folded into `_other`.
    pub folded_types: u64,
}

/// Failure of a poll, for pages and commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Path and query of the request that failed, with the method in front unless it is GET.
    pub request: Option<String>,
    /// Error message.
    pub what: String,
    /// Remedy.
    pub remedy: String,
    /// Time of the first of the consecutive failures.
    pub since: Timestamp,
}

/// Method that keeps the window up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// No complete poll yet.
    FirstSync,
    /// A poll reads what may have changed.
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

    /// Returns the label value.
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
    /// Creates the snapshot of a project before its first poll.
    pub fn new(labels: Arc<ProjectLabels>, window: Duration) -> Self {
        Self {
            labels,
            revision: 0,
            window,
            records: None,
            failure: None,
            counters: Arc::default(),
            failed: FailedList::default(),
            desktops: Arc::default(),
            ledger: LedgerFigures::default(),
            mode: SyncMode::FirstSync,
            polls: PollCounters::default(),
            poll_api_requests: None,
            counting_since: None,
            last_poll: None,
            users: UserNames::default(),
            log_end: None,
        }
    }

    /// Returns the label `project`.
    pub fn project(&self) -> &str {
        &self.labels.project
    }

    /// True if the last poll succeeded.
    pub fn up(&self) -> bool {
        self.failure.is_none() && self.records.is_some()
    }

    /// Removes the records and failures, which belong to another project, endpoint or filter. Counters
    /// stay.
    pub fn forget_records(&mut self) {
        self.records = None;
        self.failed = FailedList::default();
        self.desktops = Arc::default();
        self.last_poll = None;
    }

    /// Removes the aggregates by user, whose names have another form now.
    pub fn forget_users(&mut self) {
        if let Some(records) = &mut self.records {
            Arc::make_mut(records).aggregate.users.clear();
        }
    }

    /// Returns the failed records.
    pub fn failed_records(&self, is_stale: bool) -> FailedRecords {
        FailedRecords {
            project: self.project().to_owned(),
            users: self.users.clone(),
            value_limit: self.labels.value_limit,
            as_of: self.records.as_ref().map(|records| records.poll.completed).or(self.last_poll),
            is_stale: is_stale || self.records.is_none(),
            counting_since: self.counting_since,
            list: self.failed.clone(),
            desktops: self.desktops.clone(),
            snapshot: self.records.clone(),
        }
    }
}

/// Degree to which the database that replicas share confirms what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Nothing newer is committed. Always, if the state is in a directory.
    Current,
    /// The database does not answer, but this replica leads, so nobody else can have committed.
    LeaseOnly,
    /// Nothing newer is committed, but no replica polls.
    Unpolled,
    /// Something newer may be committed. No counters are served.
    Unknown,
}

/// A snapshot at the time of an answer, with the values that depend on that time.
#[derive(Debug, Clone)]
pub struct ProjectView {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Time of the answer.
    pub at: Instant,
    /// Degree to which the database confirms the snapshot. Equal revisions with equal confirmations are served equally.
    pub confirmation: Confirmation,
    /// True if the records are too old to be served.
    pub is_stale: bool,
    /// Progress of the first sync, from 0 to 1.
    pub first_sync_progress: f64,
    /// State of the credentials.
    pub sign_in: SignIn,
    /// Number of rows requested per page.
    pub page_size: u32,
}

impl Deref for ProjectView {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl ProjectView {
    /// Notes that the counters are served now. Returns the time at which the first hold ends, if any
    /// counter is held.
    pub fn held_until(&self) -> Option<Instant> {
        let held = self.counters.iter().filter_map(|counter| counter.held.as_ref());
        held.filter_map(|held| held.served(self.at)).min()
    }

    /// Returns the records, unless they are too old to be served.
    pub fn shown(&self) -> Option<&RecordsSnapshot> {
        self.records.as_deref().filter(|_| !self.is_stale)
    }
}

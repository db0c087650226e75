//! Options of a project's polls.

use std::time::Duration;

use super::users::Users;
use crate::ledger::LabelLimits;
use crate::snapshot::ProjectLabels;
use records_api::RecordsFilter;

/// Event that starts a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// A scrape, if a poll is due.
    Scrape,
    /// A timer.
    Background,
}

/// Options of a project's polls: the section `poll` of the config, and the project's own keys.
#[derive(Debug, Clone)]
pub struct PollOptions {
    /// Event that starts a poll.
    pub mode: PollMode,
    /// Minimum time between the starts of two polls. A poll may start a tenth of it earlier.
    pub min_interval: Duration,
    /// Lease of the leader among replicas that share the state. Has no effect without replicas.
    pub lease: Duration,
    /// Length of the window before the start of a poll. Records that start in it are read.
    pub window: Duration,
    /// Maximum age of a snapshot whose records are served.
    pub max_staleness: Duration,
    /// Time limit for reading the names of the desktop pools.
    pub pools_timeout: Duration,
    /// True if the names of the desktop pools are read.
    pub pool_names: bool,
    /// Records to read.
    pub filter: RecordsFilter,
    /// Every record of the window is read again within this time.
    pub reconcile_interval: Duration,
    /// Time for which a new series shows its last known value.
    pub counter_hold: Duration,
    /// Maximum number of records that the project may hold.
    pub max_records: usize,
    /// Form of the label `user`.
    pub users: Users,
    /// Maximum number of users with series of their own.
    pub max_users: usize,
    /// Maximum number of pools with series of their own.
    pub max_pools: usize,
    /// Maximum number of buckets with series of their own.
    pub max_buckets: usize,
    /// Maximum number of policies with series of their own.
    pub max_policies: usize,
}

impl PollOptions {
    pub(super) fn label_limits(&self, labels: &ProjectLabels) -> LabelLimits {
        LabelLimits {
            users: self.max_users,
            pools: self.max_pools,
            buckets: self.max_buckets,
            policies: self.max_policies,
            value_bytes: labels.value_limit,
        }
    }

    /// Returns the time without commits after which replicas count as restarted.
    pub(super) fn start_gap(&self) -> Duration {
        2 * self.lease + 3 * self.min_interval
    }

    pub(super) fn reconcile_millis(&self) -> i64 {
        i64::try_from(self.reconcile_interval.as_millis()).unwrap_or(i64::MAX)
    }
}

//! How a project is polled.

use std::time::Duration;

use super::users::Users;
use crate::ledger::LabelLimits;
use records_api::RecordsFilter;

/// What starts a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// A scrape that finds one due.
    Scrape,
    /// Time alone.
    Background,
}

/// How a project is polled. The keys of the config's section `poll`, and what is the project's own.
#[derive(Debug, Clone)]
pub struct PollOptions {
    /// What starts a poll.
    pub mode: PollMode,
    /// Time from the start of a poll to the start of the next, less a tenth.
    pub min_interval: Duration,
    /// Records that began within this long before the poll are read.
    pub window: Duration,
    /// The figures of an older snapshot are not shown.
    pub max_staleness: Duration,
    /// Time for the names of the pools.
    pub pools_timeout: Duration,
    /// Whether the names of the pools are read.
    pub pool_names: bool,
    /// Which records.
    pub filter: RecordsFilter,
    /// Every record of the window is read again at least this often.
    pub reconcile_interval: Duration,
    /// How long a series that appears shows its last known value.
    pub counter_hold: Duration,
    /// How users are named.
    pub users: Users,
    /// Most values of labels that are shown as themselves.
    pub max_users: usize,
    /// The same for pools.
    pub max_pools: usize,
}

impl PollOptions {
    pub(super) fn label_limits(&self) -> LabelLimits {
        LabelLimits { users: self.max_users, pools: self.max_pools }
    }

    pub(super) fn reconcile_millis(&self) -> i64 {
        i64::try_from(self.reconcile_interval.as_millis()).unwrap_or(i64::MAX)
    }
}

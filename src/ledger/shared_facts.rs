//! Facts that replicas serve beside records and counters. Only a shared log holds them: without
//! replicas, each process has its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use records_api::DesktopPool;
use records_api::record::{RejectionReason, Timestamp};

/// Facts that replicas serve beside records and counters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedFacts {
    /// The last complete poll.
    pub served: Option<ServedPoll>,
    /// The last poll, if it failed.
    pub failed: Option<FailedPoll>,
    /// The desktop pools, as far as they are known.
    pub pools: Vec<DesktopPool>,
    /// Time of the last commit that ended a poll.
    pub committed: Option<Timestamp>,
}

/// Facts about a complete poll.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServedPoll {
    /// Completion of the poll.
    pub completed: Timestamp,
    /// Time of the oldest read that the records still rely on.
    pub oldest_read: Timestamp,
    /// The API's count of the window; `None` if it gave no usable one.
    pub reported: Option<u64>,
    /// Number of rejected rows of the window, by reason.
    pub rejected: BTreeMap<RejectionReason, u64>,
    /// Number of records of the window with a value that could not be interpreted, by field.
    pub unknown_values: BTreeMap<String, u64>,
    /// Milliseconds for which a new series shows its last known value.
    pub hold_millis: u64,
    /// Length of the window in milliseconds.
    pub window_millis: u64,
    /// Maximum number of pools with series of their own.
    pub max_pools: u64,
}

/// A failed poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedPoll {
    /// Time of the failure.
    pub at: Timestamp,
    /// Path and query of the request that failed, with the method in front unless it is GET.
    pub request: Option<String>,
    /// Error message.
    pub what: String,
    /// Remedy.
    pub remedy: String,
    /// Time of the first of the consecutive failures.
    pub since: Timestamp,
    /// As in [`ServedPoll`].
    pub hold_millis: u64,
}

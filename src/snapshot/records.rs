//! The records of one complete poll.

use std::time::Duration;

use tokio::time::Instant;

use super::aggregate::Aggregate;
use crate::ledger::ServedPoll;
use records_api::DesktopPool;
use records_api::record::Timestamp;

/// The records of one complete poll.
#[derive(Debug, Clone)]
pub struct RecordsSnapshot {
    /// The records, aggregated by labels.
    pub aggregate: Aggregate,
    /// Facts about the poll.
    pub poll: ServedPoll,
    /// Completion of the poll by the monotonic clock, or the time at which this replica learned of it.
    pub completed_at: Instant,
    /// The desktop pools, as far as they are known.
    pub pools: Vec<DesktopPool>,
}

impl RecordsSnapshot {
    /// True if the records are older than `max_age` at `now`. The larger of two ages decides: the wall
    /// clock may have been set back, and the monotonic clock stops while the machine sleeps.
    pub fn is_older_than(&self, max_age: Duration, now: Timestamp) -> bool {
        let millis = now.millis().saturating_sub(self.poll.completed.millis());
        let age = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        age.max(self.completed_at.elapsed()) > max_age
    }
}

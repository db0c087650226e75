//! The last snapshot, and how old it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::exposition::SnapshotView;
use records_api::record::Timestamp;

/// A snapshot that was published.
#[derive(Debug)]
pub(super) struct Published {
    snapshot: Arc<SnapshotView>,
    /// When, by a clock that nobody sets.
    at: Instant,
}

impl Published {
    /// A snapshot that is published now.
    pub(super) fn new(snapshot: SnapshotView) -> Self {
        Self { snapshot: Arc::new(snapshot), at: Instant::now() }
    }

    /// The same without its figures by user: what it named them by is not to be shown any more.
    pub(super) fn without_users(self) -> Self {
        let mut snapshot = Arc::unwrap_or_clone(self.snapshot);
        snapshot.aggregate.users.clear();
        Self { snapshot: Arc::new(snapshot), ..self }
    }

    /// What it shows.
    pub(super) fn view(&self) -> Arc<SnapshotView> {
        self.snapshot.clone()
    }

    /// Whether it is older than this at `now`. The clock that gave it may have been set back, and
    /// the other one stands still while the machine sleeps: the one that has gone further counts.
    pub(super) fn is_older_than(&self, most: Duration, now: Timestamp) -> bool {
        let millis = now.millis().saturating_sub(self.snapshot.completed.millis());
        let age = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        age.max(self.at.elapsed()) > most
    }
}

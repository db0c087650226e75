//! The names of the desktop pools: read seldom, never a reason to fail a poll.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout};

use crate::log_throttle::LogThrottle;
use crate::snapshot::Aggregate;
use records_api::{Client, DesktopPool};

/// What is known of the pools.
#[derive(Debug)]
pub(in crate::project) struct PoolNames {
    project: String,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Vec<DesktopPool>,
    /// Pools of records that the API had no name for when it was last asked: deleted ones.
    nameless: BTreeSet<String>,
    asked: Option<Instant>,
    log_throttle: LogThrottle,
}

/// Names hardly change; that of a new pool is looked up sooner.
const REFRESH: Duration = Duration::from_secs(3600);
const REFRESH_FOR_NEW: Duration = Duration::from_secs(300);

impl PoolNames {
    /// Nothing is known yet; asking may take `patience`.
    pub(in crate::project) fn new(project: String, patience: Duration) -> Self {
        Self { project, patience, state: Mutex::default() }
    }

    /// The names: fresh enough, or read now, or the last known.
    pub(in crate::project) async fn refresh(&self, client: &Client, aggregate: &Aggregate) -> Vec<DesktopPool> {
        if !self.claim(aggregate) {
            return self.state().known.clone();
        }
        let failures = match timeout(self.patience, client.desktop_pools()).await {
            Ok(Ok(pools)) => {
                let mut state = self.state();
                state.log_throttle = LogThrottle::default();
                state.known.clone_from(&pools);
                let ids = aggregate.kinds.keys().map(|(_, _, pool)| pool);
                state.nameless =
                    ids.filter(|pool| !state.names(pool)).map(ToString::to_string).collect();
                return pools;
            }
            Ok(Err(error)) => (error.to_string(), error.remedy()),
            Err(_) => ("the API took too long".to_owned(), "nothing: it is asked again".to_owned()),
        };
        let mut state = self.state();
        let (error, remedy) = failures;
        if state.log_throttle.is_due(remedy.clone()) {
            let project = &self.project;
            let asked = client.pools_path();
            tracing::info!(
                project,
                asked,
                error,
                remedy,
                "the names of the desktop pools are unknown"
            );
        }
        state.known.clone()
    }

    /// Takes the right to ask, if it is time.
    fn claim(&self, aggregate: &Aggregate) -> bool {
        let mut state = self.state();
        let is_new = |pool: &str| !state.names(pool) && !state.nameless.contains(pool);
        let has_new = aggregate.kinds.keys().any(|(_, _, pool)| is_new(pool));
        let pause = if has_new { REFRESH_FOR_NEW } else { REFRESH };
        let is_due = state.asked.is_none_or(|asked| asked.elapsed() >= pause);
        if is_due {
            state.asked = Some(Instant::now());
        }
        is_due
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Whether a pool has a name, or is none that could have one.
    fn names(&self, pool: &str) -> bool {
        matches!(pool, "_none" | "_other") || self.known.iter().any(|known| known.id == pool)
    }
}

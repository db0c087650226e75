//! Names of the desktop pools. They are read rarely, and a failure does not fail the poll.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use records_api::{ApiError, Client, DesktopPool, Fingerprint, LogThrottle, MAX_POOLS};

/// Names of the desktop pools of a project.
#[derive(Debug)]
pub(in crate::project) struct PoolNames {
    project: String,
    /// Time limit for reading them.
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Vec<DesktopPool>,
    /// Pools of records for which the API had no name when it was last asked, such as deleted pools.
    /// Without them, each poll would ask for the names again.
    nameless: BTreeSet<Arc<str>>,
    requested: Option<Instant>,
    /// Failed requests in a row.
    failures: u32,
    /// The credentials of the last request, if it failed.
    failed_with: Option<Fingerprint>,
    log_throttle: LogThrottle,
}

/// Time between two requests for the names.
const REFRESH: Duration = Duration::from_secs(3600);
/// The same, if a pool without a known name has appeared.
const REFRESH_FOR_NEW: Duration = Duration::from_secs(300);
/// The same after the second failure in a row; it doubles with each further one. After the first failure,
/// the next poll requests the names again, because it may have been about something else.
const REFRESH_AFTER_FAILURE: Duration = Duration::from_secs(60);

impl PoolNames {
    pub(in crate::project) fn new(project: String, timeout: Duration) -> Self {
        Self { project, timeout, state: Mutex::default() }
    }

    /// Returns the names. Reads them if it is time to, and otherwise or after a failure returns the last
    /// known ones. `pools` are those that have records.
    pub(in crate::project) async fn refresh(
        &self,
        client: &Client,
        pools: &BTreeSet<Arc<str>>,
    ) -> Vec<DesktopPool> {
        let credentials = client.configured_credentials();
        if !self.claim(pools, credentials) {
            return self.state.lock().known.clone();
        }
        let (error, remedy) = match timeout(self.timeout, client.desktop_pools()).await {
            Ok(Ok(known)) => {
                if known.len() >= MAX_POOLS {
                    tracing::warn!(
                        project = self.project,
                        "the API has {MAX_POOLS} or more desktop pools: further ones have no names"
                    );
                }
                let mut state = self.state.lock();
                if std::mem::take(&mut state.failures) > 0 {
                    let project = &self.project;
                    tracing::info!(project, "names of desktop pools can be read again");
                }
                state.log_throttle = LogThrottle::default();
                state.failed_with = None;
                state.known.clone_from(&known);
                let nameless = pools.iter().filter(|pool| !state.names(pool));
                state.nameless = nameless.cloned().collect();
                return known;
            }
            // No request was made, so nothing was learned.
            Ok(Err(ApiError::HeldBack { .. })) => return self.state.lock().known.clone(),
            Ok(Err(error)) => (error.to_string(), error.remedy()),
            Err(_) => {
                let remedy = "nothing to do: the exporter tries again".to_owned();
                (format!("timeout after {:?}", self.timeout), remedy)
            }
        };
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.failed_with = credentials;
        if state.log_throttle.is_due(remedy.clone()) {
            let (project, request) = (&self.project, client.pools_path());
            tracing::info!(
                project,
                request,
                error,
                remedy,
                "cannot read the names of desktop pools"
            );
        }
        state.known.clone()
    }

    /// Claims the right to read the names. Returns false if it is too early.
    fn claim(&self, pools: &BTreeSet<Arc<str>>, credentials: Option<Fingerprint>) -> bool {
        let mut state = self.state.lock();
        let is_new = |pool: &str| !state.names(pool) && !state.nameless.contains(pool);
        let has_new = pools.iter().any(|pool| is_new(pool));
        let pause = match state.failures {
            0 if has_new => REFRESH_FOR_NEW,
            0 => REFRESH,
            1 => Duration::ZERO,
            failures => (REFRESH_AFTER_FAILURE * (1 << (failures - 2).min(16))).min(REFRESH),
        };
        // Others may be permitted to.
        let has_others = state.failed_with.is_some() && state.failed_with != credentials;
        let is_due =
            has_others || state.requested.is_none_or(|requested| requested.elapsed() >= pause);
        if is_due {
            state.requested = Some(Instant::now());
        }
        is_due
    }
}

impl State {
    /// True if the pool has a known name.
    fn names(&self, pool: &str) -> bool {
        self.known.iter().any(|known| known.id == pool)
    }
}

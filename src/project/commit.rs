//! Commits of a poll, in a thread that may wait for the disk.

use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::error::{PollError, Reason};
use super::state::ProjectState;
use crate::ledger::CommitError;
use records_api::run_blocking;

/// Maximum number of commits at the same time. While a database is silent each takes a thread, and answers need
/// some, too.
static COMMITS: Semaphore = Semaphore::const_new(256);

/// Changes the state in a thread that may block, unless the poll is `cancelled` by then. A cancelled
/// change never completes.
///
/// # Errors
///
/// [`Reason::State`] if the commit failed, [`Reason::Panicked`] if it panicked.
pub(super) async fn commit<T: Send + 'static>(
    state: &Arc<Mutex<ProjectState>>,
    cancelled: &CancellationToken,
    change: impl FnOnce(&mut ProjectState) -> Result<T, CommitError> + Send + 'static,
) -> Result<T, PollError> {
    let (state, cancelled) = (state.clone(), cancelled.clone());
    let permit = COMMITS.acquire().await;
    let committed = run_blocking(move || {
        let _permit = permit;
        let mut state = state.lock();
        // The thread outlives a cancelled poll. By now, the next poll may have read the ledger, and a
        // commit would change what its staging was compared with.
        (!cancelled.is_cancelled()).then(|| change(&mut state))
    });
    match committed.await.map_err(|_| Reason::Panicked)? {
        Some(committed) => Ok(committed.map_err(Reason::State)?),
        // The poll is cancelled, too. Any result could be taken for that of the poll.
        None => pending().await,
    }
}

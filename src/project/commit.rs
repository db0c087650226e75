//! Commits of a poll, in a thread that may wait for the disk.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::error::{PollError, Reason};
use super::state::ProjectState;
use crate::ledger::CommitError;

/// Changes the state in a thread that may block, unless `replaced` is cancelled by then.
///
/// # Errors
///
/// [`Reason::State`] if the commit failed, [`Reason::Panicked`] if it panicked.
pub(super) async fn commit<T: Send + 'static>(
    state: &Arc<Mutex<ProjectState>>,
    replaced: &CancellationToken,
    change: impl FnOnce(&mut ProjectState) -> Result<T, CommitError> + Send + 'static,
) -> Result<T, PollError> {
    let (state, replaced) = (state.clone(), replaced.clone());
    let committed = spawn_blocking(move || {
        let mut state = state.lock();
        // The thread outlives a cancelled poll. By now, the next poll may have read the ledger, and a
        // commit would change what its staging was compared with.
        (!replaced.is_cancelled()).then(|| change(&mut state))
    });
    // A cancelled poll does not wait for its commit, so nobody sees the reason then.
    let committed = committed.await.ok().flatten().ok_or(Reason::Panicked)?;
    Ok(committed.map_err(Reason::State)?)
}

//! The log of a project that replicas share.
//!
//! One replica leads the project and appends; the others apply what it appended. A follower's ledger is the
//! one that a restart would read from the log, so a follower that becomes the leader continues as after a
//! restart.

use std::fmt;
use std::time::Duration;

use super::journal::CommitError;

/// End of a shared log. Each append and each leadership gives another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogEnd {
    /// Number of the leadership. Grows by one with each.
    pub epoch: i64,
    /// Random number of the leadership.
    pub token: i64,
    /// Random number of the frames. A rewrite changes it.
    pub base: i64,
    /// Number of the first frame of the base, which begins with a whole state.
    pub first: i64,
    /// Number of the first frame after that state.
    pub appended: i64,
    /// Number of the next frame.
    pub next: i64,
}

/// The log of a project, as long as this replica leads the project.
pub trait SharedLog: fmt::Debug + Send + Sync {
    /// Returns the end of the log.
    fn end(&self) -> LogEnd;

    /// Appends the frames of one commit, all or none. The next poll is due in `due_in`.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: unless the replica still leads, the log may have the frames or not, and must be
    /// read before anything else is written.
    fn append(&mut self, frames: &[Vec<u8>], due_in: Duration) -> Result<(), CommitError>;

    /// Replaces all frames by ones that hold the whole state.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the log has the old frames or the new ones. If it has the new ones, the next append
    /// fails.
    fn rewrite(
        &mut self,
        frames: &mut (dyn Iterator<Item = Vec<u8>> + Send),
    ) -> Result<(), CommitError>;
}

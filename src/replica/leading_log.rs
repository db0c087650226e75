//! The log of a project that this replica leads.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::member::{LeaseEnd, log_end};
use crate::instruments::Instruments;
use crate::ledger::{CommitError, LogEnd, SharedLog};
use state_database::{Database, Leadership, WriteError};

/// Time that a lost answer to a commit may take to be found out about.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);
/// Time limit of a statement of a rewrite.
const REWRITE_LIMIT: Duration = Duration::from_secs(30);

/// The log of a project that this replica leads. Its methods block the thread.
#[derive(Debug)]
pub(super) struct LeadingLog {
    pub(super) database: Arc<Database>,
    pub(super) leadership: Leadership,
    pub(super) duration: Duration,
    pub(super) lease: Arc<LeaseEnd>,
    pub(super) runtime: Handle,
    /// Wakes the task that reads the log after a leadership was lost.
    pub(super) wake: Arc<Notify>,
    pub(super) instruments: Arc<Instruments>,
}

impl LeadingLog {
    /// Returns the error of a write, and notes whether the leadership is lost.
    fn failed(&self, error: &WriteError) -> CommitError {
        let remedy = match error {
            WriteError::NotWritten(error) | WriteError::Unknown(error) => error.remedy(),
            WriteError::Fenced => {
                "nothing to do: this replica was paused, cut off or slow, and another one polls now"
            }
        };
        if !matches!(error, WriteError::NotWritten(_)) {
            let is_new = self.lease.lose();
            if is_new && matches!(error, WriteError::Fenced) {
                self.instruments.replicas().fenced();
            }
            self.wake.notify_one();
        }
        self.error(&error.to_string(), remedy)
    }

    fn error(&self, error: &str, remedy: &'static str) -> CommitError {
        let place = format!("in {}", self.database.address());
        CommitError::of_log(&place, error, remedy)
    }

    /// Fails if the leadership is lost.
    fn check(&self) -> Result<(), CommitError> {
        if self.lease.is_lost() {
            return Err(self.failed(&WriteError::Fenced));
        }
        Ok(())
    }
}

impl SharedLog for LeadingLog {
    fn end(&self) -> LogEnd {
        log_end(self.leadership.position())
    }

    fn append(&mut self, frames: &[Vec<u8>], due_in: Duration) -> Result<(), CommitError> {
        self.check()?;
        let sent = Instant::now();
        let append = self.database.append(&mut self.leadership, frames, due_in, RESOLVE_LIMIT);
        let appended = self.runtime.block_on(append);
        appended.map_err(|error| self.failed(&error))?;
        self.instruments.replicas().round_trip(sent.elapsed());
        self.lease.extended(sent, self.duration);
        Ok(())
    }

    fn rewrite(
        &mut self,
        frames: &mut (dyn Iterator<Item = Vec<u8>> + Send),
    ) -> Result<(), CommitError> {
        self.check()?;
        let rewrite = self.database.rewrite(&mut self.leadership, frames, REWRITE_LIMIT);
        let rewritten = self.runtime.block_on(rewrite);
        rewritten.map_err(|error| self.failed(&error))?;
        let (database, name) = (self.database.clone(), self.leadership.project().to_owned());
        let position = self.leadership.position();
        // The commit does not wait for it. Frames that stay take space, and the next rewrite deletes them.
        self.runtime.spawn(async move {
            loop {
                match database.delete_old_frames(&name, position, REWRITE_LIMIT).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::debug!(project = name, %error, "old frames stay in the log");
                        break;
                    }
                }
            }
        });
        Ok(())
    }
}

//! Ledger of a replica: it applies what others append to a shared log, or leads it and appends.

use super::KeptNames;
use super::durable::DurableLedger;
use super::growth::Growth;
use super::journal::{CommitError, read_frame};
use super::replica::{Replica, hash};
use super::shared_log::{LogEnd, SharedLog};

impl DurableLedger {
    /// Creates the ledger of a replica that has read nothing of the log yet.
    pub fn following() -> Self {
        Self::shared(Replica::default())
    }

    /// Returns the end of what the ledger holds of a shared log; `None` without one.
    pub fn log_end(&self) -> Option<LogEnd> {
        self.replica().map(Replica::end)
    }

    /// Returns whether transitions are written to a shared log.
    pub fn is_shared(&self) -> bool {
        self.replica().is_some()
    }

    /// Returns whether this replica may append to the shared log.
    pub fn is_leading(&self) -> bool {
        self.replica().is_some_and(|replica| replica.log.is_some())
    }

    /// Appends to a shared log from now on, whose end must be that of this ledger.
    pub fn lead(&mut self, log: Box<dyn SharedLog>) {
        // Their numbers may be used again now: the first commit rewrites the log.
        if self.needs_new_file() {
            self.ledger_mut().release_unused();
        }
        if let Some(replica) = self.replica_mut() {
            replica.log = Some(log);
        }
    }

    /// Follows the shared log from now on.
    pub fn follow(&mut self) {
        if let Some(replica) = self.replica_mut() {
            replica.end = replica.end();
            replica.log = None;
        }
    }

    /// Reads a log from its beginning.
    pub fn follow_from(&mut self, end: LogEnd) {
        if let Some(replica) = self.replica_mut() {
            replica.end = LogEnd { epoch: 0, token: 0, next: end.first, ..end };
        }
    }

    /// Forgets the names that this replica does not show. The leader forgets its own, and the log does not
    /// tell. Their numbers stay, because the leader may use them. If the log holds any, this replica removes
    /// them when it leads.
    pub fn follow_names(&mut self, kept: KeptNames) {
        if self.ledger_mut().keep_names(kept) {
            self.need_new_file();
        }
    }

    /// Moves to a log that was rewritten from exactly what this ledger holds.
    pub fn follow_rewrite(&mut self, end: LogEnd) {
        self.ledger_mut().release_unused();
        if let Some(replica) = self.replica_mut() {
            replica.end = LogEnd { next: end.appended, ..end };
            replica.last_frame = None;
            replica.growth = Growth::of_base(replica.growth.bytes());
        }
    }

    /// Applies the next frame of the shared log.
    ///
    /// # Errors
    ///
    /// The reason why the frame cannot be valid. The ledger must not be used any more.
    pub fn apply_frame(&mut self, frame: &[u8]) -> Result<(), String> {
        let ledger = self.ledger_mut();
        read_frame(frame, |entry| ledger.replay(entry))?;
        if let Some(replica) = self.replica_mut() {
            replica.last_frame = Some(hash(frame));
            replica.end.next += 1;
            let is_state = replica.end.next <= replica.end.appended;
            replica.growth.add(frame.len() as u64, is_state);
        }
        Ok(())
    }

    /// Returns whether a frame is the last one that the ledger holds, as far as that is known. Another one in
    /// its place means that the log went back in time.
    pub fn ends_with(&self, frame: &[u8]) -> bool {
        let last = self.replica().and_then(|replica| replica.last_frame);
        last.is_none_or(|last| last == hash(frame))
    }

    /// Returns whether [`Self::ends_with`] can tell.
    pub fn knows_last_frame(&self) -> bool {
        self.replica().is_some_and(|replica| replica.last_frame.is_some())
    }

    /// Writes the whole state into a shared log, which takes the place of where it was kept.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the log has the state or nothing.
    pub fn move_to_log(&mut self, log: Box<dyn SharedLog>) -> Result<(), CommitError> {
        self.store_in_log();
        self.restore(log)
    }

    /// Appends to a shared log from now on, after writing the whole state into it.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the ledger follows.
    pub fn restore(&mut self, log: Box<dyn SharedLog>) -> Result<(), CommitError> {
        self.lead(log);
        let rewritten = self.rewrite_shared();
        if rewritten.is_err() {
            self.follow();
        }
        rewritten
    }

    /// Completes the ledger after the frames up to the end of a commit, which is the one of the log.
    ///
    /// # Errors
    ///
    /// The reason why the frames together cannot be valid. The ledger must not be used any more.
    pub fn end_frames(&mut self, end: LogEnd) -> Result<(), String> {
        let is_first = self.replica().is_some_and(|replica| replica.end.token == 0);
        let ledger = self.ledger_mut();
        // The first time, all names are checked, which takes time for each record.
        if is_first {
            ledger.end_replay()?;
        } else {
            ledger.end_changes();
            ledger.note_size();
        }
        if let Some(replica) = self.replica_mut() {
            replica.end = end;
        }
        Ok(())
    }
}

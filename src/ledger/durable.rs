//! Ledger with the journal that makes its transitions durable.

use std::ops::Deref;
use std::path::Path;

use super::journal::{
    CommitError, Journal, OpenError, ReadError, SetAside, frames, read_frame, set_aside,
};
use super::{KeptNames, Ledger, Transition};
use records_api::record::Timestamp;

/// Ledger with its journal, if it has one.
#[derive(Debug, Default)]
pub struct DurableLedger {
    ledger: Ledger,
    /// `None` keeps the ledger in memory only.
    journal: Option<Journal>,
    /// Names that are kept; `None` before [`Self::keep_names`].
    kept: Option<KeptNames>,
    /// True if the next commit writes a new file: this one may hold names that the ledger has forgotten,
    /// or has records of an earlier format.
    needs_new_file: bool,
}

impl DurableLedger {
    /// Opens the state in a file, or creates the file and its directory. A damaged file is renamed,
    /// and counting begins again.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the file is in use, has a newer format, or cannot be used.
    pub fn open(path: &Path, now: Timestamp) -> Result<(Self, Option<SetAside>), OpenError> {
        match Self::read(path) {
            Ok(durable) => Ok((durable, None)),
            Err(ReadError::Refused(error)) => Err(error),
            // Refusing to start would stop all metrics until somebody removes the file.
            Err(ReadError::Damaged(why)) => {
                let aside = set_aside(path, now.millis(), why)?;
                match Self::read(path) {
                    Ok(durable) => Ok((durable, Some(aside))),
                    Err(ReadError::Refused(error)) => Err(error),
                    Err(ReadError::Damaged(why)) => Err(OpenError::Unusable {
                        path: path.to_owned(),
                        error: std::io::Error::other(why),
                    }),
                }
            }
        }
    }

    /// Opens the state in a file, or creates the file.
    fn read(path: &Path) -> Result<Self, ReadError> {
        let mut ledger = Ledger::default();
        let replay = |frame: &[u8]| read_frame(frame, |entry| ledger.replay(entry));
        let journal = Journal::open(path, replay)?;
        ledger.end_replay().map_err(ReadError::Damaged)?;
        // If records of an earlier format stayed in the file, the window would be read again after each
        // start.
        let needs_new_file = ledger.has_old_records;
        Ok(Self { ledger, journal: Some(journal), needs_new_file, ..Self::default() })
    }

    /// Keeps only these names from now on. The next commit removes all others from the file. Returns
    /// whether the window must be read again, because names are kept that were not kept before. Call
    /// it while no [`Staging`](super::Staging) is in use.
    pub fn keep_names(&mut self, kept: KeptNames) -> bool {
        let earlier = self.kept.replace(kept);
        if self.ledger.keep_names(kept) {
            self.ledger.release_unused();
            self.needs_new_file = true;
        }
        match earlier {
            Some(earlier) => earlier < kept,
            // An earlier process may have dropped the users.
            None => kept.has_users() && self.ledger.lacks_users(),
        }
    }

    /// Makes a transition durable, then applies it.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the ledger is unchanged, and the next poll finds the same changes.
    pub fn commit(&mut self, transition: Transition) -> Result<(), CommitError> {
        if let Some(journal) = &mut self.journal {
            journal.check_file();
            // After a failed commit the file may hold a transition that was not applied, and after a
            // loss it holds nothing. The known state replaces it, otherwise a restart would give
            // another state than the one served.
            if journal.has_failed() {
                journal.replace(frames(self.ledger.entries()))?;
            }
            if self.needs_new_file {
                journal.renew(frames(self.ledger.entries()))?;
                self.needs_new_file = false;
            }
            journal.append(transition.only_adds(), frames(transition.entries()))?;
            if transition.discards_parts() {
                journal.discard_base();
            }
        }
        self.ledger.apply(transition);
        Ok(())
    }

    /// Releases unused names, and rewrites the state if the changes since the last rewrite have
    /// become long. Call it after a commit, while no [`Staging`](super::Staging) is in use.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing is lost, and the next commit rewrites the state.
    pub fn compact(&mut self) -> Result<(), CommitError> {
        // A window that becomes smaller brings few changes, so the file and the memory would stay
        // as large as the largest window.
        let has_shrunk = self.ledger.has_shrunk();
        let needs_rewrite =
            self.journal.as_ref().is_some_and(|journal| has_shrunk || journal.needs_rewrite());
        if needs_rewrite || has_shrunk || self.ledger.has_many_names() {
            self.ledger.release_unused();
        }
        match &mut self.journal {
            Some(journal) if needs_rewrite => journal.replace(frames(self.ledger.entries())),
            _ => Ok(()),
        }
    }

    /// Returns the size of the state on disk in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::file_bytes)
    }

    /// Closes the file. Later transitions stay in memory.
    pub fn close(&mut self) {
        self.journal = None;
    }

    /// Returns the ledger, to change it without a transition.
    #[cfg(test)]
    pub(super) fn edit(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Returns the journal.
    #[cfg(test)]
    pub(super) fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().expect("the ledger has a journal")
    }
}

/// Gives read access to the ledger.
impl Deref for DurableLedger {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

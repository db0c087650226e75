//! Ledger with the journal that makes its transitions durable.

use std::fs;
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::Path;

use super::counting_since::CountingSinceFile;
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
    /// The time at which counting began, for other processes; `None` without a journal.
    counting_since: Option<CountingSinceFile>,
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
        let (mut durable, aside) = match Self::read(path) {
            Ok(durable) => (durable, None),
            Err(ReadError::Refused(error)) => return Err(error),
            // Refusing to start would stop all metrics until somebody removes the file.
            Err(ReadError::Damaged(why)) => {
                let aside = set_aside(path, now.millis(), why)?;
                (Self::read(path).map_err(|error| error.refused(path))?, Some(aside))
            }
        };
        durable.counting_since = Some(CountingSinceFile::beside(path));
        durable.keep_counting_since();
        Ok((durable, aside))
    }

    /// Returns the time at which counting began in the state in a file; `None` if it has not begun. The
    /// state is read only if no exporter wrote the time beside it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the time is not known, and the state cannot be read.
    pub fn counting_since(path: &Path) -> Result<Option<Timestamp>, OpenError> {
        match fs::metadata(path) {
            // Opening a state would create it.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(OpenError::Unusable { path: path.to_owned(), error }),
            Ok(_) => {}
        }
        if let Some(since) = CountingSinceFile::beside(path).read() {
            return Ok(Some(since));
        }
        let state = Self::read(path).map_err(|error| error.refused(path))?;
        Ok(state.began_counting())
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
        self.keep_counting_since();
        Ok(())
    }

    /// Makes the file beside the state hold the time at which counting began. It may have been lost with
    /// the state.
    fn keep_counting_since(&mut self) {
        let since = self.began_counting();
        if let Some(file) = &mut self.counting_since {
            file.keep(since);
        }
    }

    fn began_counting(&self) -> Option<Timestamp> {
        self.ledger.last_poll().map(|poll| poll.counting_since)
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
        self.counting_since = None;
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

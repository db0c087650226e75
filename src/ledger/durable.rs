//! Ledger with the file or the shared log that makes its transitions durable.

use std::fs;
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::Path;

use super::counting_since::CountingSinceFile;
use super::journal::{
    CommitError, Journal, OpenError, ReadError, SetAside, frames, read_frame, set_aside,
};
use super::replica::Replica;
use super::shared_changes::SharedChanges;
use super::{KeptNames, Ledger, Transition};
use records_api::record::Timestamp;

/// Ledger with the place that its transitions are written to.
#[derive(Debug, Default)]
pub struct DurableLedger {
    ledger: Ledger,
    storage: Storage,
    /// Names that are kept; `None` before [`Self::keep_names`].
    kept: Option<KeptNames>,
    /// True if the next commit writes the whole state again: what is written may hold names that the ledger
    /// has forgotten, or records of an earlier format.
    needs_new_file: bool,
}

/// Place that transitions are written to before they are applied.
#[derive(Debug, Default)]
enum Storage {
    /// Nothing is written.
    #[default]
    Memory,
    /// A file of this process, and one with the time at which counting began, for other processes.
    File(Journal, CountingSinceFile),
    /// A log that replicas share.
    Shared(Replica),
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
                (Self::open_undamaged(path)?, Some(aside))
            }
        };
        durable.keep_counting_since();
        Ok((durable, aside))
    }

    /// Opens the state in a file. A damaged file is an error, and stays where it is.
    ///
    /// # Errors
    ///
    /// [`OpenError`], as for [`Self::open`], or the damage.
    pub fn open_undamaged(path: &Path) -> Result<Self, OpenError> {
        Self::read(path).map_err(|error| error.refused(path))
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
        Ok(Self::open_undamaged(path)?.began_counting())
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
        let storage = Storage::File(journal, CountingSinceFile::beside(path));
        Ok(Self { ledger, storage, needs_new_file, ..Self::default() })
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
        self.commit_shared(Some(transition), &SharedChanges::default())
    }

    /// The same, with changes that only a shared log holds. Without a shared log they are ignored.
    ///
    /// # Errors
    ///
    /// [`CommitError`], as for [`Self::commit`].
    pub fn commit_shared(
        &mut self,
        transition: Option<Transition>,
        shared: &SharedChanges,
    ) -> Result<(), CommitError> {
        match &mut self.storage {
            Storage::Memory => {}
            Storage::File(journal, _) => {
                if let Some(transition) = &transition {
                    write(journal, &self.ledger, transition, &mut self.needs_new_file)?;
                }
            }
            Storage::Shared(replica) => {
                if std::mem::take(&mut self.needs_new_file) {
                    // If it fails, names stay in the log that the config hides.
                    let rewritten = replica.rewrite(&self.ledger);
                    rewritten.inspect_err(|_| self.needs_new_file = true)?;
                }
                replica.append(transition.as_ref(), shared)?;
            }
        }
        if let Some(transition) = transition {
            self.ledger.apply(transition);
        }
        if self.is_shared() {
            shared.entries().for_each(|entry| self.ledger.apply_entry(entry));
        }
        self.keep_counting_since();
        Ok(())
    }

    /// Makes the file beside the state hold the time at which counting began. It may have been lost with
    /// the state.
    fn keep_counting_since(&mut self) {
        let since = self.began_counting();
        if let Storage::File(_, file) = &mut self.storage {
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
        let needs_rewrite = match &self.storage {
            Storage::Memory => false,
            Storage::File(journal, _) => has_shrunk || journal.needs_rewrite(),
            Storage::Shared(replica) => has_shrunk || replica.needs_rewrite(),
        };
        if needs_rewrite || has_shrunk || self.ledger.has_many_names() {
            self.ledger.release_unused();
        }
        match &mut self.storage {
            Storage::File(journal, _) if needs_rewrite => {
                journal.replace(frames(self.ledger.entries()))
            }
            Storage::Shared(replica) if needs_rewrite => replica.rewrite(&self.ledger),
            _ => Ok(()),
        }
    }

    /// Returns the size of what is written in bytes.
    pub fn file_bytes(&self) -> u64 {
        match &self.storage {
            Storage::Memory => 0,
            Storage::File(journal, _) => journal.file_bytes(),
            Storage::Shared(replica) => replica.bytes(),
        }
    }

    /// Closes the file, or leaves the shared log. Later transitions stay in memory.
    pub fn close(&mut self) {
        self.storage = Storage::Memory;
    }

    /// Creates the ledger of a replica.
    pub(super) fn shared(replica: Replica) -> Self {
        Self { storage: Storage::Shared(replica), ..Self::default() }
    }

    pub(super) fn replica(&self) -> Option<&Replica> {
        match &self.storage {
            Storage::Shared(replica) => Some(replica),
            _ => None,
        }
    }

    pub(super) fn replica_mut(&mut self) -> Option<&mut Replica> {
        match &mut self.storage {
            Storage::Shared(replica) => Some(replica),
            _ => None,
        }
    }

    /// Writes the whole state into a new file, which takes the place of where it was kept.
    ///
    /// # Errors
    ///
    /// A message about the file.
    pub fn move_to_file(&mut self, path: &Path) -> Result<(), String> {
        let mut target = Self::read(path).map_err(|error| error.to_string())?;
        let Storage::File(journal, _) = &mut target.storage else { return Ok(()) };
        let written = journal.replace(frames(self.ledger.entries()));
        written.map_err(|error| error.to_string())?;
        self.storage = target.storage;
        self.keep_counting_since();
        Ok(())
    }

    /// Keeps the state in a shared log from now on.
    pub(super) fn store_in_log(&mut self) {
        self.storage = Storage::Shared(Replica::default());
    }

    /// Writes the whole state into the shared log.
    pub(super) fn rewrite_shared(&mut self) -> Result<(), CommitError> {
        match &mut self.storage {
            Storage::Shared(replica) => replica.rewrite(&self.ledger),
            _ => Ok(()),
        }
    }

    pub(super) fn needs_new_file(&self) -> bool {
        self.needs_new_file
    }

    /// Makes the next commit write the whole state again.
    pub(super) fn need_new_file(&mut self) {
        self.needs_new_file = true;
    }

    /// Returns the ledger, to apply what another replica committed.
    pub(super) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Returns the ledger, to change it without a transition.
    #[cfg(test)]
    pub(super) fn edit(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Returns the journal.
    #[cfg(test)]
    pub(super) fn journal(&mut self) -> &mut Journal {
        match &mut self.storage {
            Storage::File(journal, _) => journal,
            storage => panic!("the ledger has no journal: {storage:?}"),
        }
    }
}

/// Writes a transition to the journal.
fn write(
    journal: &mut Journal,
    ledger: &Ledger,
    transition: &Transition,
    needs_new_file: &mut bool,
) -> Result<(), CommitError> {
    journal.check_file();
    // After a failed commit the file may hold a transition that was not applied, and after a loss it
    // holds nothing. The known state replaces it, otherwise a restart would give another state than the
    // one served.
    if journal.has_failed() {
        journal.replace(frames(ledger.entries()))?;
    }
    if *needs_new_file {
        journal.renew(frames(ledger.entries()))?;
        *needs_new_file = false;
    }
    journal.append(transition.only_adds(), frames(transition.entries()))?;
    if transition.discards_parts() {
        journal.discard_base();
    }
    Ok(())
}

/// Gives read access to the ledger.
impl Deref for DurableLedger {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

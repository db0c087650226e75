//! File of a state: frames of bytes, appended by commits.
//!
//! A commit is durable when it returns, and after a crash the file holds all of it or nothing, as
//! redb guarantees. The frames hold entries ([`Entry`]). If the file is removed or replaced while
//! the process runs, the next commit writes the whole state again.

mod database;
mod entry;
mod error;
mod format;
mod frame;
mod state_file;
#[cfg(test)]
pub(super) mod tests;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::growth::Growth;
use database::{Frames, OpenFile, is_in_use, read_frames, renew, write};
pub(super) use entry::Entry;
pub(super) use error::ReadError;
pub use error::{CommitError, OpenError, SetAside};
pub(super) use frame::{frames, read_frame};
use records_api::clock::{Clock, SystemClock};
use state_file::{FileStamp, Loss, create_directory_of};

/// A file is compacted when it is larger than this multiple of its frames plus [`MIN_FILE_BYTES`].
const MAX_FILE_RATIO: u64 = 4;
/// Allowance for a database with few frames, which is never smaller than about a megabyte.
const MIN_FILE_BYTES: u64 = 2 << 20;

/// Open file of a state.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// `None` after a failed commit, and if the file was lost. The next commit opens a file again,
    /// and checks it.
    file: Option<OpenFile>,
    /// Stamp of the file after the last write.
    stamp: FileStamp,
    /// Loss of the file, until the whole state is written again.
    loss: Option<Loss>,
    /// Number of the next frame.
    next: u64,
    /// Bytes of all frames.
    growth: Growth,
}

impl Journal {
    /// Opens a file, or creates it, and passes its frames in order to `read`, which returns the
    /// reason if a frame is invalid.
    pub(super) fn open(
        path: &Path,
        mut read: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<Self, ReadError> {
        let unusable =
            |error| ReadError::Refused(OpenError::Unusable { path: path.to_owned(), error });
        create_directory_of(path).map_err(unusable)?;
        // A damaged file can make redb panic, which would end the process.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let file = OpenFile::open(path)?;
            let frames = read_frames(&file.database, path, &mut read)?;
            Ok((file, frames))
        }));
        let opened =
            opened.unwrap_or_else(|_| Err(ReadError::Damaged("the database panicked".into())));
        let (file, Frames { next, bytes }) = opened?;
        let stamp = file.stamp().map_err(unusable)?;
        let (path, file) = (path.to_owned(), Some(file));
        Ok(Self { path, file, stamp, loss: None, next, growth: Growth::of_base(bytes) })
    }

    /// Checks whether the file of the last commit is still at the path. If not, the next write must
    /// be [`Self::replace`]: entries that were written to a removed file would be lost.
    pub(super) fn check_file(&mut self) {
        if self.file.is_none() {
            return;
        }
        match self.stamp.loss(&self.path) {
            Ok(None) => {}
            Ok(loss) => {
                self.loss = loss;
                self.file = None;
            }
            // The reason is found again when the file is opened.
            Err(_) => self.file = None,
        }
    }

    /// Appends the frames of one commit, all or none. `only_adds` means that they change nothing in
    /// earlier frames.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the file may hold the frames or not. [`Self::replace`] must come next.
    pub(super) fn append(
        &mut self,
        only_adds: bool,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), CommitError> {
        let written = self.write(false, frames)?;
        self.next = written.next;
        self.growth.add(written.bytes, only_adds);
        Ok(())
    }

    /// Notes that earlier frames hold what will be read again.
    pub(super) fn discard_base(&mut self) {
        self.growth.discard_base();
    }

    /// Replaces all frames with ones that hold the whole state.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the file holds the old frames or the new ones. Another [`Self::replace`]
    /// must come next.
    pub(super) fn replace(
        &mut self,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), CommitError> {
        let Frames { next, bytes } = self.write(true, frames)?;
        (self.next, self.growth) = (next, Growth::of_base(bytes));
        if self.file_bytes() > MAX_FILE_RATIO * bytes + MIN_FILE_BYTES {
            self.compact_file();
        }
        Ok(())
    }

    /// Replaces the file by a new one that holds the whole state. The database does not erase what it
    /// frees, so names would stay readable in the file.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the file holds the old frames or the new ones. Another [`Self::replace`]
    /// must come next.
    pub(super) fn renew(
        &mut self,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), CommitError> {
        let renewed = catch_unwind(AssertUnwindSafe(|| renew(&self.path, frames)));
        // Until here, no other process could open the file.
        self.file = None;
        match renewed {
            Ok(Ok((file, Frames { next, bytes }))) => {
                self.stamp = file.stamp().map_err(|error| self.failed(&error))?;
                self.file = Some(file);
                (self.next, self.growth) = (next, Growth::of_base(bytes));
                Ok(())
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.failed(&"the database panicked")),
        }
    }

    /// Releases the space of earlier frames, which the database keeps for later ones. The state is
    /// durable whether this succeeds or not.
    fn compact_file(&mut self) {
        if let Some(mut file) = self.file.take() {
            let compacted = catch_unwind(AssertUnwindSafe(|| file.database.compact()));
            // After a panic its state in memory is unknown. The next commit opens and checks the
            // file.
            if let (Ok(_), Ok(stamp)) = (compacted, file.stamp()) {
                (self.file, self.stamp) = (Some(file), stamp);
            }
        }
    }

    /// Returns whether the state should be rewritten: it has grown, or the content of the file is unknown
    /// after a failed commit.
    pub(super) fn needs_rewrite(&self) -> bool {
        self.file.is_none() || self.growth.needs_rewrite()
    }

    /// Returns whether the last commit failed, or the file was lost.
    pub(super) fn has_failed(&self) -> bool {
        self.file.is_none()
    }

    /// Returns the size of the file in bytes.
    pub(super) fn file_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Writes frames after the others or replaces them.
    fn write(
        &mut self,
        replaces: bool,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Frames, CommitError> {
        // The file is put back only after a success: after a failure nobody knows what it holds.
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open_again()?,
        };
        let first = if replaces { 0 } else { self.next };
        let written = catch_unwind(AssertUnwindSafe(|| write(&file.database, first, frames)));
        match written {
            Ok(Ok(written)) => {
                self.stamp = file.stamp().map_err(|error| self.failed(&error))?;
                self.file = Some(file);
                if let Some(loss) = self.loss.take() {
                    let (path, loss) = (self.path.display(), loss.as_str());
                    tracing::warn!(
                        "the state {path} {loss} while the process ran: all of it was written again"
                    );
                }
                Ok(written)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.failed(&"the database panicked")),
        }
    }

    /// Opens the file again, or creates it. Another file that has taken its place is set aside: it
    /// may hold a state that nobody else has.
    fn open_again(&mut self) -> Result<OpenFile, CommitError> {
        create_directory_of(&self.path).map_err(|error| self.failed(&error))?;
        match self.stamp.loss(&self.path).map_err(|error| self.failed(&error))? {
            Some(loss @ Loss::Removed) => self.loss = Some(loss),
            Some(loss @ Loss::Replaced) => {
                if is_in_use(&self.path) {
                    return Err(CommitError::of(&OpenError::Locked(self.path.clone())));
                }
                self.set_aside("another file took its place")?;
                self.loss = Some(loss);
            }
            // A failed commit changes it too.
            Some(Loss::Overwritten) | None => {}
        }
        let file = match self.open_checked() {
            Err(ReadError::Damaged(why)) => {
                self.set_aside(&why)?;
                self.open_checked()
            }
            opened => opened,
        };
        let file = file.map_err(|error| match error {
            ReadError::Refused(error) => CommitError::of(&error),
            ReadError::Damaged(why) => self.failed(&why),
        })?;
        // If writing fails, the next commit must not set this file aside.
        self.stamp = file.stamp().map_err(|error| self.failed(&error))?;
        Ok(file)
    }

    fn open_checked(&self) -> Result<OpenFile, ReadError> {
        catch_unwind(AssertUnwindSafe(|| OpenFile::open(&self.path)))
            .unwrap_or_else(|_| Err(ReadError::Damaged("the database panicked".into())))
    }

    /// Renames what is at the path, and logs this.
    fn set_aside(&self, why: &str) -> Result<(), CommitError> {
        let aside = set_aside(&self.path, SystemClock.now_millis(), why.to_owned());
        let SetAside { path: aside, why } = aside.map_err(|error| CommitError::of(&error))?;
        let (path, aside) = (self.path.display(), aside.display());
        tracing::warn!(%path, %aside, why, "a file was set aside");
        Ok(())
    }

    /// Returns the error of a failed commit.
    fn failed(&self, error: &dyn std::fmt::Display) -> CommitError {
        CommitError::new(&self.path, &error.to_string())
    }
}

#[cfg(test)]
impl Journal {
    /// Simulates a failed commit, after which the file is at this path.
    pub(super) fn simulate_failed_commit(&mut self, path: &Path) {
        self.file = None;
        path.clone_into(&mut self.path);
    }

    /// Simulates so many changes that a rewrite is due.
    pub(super) fn simulate_many_changes(&mut self) {
        self.growth.simulate_many_changes();
    }
}

/// Renames a damaged or foreign file, so that it is kept for inspection. The new name contains the
/// time.
///
/// # Errors
///
/// [`OpenError`]: the file cannot be renamed.
pub(super) fn set_aside(path: &Path, now_millis: i64, why: String) -> Result<SetAside, OpenError> {
    let name = |millis: i64| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".set-aside-{millis}"));
        PathBuf::from(name)
    };
    // A file that was set aside earlier must not be replaced.
    let mut names = (now_millis..).map(name).filter(|name| fs::symlink_metadata(name).is_err());
    let aside = names.next().expect("a directory does not hold every name");
    fs::rename(path, &aside)
        .map_err(|error| OpenError::Unusable { path: path.to_owned(), error })?;
    Ok(SetAside { path: aside, why })
}

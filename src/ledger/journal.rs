//! File of a state: frames of bytes, appended by commits.
//!
//! A commit is durable when it returns, and after a crash the file holds all of it or nothing, as
//! redb guarantees. The frames hold entries ([`Entry`]).

mod entry;
mod error;
mod format;
mod frame;
#[cfg(test)]
pub(super) mod tests;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};

pub(super) use entry::Entry;
pub(super) use error::ReadError;
pub use error::{CommitError, OpenError, SetAside};
use format::THIS_FORMAT;
pub(super) use frame::{frames, read_frame};

/// Frames by their number.
const FRAMES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("frames");
/// Format of the frames, and number of the next one.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
const FORMAT: &str = "format";
const NEXT: &str = "next";
/// A file is compacted when it is larger than this multiple of its frames plus [`MIN_FILE_BYTES`].
const MAX_FILE_RATIO: u64 = 4;
/// Allowance for a database with few frames, which is never smaller than about a megabyte.
const MIN_FILE_BYTES: u64 = 2 << 20;
/// Size of the database's cache. It is small, because pages are read once, at the start, and most
/// are written once.
const CACHE_BYTES: usize = 1 << 20;

/// Open file of a state.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// `None` after a failed commit. The file is opened again, and checked, by the next one.
    database: Option<Database>,
    /// Number of the next frame.
    next: u64,
    /// Bytes of all frames.
    bytes: u64,
    /// Bytes of the frames that a rewrite would not make shorter: those that were there when the
    /// file was opened or rewritten, and those that only added to the state since.
    base_bytes: u64,
}

/// Frames that were read or written at once.
struct Frames {
    /// Number of the next frame.
    next: u64,
    /// Bytes of the frames.
    bytes: u64,
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
        // redb would create the file with the permissions of the umask, and the state has names of
        // users.
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(unusable)?;
        let is_new = fs::metadata(path).map_err(unusable)?.len() == 0;
        // A damaged file can make redb panic, which would end the process.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = open_database(path)?;
            // A file without a format counts as damaged.
            if is_new {
                let begun = write(&database, 0, std::iter::empty());
                begun.map_err(|error| {
                    ReadError::Refused(OpenError::Unusable {
                        path: path.to_owned(),
                        error: io::Error::other(error),
                    })
                })?;
            }
            let frames = read_frames(&database, path, &mut read)?;
            Ok((database, frames))
        }));
        let opened =
            opened.unwrap_or_else(|_| Err(ReadError::Damaged("the database panicked".into())));
        let (database, Frames { next, bytes }) = opened?;
        let path = path.to_owned();
        Ok(Self { path, database: Some(database), next, bytes, base_bytes: bytes })
    }

    /// Appends the frames of one commit, all or none. `only_adds` means that they change nothing in
    /// earlier frames, so that a rewrite would not be shorter.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the file may hold the frames or not. [`Self::replace`] must come next.
    pub(super) fn append(
        &mut self,
        only_adds: bool,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), CommitError> {
        // Without this, a first sync in many parts would rewrite the whole state again and again.
        let grows_base = only_adds || self.bytes == 0;
        let written = self.write(false, frames)?;
        self.next = written.next;
        self.bytes += written.bytes;
        if grows_base {
            self.base_bytes += written.bytes;
        }
        Ok(())
    }

    /// Notes that earlier frames hold what will be read again, so that a rewrite is due soon. The parts
    /// of a first sync count as additions. Without this, each first sync that fails would add all of
    /// them to the file once more.
    pub(super) fn discard_base(&mut self) {
        self.base_bytes = 0;
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
        (self.next, self.bytes, self.base_bytes) = (next, bytes, bytes);
        if self.file_bytes() > MAX_FILE_RATIO * bytes + MIN_FILE_BYTES {
            self.compact_file();
        }
        Ok(())
    }

    /// Releases the space of earlier frames, which the database keeps for later ones. The state is
    /// durable whether this succeeds or not.
    fn compact_file(&mut self) {
        if let Some(mut database) = self.database.take() {
            let compacted = catch_unwind(AssertUnwindSafe(|| database.compact()));
            // After a panic its state in memory is unknown. The next commit opens and checks the
            // file.
            self.database = compacted.is_ok().then_some(database);
        }
    }

    /// Returns whether the state should be rewritten: after a failed commit the content of the file
    /// is unknown, and many changes take space and make the next start slow.
    pub(super) fn needs_rewrite(&self) -> bool {
        self.database.is_none() || self.bytes > 2 * self.base_bytes + MAX_CHANGE_BYTES
    }

    /// Returns whether the last commit failed.
    pub(super) fn has_failed(&self) -> bool {
        self.database.is_none()
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
        // The database is put back only after a success: after a failure nobody knows what it
        // holds.
        let database = match self.database.take() {
            Some(database) => database,
            None => open_database(&self.path).map_err(|error| self.failed(&error.to_string()))?,
        };
        let first = if replaces { 0 } else { self.next };
        let written = catch_unwind(AssertUnwindSafe(|| write(&database, first, frames)));
        match written {
            Ok(Ok(written)) => {
                self.database = Some(database);
                Ok(written)
            }
            Ok(Err(error)) => Err(self.failed(&error.to_string())),
            Err(_) => Err(self.failed("the database panicked")),
        }
    }

    /// Returns the error of a failed commit.
    fn failed(&self, error: &str) -> CommitError {
        CommitError::new(&self.path, error)
    }
}

#[cfg(test)]
impl Journal {
    /// Simulates a failed commit, after which the file is at this path.
    pub(super) fn simulate_failed_commit(&mut self, path: &Path) {
        self.database = None;
        path.clone_into(&mut self.path);
    }

    /// Simulates so many changes that a rewrite is due.
    pub(super) fn simulate_many_changes(&mut self) {
        (self.bytes, self.base_bytes) = (self.bytes + MAX_CHANGE_BYTES + 1, 0);
    }
}

/// Bytes of changes that do not cause a rewrite, however small the state is.
const MAX_CHANGE_BYTES: u64 = 1 << 20;

/// Renames a damaged file, so that it is kept for inspection. The new name contains the time.
///
/// # Errors
///
/// [`OpenError`]: the file cannot be renamed.
pub(super) fn set_aside(path: &Path, now_millis: i64, why: String) -> Result<SetAside, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".set-aside-{now_millis}"));
    let aside = PathBuf::from(name);
    fs::rename(path, &aside)
        .map_err(|error| OpenError::Unusable { path: path.to_owned(), error })?;
    Ok(SetAside { path: aside, why })
}

/// Opens a database, and checks its integrity.
fn open_database(path: &Path) -> Result<Database, ReadError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder.create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            ReadError::Refused(OpenError::Locked(path.to_owned()))
        }
        // These two kinds come from the content of the file, the others from the system. An error
        // of the system must not discard a good state.
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() != io::ErrorKind::InvalidData
                && error.kind() != io::ErrorKind::UnexpectedEof =>
        {
            ReadError::Refused(OpenError::Unusable { path: path.to_owned(), error })
        }
        error => ReadError::Damaged(error.to_string()),
    })
}

/// Passes all frames to `read`.
fn read_frames(
    database: &Database,
    path: &Path,
    read: &mut impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<Frames, ReadError> {
    let damaged = |error: redb::Error| ReadError::Damaged(error.to_string());
    let transaction = database.begin_read().map_err(|error| damaged(error.into()))?;
    let facts = match transaction.open_table(FACTS) {
        Ok(facts) => facts,
        Err(error) => return Err(damaged(error.into())),
    };
    let fact = |name: &str| -> Result<Option<u64>, ReadError> {
        let value = facts.get(name).map_err(|error| damaged(error.into()))?;
        Ok(value.map(|value| value.value()))
    };
    match fact(FORMAT)? {
        // Each format includes the earlier ones.
        Some(1..=THIS_FORMAT) => {}
        Some(found) if found > THIS_FORMAT => {
            return Err(ReadError::Refused(OpenError::Newer { path: path.to_owned(), found }));
        }
        found => {
            return Err(ReadError::Damaged(match found {
                Some(format) => format!("it has the unknown format {format}"),
                None => "it has no format".to_owned(),
            }));
        }
    }
    let frames = transaction.open_table(FRAMES).map_err(|error| damaged(error.into()))?;
    let (mut next, mut bytes) = (0, 0);
    for frame in frames.iter().map_err(|error| damaged(error.into()))? {
        let (number, frame) = frame.map_err(|error| damaged(error.into()))?;
        // Without a frame, counters could go back to earlier values.
        if number.value() != next {
            return Err(ReadError::Damaged(format!("frame {next} is missing")));
        }
        read(frame.value()).map_err(|why| ReadError::Damaged(format!("frame {next}: {why}")))?;
        next += 1;
        bytes += frame.value().len() as u64;
    }
    if fact(NEXT)? != Some(next) {
        return Err(ReadError::Damaged(format!(
            "it has {next} frames, but another number was written"
        )));
    }
    Ok(Frames { next, bytes })
}

/// Writes frames from number `first` on, in one transaction.
fn write(
    database: &Database,
    first: u64,
    frames: impl Iterator<Item = Vec<u8>>,
) -> Result<Frames, redb::Error> {
    let transaction = database.begin_write()?;
    let (mut next, mut bytes) = (first, 0);
    {
        // In the same transaction, so that a crash leaves the old frames or the new ones.
        if first == 0 {
            transaction.delete_table(FRAMES)?;
        }
        let mut table = transaction.open_table(FRAMES)?;
        for frame in frames {
            table.insert(next, frame.as_slice())?;
            next += 1;
            bytes += frame.len() as u64;
        }
        let mut facts = transaction.open_table(FACTS)?;
        facts.insert(FORMAT, THIS_FORMAT)?;
        facts.insert(NEXT, next)?;
    }
    transaction.commit()?;
    Ok(Frames { next, bytes })
}

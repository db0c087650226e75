//! The file that outlives the process: frames of bytes, added a commit at a time.
//!
//! A commit is durable when it returns, and after a crash either all of it or nothing is there: that is
//! redb's promise. [`Entry`] is what the bytes mean.

mod entry;
mod error;
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
pub(super) use frame::{frames, read_frame};

/// Frames by their number.
const FRAMES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("frames");
/// What must be known before a frame can be read.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
const FORMAT: &str = "format";
const NEXT: &str = "next";
/// The format that this version writes. A newer one is refused, an older one is migrated.
const THIS_FORMAT: u64 = 3;
/// A file may be so many times as large as what it holds ...
const MAX_FILE_RATIO: u64 = 4;
/// ... and this much larger: a database is never smaller than a megabyte or so.
const MIN_FILE_BYTES: u64 = 2 << 20;
/// Pages that the database keeps in memory: a commit writes most of them once, and all is read once.
const CACHE_BYTES: usize = 1 << 20;

/// An open file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// `None` after a failed commit: what it left behind shows when the file is opened again.
    database: Option<Database>,
    /// Number of the next frame.
    next: u64,
    /// Bytes of all frames, and of those that described the whole state at once.
    bytes: u64,
    base_bytes: u64,
}

impl Journal {
    /// Opens a file, made if there is none, and hands its frames in their order to `read`, which
    /// says what is wrong with one that it cannot understand.
    pub(super) fn open(
        path: &Path,
        mut read: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<Self, ReadError> {
        let unusable =
            |error| ReadError::Refused(OpenError::Unusable { path: path.to_owned(), error });
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(unusable)?;
        let is_new = fs::metadata(path).map_err(unusable)?.len() == 0;
        // The library checks what it reads, but promises no calm before every damaged file.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = open_database(path)?;
            if is_new {
                let begun = write(&database, 0, std::iter::empty());
                begun.map_err(|error| {
                    ReadError::Refused(OpenError::Unusable {
                        path: path.to_owned(),
                        error: io::Error::other(error),
                    })
                })?;
            }
            let (next, bytes) = read_frames(&database, path, &mut read)?;
            Ok((database, next, bytes))
        }));
        let opened =
            opened.unwrap_or_else(|_| Err(ReadError::Damaged("it broke the reader".into())));
        let (database, next, bytes) = opened?;
        let path = path.to_owned();
        Ok(Self { path, database: Some(database), next, bytes, base_bytes: bytes })
    }

    /// Adds the frames of one commit, all or none. `only_adds` says that they change
    /// nothing that earlier frames describe, so that a rewrite would not be shorter.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was written, or what was is taken back by the next success, which
    /// must be a [`Self::replace`].
    pub(super) fn append(
        &mut self,
        only_adds: bool,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), CommitError> {
        let grows_base = only_adds || self.bytes == 0;
        let (next, bytes) = self.write(false, frames)?;
        (self.next, self.bytes) = (next, self.bytes + bytes);
        if grows_base {
            self.base_bytes += bytes;
        }
        Ok(())
    }

    /// Writes frames that describe everything in the place of all others.
    ///
    /// # Errors
    ///
    /// As [`Self::append`].
    pub(super) fn replace(
        &mut self,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), CommitError> {
        let (next, bytes) = self.write(true, frames)?;
        (self.next, self.bytes, self.base_bytes) = (next, bytes, bytes);
        if self.file_bytes() > MAX_FILE_RATIO * bytes + MIN_FILE_BYTES {
            self.compact_file();
        }
        Ok(())
    }

    /// Returns the space of earlier frames to the disk: the database keeps it for later ones. What is
    /// written is durable whether this succeeds or not.
    fn compact_file(&mut self) {
        if let Some(mut database) = self.database.take() {
            let compacted = catch_unwind(AssertUnwindSafe(|| database.compact()));
            // After a panic the database is opened again, and checked, by the next commit.
            self.database = compacted.is_ok().then_some(database);
        }
    }

    /// Whether the next write must describe everything: after a failure nobody knows what is on
    /// disk, and a long tail of changes makes the next start slow.
    pub(super) fn needs_rewrite(&self) -> bool {
        self.database.is_none() || self.bytes > 2 * self.base_bytes + MAX_CHANGE_BYTES
    }

    /// Whether a commit failed since the last one that did not.
    pub(super) fn has_failed(&self) -> bool {
        self.database.is_none()
    }

    /// Bytes of the file on disk.
    pub(super) fn file_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn write(
        &mut self,
        replaces: bool,
        frames: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(u64, u64), CommitError> {
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
            Err(_) => Err(self.failed("it broke the writer")),
        }
    }

    fn failed(&self, error: &str) -> CommitError {
        CommitError::new(&self.path, error)
    }
}

#[cfg(test)]
impl Journal {
    /// As after a failed commit, with the file at this path.
    pub(super) fn simulate_failed_commit(&mut self, path: &Path) {
        self.database = None;
        path.clone_into(&mut self.path);
    }

    /// As after a long tail of changes.
    pub(super) fn simulate_many_changes(&mut self) {
        (self.bytes, self.base_bytes) = (self.bytes + MAX_CHANGE_BYTES + 1, 0);
    }
}

/// Bytes of changes after which the whole is written anew, however small it is.
const MAX_CHANGE_BYTES: u64 = 1 << 20;

/// Moves a damaged file out of the way, to a name that says when.
pub(super) fn set_aside(path: &Path, now_millis: i64, why: String) -> Result<SetAside, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".set-aside-{now_millis}"));
    let aside = PathBuf::from(name);
    fs::rename(path, &aside)
        .map_err(|error| OpenError::Unusable { path: path.to_owned(), error })?;
    Ok(SetAside { path: aside, why })
}

fn open_database(path: &Path) -> Result<Database, ReadError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder.create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            ReadError::Refused(OpenError::Locked(path.to_owned()))
        }
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() != io::ErrorKind::InvalidData
                && error.kind() != io::ErrorKind::UnexpectedEof =>
        {
            ReadError::Refused(OpenError::Unusable { path: path.to_owned(), error })
        }
        error => ReadError::Damaged(error.to_string()),
    })
}

fn read_frames(
    database: &Database,
    path: &Path,
    read: &mut impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(u64, u64), ReadError> {
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
        // Each format holds what the earlier ones do.
        Some(1..=THIS_FORMAT) => {}
        Some(found) if found > THIS_FORMAT => {
            return Err(ReadError::Refused(OpenError::Newer { path: path.to_owned(), found }));
        }
        found => return Err(ReadError::Damaged(format!("its format is {found:?}"))),
    }
    let frames = transaction.open_table(FRAMES).map_err(|error| damaged(error.into()))?;
    let (mut next, mut bytes) = (0, 0);
    for frame in frames.iter().map_err(|error| damaged(error.into()))? {
        let (number, frame) = frame.map_err(|error| damaged(error.into()))?;
        if number.value() != next {
            return Err(ReadError::Damaged(format!("frame {next} is missing")));
        }
        read(frame.value()).map_err(|why| ReadError::Damaged(format!("frame {next}: {why}")))?;
        next += 1;
        bytes += frame.value().len() as u64;
    }
    if fact(NEXT)? != Some(next) {
        return Err(ReadError::Damaged(format!("it ends after frame {next}")));
    }
    Ok((next, bytes))
}

fn write(
    database: &Database,
    first: u64,
    frames: impl Iterator<Item = Vec<u8>>,
) -> Result<(u64, u64), redb::Error> {
    let transaction = database.begin_write()?;
    let (mut next, mut bytes) = (first, 0);
    {
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
    Ok((next, bytes))
}

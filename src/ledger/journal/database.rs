//! Frames in a redb database.

use std::fs::{self, File};
use std::io;
use std::panic::catch_unwind;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};

use super::error::{OpenError, ReadError};
use super::format::THIS_FORMAT;
use super::state_file::{FileStamp, open_file, sync_directory};

/// Frames by their number.
const FRAMES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("frames");
/// Format of the frames, and number of the next one.
pub(super) const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
pub(super) const FORMAT: &str = "format";
const NEXT: &str = "next";
/// Size of the database's cache. It is small, because pages are read once, at the start, and most
/// are written once.
const CACHE_BYTES: usize = 1 << 20;

/// Frames that were read or written at once.
pub(super) struct Frames {
    /// Number of the next frame.
    pub(super) next: u64,
    /// Bytes of the frames.
    pub(super) bytes: u64,
}

/// Open database, which no other process can open.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) database: Database,
    /// The same open file as the database's.
    file: File,
}

impl OpenFile {
    /// Opens the database in a file, or creates the file without frames.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let unusable =
            |error| ReadError::Refused(OpenError::Unusable { path: path.to_owned(), error });
        let file = open_file(path).map_err(unusable)?;
        let is_new = file.metadata().map_err(unusable)?.len() == 0;
        let database = open_database(path, file.try_clone().map_err(unusable)?)?;
        // A file without a format counts as damaged.
        if is_new {
            write(&database, 0, std::iter::empty())
                .map_err(|error| unusable(io::Error::other(error)))?;
            sync_directory(path).map_err(unusable)?;
        }
        Ok(Self { database, file })
    }

    /// Returns the stamp of the file.
    pub(super) fn stamp(&self) -> io::Result<FileStamp> {
        FileStamp::of(&self.file)
    }
}

/// Returns whether another process has the database at a path open.
pub(super) fn is_in_use(path: &Path) -> bool {
    // A damaged file can make redb panic. It is not in use.
    let opened = catch_unwind(|| Database::builder().set_cache_size(CACHE_BYTES).open(path));
    matches!(
        opened,
        Ok(Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch))
    )
}

/// Opens a database in a file, and checks its integrity.
fn open_database(path: &Path, file: File) -> Result<Database, ReadError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let opened = FileBackend::new(file).and_then(|file| builder.create_with_backend(file));
    opened.map_err(|error| match error {
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
pub(super) fn read_frames(
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
pub(super) fn write(
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

/// Writes frames into a new file, which then takes the place of the one at a path.
pub(super) fn renew(
    path: &Path,
    frames: impl Iterator<Item = Vec<u8>>,
) -> Result<(OpenFile, Frames), ReadError> {
    let unusable = |error| ReadError::Refused(OpenError::Unusable { path: path.to_owned(), error });
    // Renaming would replace a link by the file.
    let path = fs::canonicalize(path).map_err(unusable)?;
    let mut new = path.clone().into_os_string();
    new.push(".new");
    // A process that was killed may have left one.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    let file = OpenFile::open(Path::new(&new))?;
    let written = write(&file.database, 0, frames);
    let written = written.map_err(|error| unusable(io::Error::other(error)))?;
    fs::rename(&new, &path).map_err(unusable)?;
    sync_directory(&path).map_err(unusable)?;
    Ok((file, written))
}

//! File of a state: its directory, its permissions, and whether it is still the file at its path.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Permissions of a file: the state has names of users.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// Maximum number of links and missing parents that are followed to create a directory.
const MAX_DEPTH: u32 = 100;

/// Identity and last change of a file. They differ once another file takes its place, or another
/// program writes into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    /// Device and inode.
    identity: (u64, u64),
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

/// Loss of a file while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing is at the path.
    Removed,
    /// Another file is at the path.
    Replaced,
    /// Another program wrote into the file.
    Overwritten,
}

impl FileStamp {
    /// Returns the stamp of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from(&file.metadata()?))
    }

    /// Compares the file at a path with this stamp.
    ///
    /// # Errors
    ///
    /// The path cannot be examined, for example because its directory cannot be entered.
    pub(super) fn loss(&self, path: &Path) -> io::Result<Option<Loss>> {
        let found = match fs::metadata(path) {
            Ok(metadata) => Self::from(&metadata),
            // A parent directory may be a file by now.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Some(Loss::Removed));
            }
            Err(error) => return Err(error),
        };
        Ok(if found.identity != self.identity {
            Some(Loss::Replaced)
        } else if found == *self {
            None
        } else {
            Some(Loss::Overwritten)
        })
    }
}

impl From<&fs::Metadata> for FileStamp {
    fn from(metadata: &fs::Metadata) -> Self {
        Self {
            identity: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Loss {
    /// Returns the loss as the end of a sentence about the file.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "was removed",
            Self::Replaced => "was replaced by another file",
            Self::Overwritten => "was changed by another program",
        }
    }
}

/// Opens a file for reading and writing, or creates it. Only its owner may read it afterwards.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    let file = options.open(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    // A copy or an unpacked archive may have other permissions than the file had.
    if mode & !FILE_MODE != 0 {
        let path = path.display();
        match file.set_permissions(Permissions::from_mode(FILE_MODE)) {
            Ok(()) => tracing::warn!(
                %path, before = format!("{mode:04o}"),
                "other users could access the state: its mode is 0600 now"
            ),
            Err(error) => tracing::warn!(
                %path, mode = format!("{mode:04o}"), %error,
                "other users can access the state, and its mode cannot be changed"
            ),
        }
    }
    Ok(file)
}

/// Makes the entry of a new file in its directory durable. Otherwise a power failure could leave a
/// state without a name.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if directory != Path::new("") => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Creates the directory of a file, with its parents, unless it exists. A link to a directory that
/// does not exist is followed.
pub(super) fn create_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if directory != Path::new("") => create_directory(directory, 0),
        _ => Ok(()),
    }
}

fn create_directory(directory: &Path, depth: u32) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("too many links"));
    }
    let created = DirBuilder::new().mode(DIRECTORY_MODE).create(directory);
    match created.as_ref().map_err(io::Error::kind) {
        Err(ErrorKind::NotFound) => {
            let Some(parent) = directory.parent() else { return created };
            create_directory(parent, depth + 1)?;
            DirBuilder::new().mode(DIRECTORY_MODE).create(directory)
        }
        Err(ErrorKind::AlreadyExists) => match fs::metadata(directory) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(ErrorKind::NotADirectory.into()),
            // A link whose target does not exist. Its target is relative to the link.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let target = fs::read_link(directory)?;
                let parent = directory.parent().unwrap_or(Path::new(""));
                create_directory(&parent.join(target), depth + 1)
            }
            Err(error) => Err(error),
        },
        _ => created,
    }
}

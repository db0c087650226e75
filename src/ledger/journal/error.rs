//! Errors of the file of a state, with remedies.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::format::THIS_FORMAT;

/// Error when a state is opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the file open.
    #[error("the state {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// A newer version wrote the file.
    #[error(
        "the state {} has format {found}, but this version supports formats up to {THIS_FORMAT}",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        found: u64,
    },
    /// The file cannot be read or written.
    #[error("the state {} cannot be used: {error}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Reason.
        error: io::Error,
    },
}

impl OpenError {
    /// Returns an instruction for an administrator.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Locked(_) => {
                "stop the other process, or give this one a `state.directory` of its own"
            }
            Self::Newer { .. } => {
                "start the version that wrote it, or move the file away, after which counting \
                 begins again"
            }
            Self::Unusable { error, .. } if error.kind() == io::ErrorKind::FileTooLarge => {
                "raise the limit on the size of files (`ulimit -f`, or LimitFSIZE= of systemd)"
            }
            Self::Unusable { .. } => {
                "make `state.directory` a directory that this user can write, or \"\" to keep the \
                 state in memory only"
            }
        }
    }
}

/// Error of a commit. The ledger is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state {path} cannot be written: {error}")]
pub struct CommitError {
    path: String,
    error: String,
    remedy: &'static str,
}

/// Damaged or foreign file that was renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// New path of the file.
    pub path: PathBuf,
    /// Damage that was found.
    pub why: String,
}

/// Error when a file is read.
#[derive(Debug)]
pub(in crate::ledger) enum ReadError {
    /// The file may be good, but it cannot be opened.
    Refused(OpenError),
    /// The content of the file is invalid.
    Damaged(String),
}

impl CommitError {
    /// Creates the error for a file that cannot be written.
    pub(super) fn new(path: &Path, error: &str) -> Self {
        // Of the database's errors only the text is known.
        let remedy = if error.contains(&io::Error::from(Errno::FBIG).to_string()) {
            "raise the limit on the size of files (`ulimit -f`, or LimitFSIZE= of systemd), and restart"
        } else {
            "see that `state.directory` has space left and can be written; polls succeed again as soon \
             as it can"
        };
        Self { path: path.display().to_string(), error: error.to_owned(), remedy }
    }

    /// Creates the error for a file that cannot be opened again.
    pub(super) fn of(error: &OpenError) -> Self {
        match error {
            OpenError::Unusable { path, error } => Self::new(path, &error.to_string()),
            OpenError::Locked(path) | OpenError::Newer { path, .. } => {
                let remedy = error.remedy();
                Self { path: path.display().to_string(), error: error.to_string(), remedy }
            }
        }
    }

    /// Creates the error for a shared log that cannot be written. `place` is the database.
    pub fn of_log(place: &str, error: &str, remedy: &'static str) -> Self {
        Self { path: place.to_owned(), error: error.to_owned(), remedy }
    }

    /// Creates the error of a replica that does not lead the project.
    pub(in crate::ledger) fn not_leading() -> Self {
        Self::of_log("of the project", "another replica leads it", "nothing to do")
    }

    /// Returns an instruction for an administrator.
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }

    /// Creates an example for tables of messages.
    pub fn example(path: &str, error: &str) -> Self {
        Self::new(Path::new(path), error)
    }
}

impl ReadError {
    /// Returns the error for a file that is not set aside.
    pub(in crate::ledger) fn refused(self, path: &Path) -> OpenError {
        match self {
            Self::Refused(error) => error,
            Self::Damaged(why) => {
                let error = io::Error::other(why);
                OpenError::Unusable { path: path.to_owned(), error }
            }
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(formatter),
            Self::Damaged(why) => formatter.write_str(why),
        }
    }
}

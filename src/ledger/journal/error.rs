//! What can go wrong with the file of a state, said so that an administrator can act on it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::THIS_FORMAT;

/// Why a state cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns it.
    #[error("the state {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// A later version wrote it.
    #[error("the state {} has format {found}, and this version knows up to {THIS_FORMAT}", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// It cannot be read or written.
    #[error("the state {} cannot be used: {error}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl OpenError {
    /// What an administrator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Locked(_) => {
                "stop the other process, or give this one a `state.directory` of its own"
            }
            Self::Newer { .. } => {
                "start the version that wrote it, or move the file away: counting then begins anew"
            }
            Self::Unusable { .. } => {
                "make `state.directory` a directory that this user can write, or \"\" to keep the \
                 state in memory only"
            }
        }
    }
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state {path} cannot be written: {error}")]
pub struct CommitError {
    path: String,
    error: String,
}

/// A file that was no state of ours, or is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub why: String,
}

/// Why a file gives no state.
#[derive(Debug)]
pub(in crate::ledger) enum ReadError {
    Refused(OpenError),
    Damaged(String),
}

impl CommitError {
    /// A file that cannot be written.
    pub(super) fn new(path: &Path, error: &str) -> Self {
        Self { path: path.display().to_string(), error: error.to_owned() }
    }

    /// What an administrator can do about it.
    pub fn remedy(&self) -> &'static str {
        "see that `state.directory` has space left and can be written; polls succeed again as soon \
         as it can"
    }

    /// An example, for tables of messages.
    pub fn example(path: &str, error: &str) -> Self {
        Self::new(Path::new(path), error)
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

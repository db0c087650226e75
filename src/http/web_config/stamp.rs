//! The metadata of files, to notice that one has changed without reading it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device, inode, length, and the times of the last change of content and inode, in seconds and
/// nanoseconds; `None` for a file that does not exist.
type Look = Option<(u64, u64, u64, [i64; 4])>;

/// The metadata of some files at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Look)>);

impl Stamp {
    /// Adds a file. Call this before reading it, so that a later change is noticed.
    pub(super) fn add(&mut self, path: &Path) {
        self.0.push((path.to_owned(), look(path)));
    }

    /// True if all files are unchanged.
    pub(super) fn is_current(&self) -> bool {
        self.0.iter().all(|(path, seen)| look(path) == *seen)
    }
}

fn look(path: &Path) -> Look {
    let known = std::fs::metadata(path).ok()?;
    let times = [known.mtime(), known.mtime_nsec(), known.ctime(), known.ctime_nsec()];
    Some((known.dev(), known.ino(), known.len(), times))
}

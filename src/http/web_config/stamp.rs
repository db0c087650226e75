//! What a file looks like from outside, to see that it has changed without reading it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device, inode, length, and when content and inode last changed, in seconds and nanoseconds;
/// `None` where there is no file.
type Look = Option<(u64, u64, u64, [i64; 4])>;

/// How some files looked at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Look)>);

impl Stamp {
    /// Looks at a file too. To be called before it is read: what changes after that is seen later.
    pub(super) fn add(&mut self, path: &Path) {
        self.0.push((path.to_owned(), look(path)));
    }

    /// Whether all look as they did.
    pub(super) fn is_current(&self) -> bool {
        self.0.iter().all(|(path, seen)| look(path) == *seen)
    }
}

fn look(path: &Path) -> Look {
    let known = std::fs::metadata(path).ok()?;
    let times = [known.mtime(), known.mtime_nsec(), known.ctime(), known.ctime_nsec()];
    Some((known.dev(), known.ino(), known.len(), times))
}

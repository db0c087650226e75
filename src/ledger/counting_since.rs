//! File beside a state with the time at which counting began. A state is locked while its exporter runs,
//! and other processes need this time.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use records_api::record::Timestamp;
use records_api::{LogThrottle, file};

const EXTENSION: &str = "counting-since";
/// Larger than a file that holds a time.
const MAX_BYTES: u64 = 64;

/// The file of a state.
#[derive(Debug)]
pub(super) struct CountingSinceFile {
    path: PathBuf,
    log_throttle: LogThrottle,
}

impl CountingSinceFile {
    pub(super) fn beside(state: &Path) -> Self {
        let path = state.with_extension(EXTENSION);
        Self { path, log_throttle: LogThrottle::default() }
    }

    /// Returns the time in the file. A file without a time counts as missing.
    pub(super) fn read(&self) -> Option<Timestamp> {
        // Reading a pipe would block.
        if !self.path.symlink_metadata().is_ok_and(|known| known.is_file()) {
            return None;
        }
        let text = file::read_text(&self.path, MAX_BYTES).ok()?;
        Timestamp::parse(&text)
    }

    /// Makes the file hold a time, or removes it: without this, a state that was lost would leave the
    /// time of earlier counters behind. A failure is logged only, because nothing of the state is lost.
    pub(super) fn keep(&mut self, since: Option<Timestamp>) {
        if self.read() == since {
            return;
        }
        let kept = match since {
            Some(since) => self.write(since),
            None => fs::remove_file(&self.path),
        };
        let Err(error) = kept else { return };
        if self.log_throttle.is_due(error.to_string()) {
            let (path, remedy) = (self.path.display(), "check `state.directory`");
            tracing::warn!(%path, %error, remedy, "cannot keep the time at which counting began");
        }
    }

    /// Replaces the file at once. Only its owner may read it.
    fn write(&self, since: Timestamp) -> io::Result<()> {
        let directory = self.path.parent().filter(|path| *path != Path::new(""));
        let mut new = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
        writeln!(new, "{}", since.to_rfc3339())?;
        new.as_file().sync_all()?;
        new.persist(&self.path)?;
        Ok(())
    }
}

//! Place of a replica in a shared log: the end of what it holds, or the log that it leads.

use std::hash::{DefaultHasher, Hasher};

use super::growth::Growth;
use super::journal::{CommitError, frames};
use super::shared_changes::SharedChanges;
use super::shared_log::{LogEnd, SharedLog};
use super::{Ledger, Transition};

/// Place of a replica in a shared log.
#[derive(Debug, Default)]
pub(super) struct Replica {
    /// The log, while this replica leads.
    pub(super) log: Option<Box<dyn SharedLog>>,
    /// End of what the ledger holds, while it follows.
    pub(super) end: LogEnd,
    /// Hash of the last frame; `None` if it is not known.
    pub(super) last_frame: Option<u64>,
    pub(super) growth: Growth,
}

impl Replica {
    /// Appends a commit.
    pub(super) fn append(
        &mut self,
        transition: Option<&Transition>,
        shared: &SharedChanges,
    ) -> Result<(), CommitError> {
        let log = self.log.as_mut().ok_or_else(CommitError::not_leading)?;
        let entries = transition.into_iter().flat_map(Transition::entries);
        let frames: Vec<_> = frames(entries.chain(shared.entries())).collect();
        log.append(&frames, shared.due_in)?;
        self.last_frame = frames.last().map(|frame| hash(frame)).or(self.last_frame);
        let bytes = frames.iter().map(|frame| frame.len() as u64).sum();
        self.growth.add(bytes, transition.is_some_and(Transition::only_adds));
        if transition.is_some_and(Transition::discards_parts) {
            self.growth.discard_base();
        }
        Ok(())
    }

    /// Replaces the log by the whole state.
    pub(super) fn rewrite(&mut self, ledger: &Ledger) -> Result<(), CommitError> {
        let log = self.log.as_mut().ok_or_else(CommitError::not_leading)?;
        let mut bytes = 0;
        let entries = ledger.entries().chain(ledger.shared_entries());
        let mut last_frame = None;
        let mut frames = frames(entries).inspect(|frame| {
            bytes += frame.len() as u64;
            last_frame = Some(hash(frame));
        });
        log.rewrite(&mut frames)?;
        drop(frames);
        self.last_frame = last_frame;
        self.growth = Growth::of_base(bytes);
        Ok(())
    }

    /// Returns whether the log should be rewritten.
    pub(super) fn needs_rewrite(&self) -> bool {
        self.log.is_some() && self.growth.needs_rewrite()
    }

    /// Returns the size of the log in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.growth.bytes()
    }

    /// Returns the end of the log that it leads, or of what it holds.
    pub(super) fn end(&self) -> LogEnd {
        self.log.as_ref().map_or(self.end, |log| log.end())
    }
}

/// Returns a hash that tells frames of the same process apart.
pub(super) fn hash(frame: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(frame);
    hasher.finish()
}

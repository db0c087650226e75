//! Where a state lies: in a file, or in a log that replicas share.

use super::disk::Disk;
use crate::harness::HarnessOptions;
use crate::memory_log::MemoryLog;

/// Kind of the place of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journal {
    File,
    SharedLog,
}

pub(super) enum Storage {
    File(Disk),
    SharedLog(MemoryLog),
}

impl Storage {
    pub(super) fn new(journal: Journal) -> Self {
        match journal {
            Journal::File => Self::File(Disk::new()),
            Journal::SharedLog => Self::SharedLog(MemoryLog::default()),
        }
    }

    /// The process that begins next has its state here.
    pub(super) fn place(&self, setup: &mut HarnessOptions) {
        match self {
            Self::File(disk) => setup.state = Some(disk.path()),
            Self::SharedLog(log) => setup.log = Some(log.clone()),
        }
    }

    pub(super) fn log(&self) -> Option<&MemoryLog> {
        match self {
            Self::File(_) => None,
            Self::SharedLog(log) => Some(log),
        }
    }

    /// Nothing can be written any more.
    pub(super) fn fill(&self) {
        match self {
            Self::File(disk) => disk.fill(),
            Self::SharedLog(log) => log.set_full(true),
        }
    }

    /// There is room again.
    pub(super) fn free(&mut self) {
        match self {
            Self::File(disk) => disk.free(),
            Self::SharedLog(log) => log.set_full(false),
        }
    }

    /// The process is killed. Whatever it does after that, it does for nobody.
    pub(super) fn crash(&mut self) {
        match self {
            Self::File(disk) => disk.crash(),
            Self::SharedLog(log) => *log = log.copy(),
        }
    }
}

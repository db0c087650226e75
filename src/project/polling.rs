//! The snapshot that a project serves, and the polls that replace it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::failure::FailureStreak;
use super::schedule::Schedule;
use crate::ledger::LogEnd;
use crate::snapshot::{LedgerFigures, Snapshot, SyncMode};
use records_api::record::Timestamp;

/// The served snapshot and the state of polling. Kept under one lock, so that nobody sees the snapshot of
/// one poll with the schedule of another.
#[derive(Debug)]
pub(super) struct Polling {
    /// The served snapshot. Replaced as a whole.
    pub(super) snapshot: Arc<Snapshot>,
    /// The poll that runs.
    pub(super) running: Option<Running>,
    pub(super) role: Role,
    /// True if a background task starts the polls.
    pub(super) has_background: bool,
    pub(super) schedule: Schedule,
    pub(super) failures: FailureStreak,
    /// True until the first complete poll, including those of earlier processes.
    pub(super) is_first_sync: bool,
}

/// Role of this process among the replicas of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It polls. Always, without replicas.
    Polls,
    /// It ends the present poll and begins no other, because another replica is to poll.
    Leaves,
    /// Another replica polls.
    Follows,
}

/// A poll that runs.
#[derive(Debug)]
pub(super) struct Running {
    /// Its begin.
    pub(super) since: Timestamp,
    /// Cancelled if nothing of the poll is of use any more.
    pub(super) cancelled: CancellationToken,
}

impl Polling {
    pub(super) fn new(mut snapshot: Snapshot, is_first_sync: bool) -> Self {
        if is_first_sync {
            snapshot.mode = SyncMode::FirstSync;
        }
        Self {
            snapshot: Arc::new(snapshot),
            running: None,
            role: Role::Polls,
            has_background: false,
            schedule: Schedule::default(),
            failures: FailureStreak::default(),
            is_first_sync,
        }
    }

    /// True while a poll runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Replaces the snapshot by a changed copy. Answers that are being written keep the old one.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        change(snapshot);
        snapshot.revision += 1;
        // The planner knows only how the next poll reads, not whether an earlier one was complete.
        if self.is_first_sync {
            snapshot.mode = SyncMode::FirstSync;
        }
    }

    /// Shows the size of the ledger and the end of its log after a rewrite.
    pub(super) fn show_log(&mut self, (figures, log_end): (LedgerFigures, Option<LogEnd>)) {
        let log_end = log_end.or(self.snapshot.log_end);
        // Without a rewrite, answers that are encoded already stay valid.
        if (self.snapshot.ledger, self.snapshot.log_end) != (figures, log_end) {
            self.change(|snapshot| (snapshot.ledger, snapshot.log_end) = (figures, log_end));
        }
    }

    /// Ends a poll that took `took`, with the changes that it makes to the snapshot.
    pub(super) fn end_poll(
        &mut self,
        success: bool,
        took: Duration,
        change: impl FnOnce(&mut Snapshot),
    ) {
        self.schedule.end(success);
        self.change(|snapshot| {
            snapshot.polls.count(success, took);
            change(snapshot);
        });
    }
}

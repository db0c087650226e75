//! What a project knows: its store, the sums that follow it, and the counters as they are shown.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::board::Board;
use crate::aggregate::{Aggregate, Tally};
use crate::exposition::{CounterView, StoreFigures};
use crate::store::{CommitError, Draft, LabelLimits, Limited, PollFacts, Store};

/// The books of a project.
#[derive(Debug)]
pub(super) struct Books {
    /// The records and what was counted.
    pub(super) store: Store,
    tally: Tally,
    board: Board,
    limits: LabelLimits,
}

impl Books {
    pub(super) fn new(store: Store, hold: Duration, limits: LabelLimits) -> Self {
        let tally = Tally::of(&store);
        let board = Board::new(&store, hold, Instant::now());
        Self { store, tally, board, limits }
    }

    /// Takes over what a complete poll read: first durably, then in what is shown.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: nothing was taken over.
    pub(super) fn take_over(&mut self, draft: Draft, poll: PollFacts) -> Result<(), CommitError> {
        let changes = self.store.judge(draft, poll, self.limits);
        let appearing = Board::appearing(&self.store, &changes);
        let tally = &mut self.tally;
        self.store.commit(changes, |was, is| tally.change(was, is))?;
        if let Err(error) = self.store.tidy() {
            tracing::warn!(%error, remedy = error.remedy(), "the state was not written anew");
        }
        self.board.update(&self.store, appearing, Instant::now());
        Ok(())
    }

    /// What a snapshot shows of the records.
    pub(super) fn aggregate(&self) -> Aggregate {
        self.tally.aggregate(&self.store)
    }

    /// The counters as they are shown.
    pub(super) fn counters(&self) -> Arc<[CounterView]> {
        self.board.shown()
    }

    /// What is shown of the store.
    pub(super) fn figures(&self) -> StoreFigures {
        StoreFigures {
            records: self.store.table.len() as u64,
            bytes: self.store.file_bytes(),
            folded_users: self.store.folded(Limited::User),
            folded_pools: self.store.folded(Limited::Pool),
        }
    }
}

//! The record part of expositions, encoded and compressed once for each state of the projects, each
//! format and coding, when somebody asks for it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::exposition::{Piece, Wanted, write_projects};
use crate::snapshot::ProjectView;

/// Bodies of one or more projects.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// What is encoded at present is locked: who wants the same waits for it.
    kept: Mutex<BTreeMap<Wanted, Arc<Mutex<Option<Kept>>>>>,
}

#[derive(Debug)]
struct Kept {
    state: State,
    /// Until when time alone changes nothing.
    until: Option<Instant>,
    piece: Arc<Piece>,
}

/// The revision of each project's snapshot, and whether its records are too old to be served.
type State = Vec<(u64, bool)>;

impl Bodies {
    /// The record part of an answer that shows these views. Encodes it if it is not at hand, which
    /// blocks the thread.
    ///
    /// # Errors
    ///
    /// When the compressor fails.
    pub(super) fn piece(
        &self,
        views: &[ProjectView],
        wanted: Wanted,
        created_series: bool,
    ) -> io::Result<Arc<Piece>> {
        let slot = self.kept.lock().entry(wanted).or_default().clone();
        let mut slot = slot.lock();
        let state: State = views.iter().map(|view| (view.revision, view.is_stale)).collect();
        let now = Instant::now();
        let is_good = |kept: &&Kept| kept.state == state && kept.until.is_none_or(|end| now < end);
        if let Some(kept) = slot.as_ref().filter(is_good) {
            return Ok(kept.piece.clone());
        }
        // The old one goes before the new one comes.
        *slot = None;
        self.drop_others(&state);
        let until = views.iter().filter_map(ProjectView::held_until).min();
        let content = wanted.format.encode(created_series, |sink| write_projects(views, sink));
        let piece = Arc::new(Piece::new(wanted.coding, content)?);
        *slot = Some(Kept { state, until, piece: piece.clone() });
        Ok(piece)
    }

    /// Drops what shows another state, so that what nobody asks for any more takes no memory.
    fn drop_others(&self, state: &State) {
        for other in self.kept.lock().values() {
            // One that is locked is being made or is the caller's.
            if let Some(mut other) = other.try_lock()
                && other.as_ref().is_some_and(|kept| kept.state != *state)
            {
                *other = None;
            }
        }
    }
}

//! Cache of the record part of answers. It is encoded and compressed once per state of the projects,
//! format and coding.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::exposition::{Piece, Wanted, write_projects};
use crate::snapshot::{Confirmation, ProjectView};

/// Cached record parts of one or more projects.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// An entry is locked while it is encoded. Requests for the same entry wait for it, so that a hundred
    /// scrapers cost one encoding.
    kept: Mutex<BTreeMap<Wanted, Arc<Mutex<Option<Kept>>>>>,
}

#[derive(Debug)]
struct Kept {
    state: State,
    /// Time at which a held counter changes, even if no poll does.
    until: Option<Instant>,
    piece: Arc<Piece>,
}

/// Per project: the revision of its snapshot and its confirmation, and true if its records are too old to
/// be served.
type State = Vec<(u64, Confirmation, bool)>;

impl Bodies {
    /// Returns the record part of an answer with these views. Encodes it if it is not cached, which blocks
    /// the thread.
    ///
    /// # Errors
    ///
    /// If the compressor fails.
    pub(super) fn piece(
        &self,
        views: &[ProjectView],
        wanted: Wanted,
        created_series: bool,
    ) -> io::Result<Arc<Piece>> {
        let slot = self.kept.lock().entry(wanted).or_default().clone();
        let mut slot = slot.lock();
        let state: State =
            views.iter().map(|view| (view.revision, view.confirmation, view.is_stale)).collect();
        let now = Instant::now();
        let is_good = |kept: &&Kept| kept.state == state && kept.until.is_none_or(|end| now < end);
        if let Some(kept) = slot.as_ref().filter(is_good) {
            return Ok(kept.piece.clone());
        }
        // Freed first, so that the old and the new part are never in memory together.
        *slot = None;
        self.drop_others(&state);
        let until = views.iter().filter_map(ProjectView::held_until).min();
        let content = wanted.format.encode(created_series, |sink| write_projects(views, sink));
        let piece = Arc::new(Piece::new(wanted.coding, content)?);
        *slot = Some(Kept { state, until, piece: piece.clone() });
        Ok(piece)
    }

    /// Drops the parts of other states. Otherwise a format that is requested once would take memory forever.
    fn drop_others(&self, state: &State) {
        for other in self.kept.lock().values() {
            // A locked entry is being encoded, or is the caller's.
            if let Some(mut other) = other.try_lock()
                && other.as_ref().is_some_and(|kept| kept.state != *state)
            {
                *other = None;
            }
        }
    }
}

//! Another config for a project that is watched, and its end.

use std::sync::Arc;

use super::Project;
use crate::collector::instruments::ProjectObserver;
use crate::collector::setup::Setup;

impl Project {
    /// Goes by another setup from the next poll on. A poll under way ends as it began. The snapshot
    /// stays, unless the setup asks for the records of somebody else.
    pub fn go_by(self: &Arc<Self>, setup: Setup) {
        let is_same = self.setup().identity() == setup.identity();
        *super::locked(&self.setup) = Arc::new(setup);
        let mut state = self.state();
        state.generation += 1;
        if !is_same {
            state.snapshot = None;
            let face = state.face.clone();
            state.face = face.of_another();
        }
        // What made polls rare may be mended.
        state.schedule.forget_failures();
        drop(state);
        self.poll_in_background();
    }

    /// Who counts what it asks.
    pub fn observer(&self) -> Arc<ProjectObserver> {
        self.observer.clone()
    }

    /// Watches it no more: a poll under way ends without a result, and its figures go.
    pub fn retire(&self) {
        self.gone.cancel();
        self.instruments.forget(&self.name);
    }
}

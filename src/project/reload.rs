//! Another config for a project that is watched, and its end.

use std::sync::Arc;

use super::Project;
use super::schedule::Schedule;
use super::setup::Setup;
use crate::instruments::ProjectObserver;

impl Project {
    /// Goes by another setup from the next poll on; users are named as it says at once. A poll under
    /// way ends as it began, unless another client is to ask: then it ends without a result. The
    /// snapshot stays, unless the setup asks for the records of somebody else. Waits for a commit
    /// that is under way.
    pub fn go_by(self: &Arc<Self>, setup: Setup) {
        let earlier = self.setup();
        let is_same = earlier.identity() == setup.identity();
        let has_other_client = !Arc::ptr_eq(&earlier.client, &setup.client);
        let names = setup.options.users.first();
        *self.setup.lock() = Arc::new(setup);
        let (labels, window) = {
            let setup = self.setup();
            (setup.labels.clone(), setup.options.window)
        };
        let known = {
            let mut books = self.books.lock();
            books.name_users(names.clone());
            books.known(self.now())
        };
        let mut state = self.state();
        state.change(|snapshot| {
            (snapshot.labels, snapshot.window) = (labels, window);
            if !snapshot.users.is_like(&names) {
                known.put_users_into(snapshot);
                snapshot.forget_users();
            }
            if !is_same {
                snapshot.forget_records();
            }
        });
        // What made polls rare may be mended.
        state.schedule.forget_failures();
        if has_other_client && state.running {
            state.schedule = Schedule::default();
        }
        drop(state);
        if has_other_client {
            earlier.replaced.cancel();
        }
        self.other_setup.notify_one();
        self.poll_in_background();
    }

    /// Who counts what it asks.
    pub fn observer(&self) -> Arc<ProjectObserver> {
        self.observer.clone()
    }

    /// Watches it no more: a poll under way ends without a result, its figures go, and its state is
    /// free for whoever opens it next. Waits for a commit that is under way.
    pub fn retire(&self) {
        self.gone.cancel();
        self.instruments.forget(&self.name);
        self.books.lock().close();
    }
}

//! Replaces the config of a project, retires a project, and stops it at the end of the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Project;
use super::config::ProjectConfig;
use crate::instruments::ProjectObserver;
use records_api::run_blocking;

impl Project {
    /// Replaces the config. The next poll uses it; constant labels and the form of user names change at
    /// once.
    ///
    /// A running poll continues with the old config, unless the new one has another client: then the
    /// poll is cancelled. The snapshot is kept, unless the new config reads other records. Waits for a
    /// running commit.
    pub fn replace_config(self: &Arc<Self>, config: ProjectConfig) {
        let earlier = self.config();
        let reads_same_records = earlier.identity() == config.identity();
        let has_other_client = !Arc::ptr_eq(&earlier.client, &config.client);
        let users = config.options.users.initial();
        let (labels, window) = (config.labels.clone(), config.options.window);
        // A poll that starts meanwhile sets the form of user names under the same lock, and only if the
        // config is its own.
        let mut state = self.state.lock();
        state.set_labels(&labels, users.clone(), config.options.counter_hold);
        let ledger_part = state.ledger_part(self.now());
        let mut polling = self.polling();
        *self.config.lock() = Arc::new(config);
        let hides_names = polling.snapshot.users.are_shown() && !users.are_shown();
        // The errors of a poll that began before would show the names. It is cancelled while the state is
        // locked: a commit that waits for the state must not begin, or the next poll would wait for it.
        let cancels = has_other_client || hides_names;
        if cancels {
            earlier.replaced.cancel();
        }
        drop(state);
        polling.change(|snapshot| {
            let has_other_users = !snapshot.users.is_like(&users);
            // The request of the last failure may show names of the filter.
            if hides_names {
                snapshot.failure.iter_mut().for_each(|failure| {
                    failure.request = None;
                    "the last poll failed; its message may hold names, which `labels.user` hides"
                        .clone_into(&mut failure.what);
                });
            }
            if has_other_users || snapshot.labels != labels {
                ledger_part.write_labels_to(snapshot);
            }
            if has_other_users {
                snapshot.forget_users();
            }
            (snapshot.labels, snapshot.window) = (labels, window);
            if !reads_same_records {
                snapshot.forget_records();
            }
        });
        // A poll that is cancelled does not count.
        if cancels && polling.is_running() {
            polling.schedule.end_backoff();
        }
        drop(polling);
        self.end_backoff();
        self.poll_in_background();
    }

    /// Makes a poll due if the last one failed: a reload may have removed the reason.
    pub fn end_backoff(&self) {
        let mut polling = self.polling();
        if polling.failures.is_failing() {
            polling.schedule.end_backoff();
        }
        drop(polling);
        self.config_replaced.notify_one();
    }

    /// Returns the observer of the project's requests.
    pub fn observer(&self) -> Arc<ProjectObserver> {
        self.observer.clone()
    }

    /// Retires the project: cancels a running poll, removes its metrics and closes its state, so that
    /// another process or project can open it. Waits for a running commit.
    pub fn retire(&self) {
        self.retired.cancel();
        self.instruments.forget(&self.name);
        self.state.lock().close();
    }

    /// Stops the project at the end of the process: cancels a running poll and closes the state. Waits for
    /// a running commit until `limit`. Metrics are served until the end.
    pub async fn stop(&self, limit: Duration) {
        self.retired.cancel();
        self.config().replaced.cancel();
        let state = self.state.clone();
        let closing = run_blocking(move || {
            state.try_lock_for(limit).map(|mut state| state.close()).is_some()
        });
        if !matches!(timeout(limit, closing).await, Ok(Ok(true))) {
            let project = self.name();
            tracing::warn!(project, "a commit takes too long and is abandoned");
        }
    }
}

//! A poll of a project, from when it was claimed to what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::Project;
use super::books::Known;
use super::error::{PollError, Reason};
use super::poll::PollReader;
use super::setup::Setup;
use crate::ledger::{CommitError, PollFacts};
use crate::snapshot::RecordsSnapshot;
use records_api::clock::Clock;

impl Project {
    /// Polls; the right to was claimed.
    pub(super) async fn run_claimed(&self) {
        // Whoever drops this future, by a panic too, must not leave the project without polls.
        let mut guard = Running { project: self, is_concluded: false };
        let (setup, begun) = (self.setup(), Instant::now());
        let requests_before = self.observer.requests();
        // On the heap: it is large, and stands in several others.
        let poll = Box::pin(self.poll(&setup));
        let poll = self.gone.run_until_cancelled(poll);
        let Some(Some(result)) = setup.replaced.run_until_cancelled(poll).await else { return };
        let requests = self.observer.requests() - requests_before;
        self.instruments.polled(self.name(), result.is_ok(), begun.elapsed());
        self.conclude(&setup, result, begun, requests);
        guard.is_concluded = true;
    }

    async fn poll(&self, setup: &Arc<Setup>) -> Result<(RecordsSnapshot, Known), PollError> {
        let options = &setup.options;
        let names = options.users.now().await.map_err(Reason::Users)?;
        let now = self.now();
        let window_start = setup.window_start(now);
        let (client, books, filter) = (&*setup.client, &self.books, &options.filter);
        {
            let mut books = books.lock();
            books.go_by(options);
            // Whoever puts another setup in its place names users by that one, under this lock.
            if Arc::ptr_eq(setup, &self.setup()) {
                books.name_users(names);
            }
        }
        let (project, progress) = (self.name(), &self.progress);
        let clock: &dyn Clock = &*self.clock;
        let asking =
            PollReader { project, progress, client, books, filter, window_start, now, clock };
        let polled = asking.poll().await;
        let polled = polled.inspect_err(|error| {
            if matches!(error.reason, Reason::Sync(_)) {
                self.books.lock().planner.note_contradiction();
            }
        })?;
        let facts = PollFacts {
            identity: setup.identity(),
            counting_since: now,
            window_start,
            begun: now,
            ..PollFacts::default()
        };
        let (books, instruments) = (self.books.clone(), self.instruments.clone());
        let (page, ended) = (client.page_size(), self.now());
        // The disk makes it wait, and a large window computes for a while.
        let taken = spawn_blocking(move || {
            let mut books = books.lock();
            let began = Instant::now();
            let summary = books.take_over(polled, facts, page, ended)?;
            instruments.committed(began.elapsed());
            let oldest_read = books.planner.oldest_read().unwrap_or(now);
            Ok::<_, CommitError>((books.aggregate(), summary, oldest_read, books.known(now)))
        });
        let (aggregate, summary, oldest_read, known) =
            taken.await.map_err(|_| Reason::BrokeOff)?.map_err(Reason::State)?;
        let pools = match &setup.pool_names {
            Some(names) => names.refresh(client, &aggregate).await,
            None => Vec::new(),
        };
        let mut aggregate = aggregate;
        let ids = pools.iter().map(|pool| pool.id.as_str());
        aggregate.seed(ids, options.max_pools);
        let (completed, completed_at) = (self.now(), Instant::now());
        let records =
            RecordsSnapshot { aggregate, summary, oldest_read, completed, completed_at, pools };
        Ok((records, known))
    }

    fn conclude(
        &self,
        setup: &Setup,
        result: Result<(RecordsSnapshot, Known), PollError>,
        begun: Instant,
        requests: u64,
    ) {
        let now = self.now();
        // A reload may have replaced the config meanwhile.
        let is_same = self.setup().identity() == setup.identity();
        let project = self.name();
        let mut state = self.state();
        state.schedule.end(result.is_ok());
        let (records, known) = match result {
            Ok(polled) => polled,
            Err(error) => {
                let failure = state.failures.note(project, &error, now);
                state.change(|snapshot| {
                    snapshot.poll_api_requests = Some(requests);
                    snapshot.failure = Some(failure);
                });
                return;
            }
        };
        let (was_first, earlier_mode) = (state.snapshot.records.is_none(), state.snapshot.mode);
        if is_same {
            if state.failures.end() || was_first {
                let (records, took) = (records.aggregate.records, begun.elapsed());
                tracing::info!(project, records, requests, ?took, "poll succeeded");
            }
            if was_first || earlier_mode != known.mode {
                tracing::info!(project, mode = known.mode.as_str(), "sync mode");
            }
            self.progress.lock().end();
            state.is_first_sync = false;
        }
        state.change(|snapshot| {
            known.put_into(snapshot);
            snapshot.poll_api_requests = Some(requests);
            if is_same {
                snapshot.records = Some(Arc::new(records));
                snapshot.failure = None;
            } else {
                snapshot.forget_records();
            }
        });
    }
}

/// A poll under way; ends with it, however it ends.
struct Running<'a> {
    project: &'a Project,
    is_concluded: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let now = self.project.now();
        let mut state = self.project.state();
        state.running = false;
        // A poll that is dropped otherwise ends with the process.
        if !self.is_concluded && std::thread::panicking() {
            let project = self.project.name();
            self.project.instruments.polled(project, false, Duration::ZERO);
            state.schedule.end(false);
            let failure = state.failures.note(project, &Reason::BrokeOff.into(), now);
            state.change(|snapshot| snapshot.failure = Some(failure));
        }
        drop(state);
        self.project.finished.send_modify(|count| *count += 1);
    }
}

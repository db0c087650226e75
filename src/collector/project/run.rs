//! A poll of a project, from when it was claimed to what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::Project;
use crate::collector::books::Face;
use crate::collector::error::{PollError, Reason};
use crate::collector::poll_reader::{PollReader, locked};
use crate::collector::published::Published;
use crate::collector::setup::Setup;
use crate::exposition::{SnapshotView, SyncMode};
use crate::ledger::{CommitError, PollFacts};
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

    async fn poll(&self, setup: &Arc<Setup>) -> Result<(SnapshotView, Face), PollError> {
        let options = &setup.options;
        let names = options.users.now().await.map_err(Reason::Users)?;
        let now = self.now();
        let window_start = setup.window_start(now);
        let (client, books, filter) = (&*setup.client, &self.books, &options.filter);
        {
            let mut books = locked(books);
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
                locked(&self.books).planner.note_contradiction();
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
            let mut books = locked(&books);
            let began = Instant::now();
            let summary = books.take_over(polled, facts, page, ended)?;
            instruments.committed(began.elapsed());
            let read_from = books.planner.oldest_read().unwrap_or(now);
            Ok::<_, CommitError>((books.aggregate(), summary, read_from, books.face(now)))
        });
        let (aggregate, summary, read_from, face) =
            taken.await.map_err(|_| Reason::BrokeOff)?.map_err(Reason::State)?;
        let pools = match &setup.pool_names {
            Some(names) => names.refresh(client, &aggregate).await,
            None => Vec::new(),
        };
        let mut aggregate = aggregate;
        let known = pools.iter().map(|pool| pool.id.as_str());
        aggregate.seed(known, options.max_pools);
        let completed = self.now();
        Ok((SnapshotView { aggregate, summary, read_from, completed, pools }, face))
    }

    fn conclude(
        &self,
        setup: &Setup,
        result: Result<(SnapshotView, Face), PollError>,
        begun: Instant,
        requests: u64,
    ) {
        let now = self.now();
        // What it goes by may have become another meanwhile.
        let is_same = self.setup().identity() == setup.identity();
        let mut state = self.state();
        state.poll_api_requests = Some(requests);
        state.generation += 1;
        state.schedule.end(result.is_ok());
        match result {
            Ok((_, face)) if !is_same => state.face = face.of_another(),
            Ok((snapshot, face)) => {
                let records = snapshot.aggregate.records;
                let project = self.name();
                if state.failures.end() || state.snapshot.is_none() {
                    let took = begun.elapsed();
                    tracing::info!(project, records, requests, ?took, "poll succeeded");
                }
                if state.snapshot.is_none() || state.face.mode != face.mode {
                    tracing::info!(project, mode = SyncMode::from(face.mode).as_str(), "sync mode");
                }
                locked(&self.progress).end();
                state.face = face;
                state.snapshot = Some(Published::new(snapshot));
                state.is_first_sync = false;
            }
            Err(error) => state.failures.note(self.name(), &error, now),
        }
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
        state.generation += 1;
        // A poll that is dropped otherwise ends with the process.
        if !self.is_concluded && std::thread::panicking() {
            let project = self.project.name();
            self.project.instruments.polled(project, false, Duration::ZERO);
            state.schedule.end(false);
            state.failures.note(project, &Reason::BrokeOff.into(), now);
        }
        drop(state);
        self.project.finished.send_modify(|count| *count += 1);
    }
}

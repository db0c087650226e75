//! One poll of a project: reads, commits, and replaces the snapshot.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Project;
use super::commit::commit;
use super::config::ProjectConfig;
use super::error::{PollError, Reason};
use super::poll::PollReader;
use super::polling::{Polling, Role, Running};
use super::state::{LedgerPart, PollEnd, Polled, ProjectState};
use super::status::Status;
use crate::ledger::PollFacts;
use crate::listing::ReadFailure;
use crate::snapshot::{Failure, RecordsSnapshot};
use records_api::DesktopPool;

/// A poll that has been claimed.
#[derive(Debug)]
pub(super) struct Attempt {
    config: Arc<ProjectConfig>,
    begun: Instant,
    /// Requests to the records API before it.
    requests_before: u64,
    /// Cancelled if nothing of the poll is of use any more: when a config with another client replaces this
    /// one, when another replica leads the project, and at the end of the process.
    cancelled: CancellationToken,
}

impl Project {
    /// Polls now, even if no poll is due. For the command `once`.
    pub async fn poll_once(self: &Arc<Self>) -> Status {
        let attempt = self.begin(&mut self.polling(), Instant::now());
        self.run(attempt).await;
        self.status()
    }

    /// Claims the right to poll. Returns `None` if a poll runs, none is due, or another replica polls.
    pub(super) fn claim(&self, now: Instant) -> Option<Arc<Attempt>> {
        let min_interval = self.config().options.min_interval;
        let mut polling = self.polling();
        let is_due = polling.role == Role::Polls && polling.schedule.is_due(now, min_interval);
        if polling.is_running() || !is_due || self.retired.is_cancelled() {
            return None;
        }
        Some(self.begin(&mut polling, now))
    }

    fn begin(&self, polling: &mut Polling, now: Instant) -> Arc<Attempt> {
        let config = self.config();
        let cancelled = config.replaced.child_token();
        polling.running = Some(Running { since: self.now(), cancelled: cancelled.clone() });
        polling.schedule.start(now);
        let requests_before = self.observer.requests();
        Arc::new(Attempt { config, begun: now, requests_before, cancelled })
    }

    /// Polls.
    pub(super) async fn run(self: &Arc<Self>, attempt: Arc<Attempt>) {
        // The future may be dropped or unwound at any point. Without the guard, the project would count
        // as polling forever and would never be polled again.
        let mut guard = PollGuard { project: self, is_concluded: false };
        // Boxed, because the future is large and part of several others.
        let max_staleness = attempt.config.options.max_staleness;
        let poll = Box::pin(self.warning_if_long(max_staleness, self.poll(&attempt)));
        let poll = self.retired.run_until_cancelled(poll);
        let Some(Some(result)) = attempt.cancelled.run_until_cancelled(poll).await else { return };
        if let Err(error) = result {
            let failed = self.conclude_failed(&attempt, &error);
            if attempt.cancelled.run_until_cancelled(failed).await.is_none() {
                return;
            }
        }
        guard.is_concluded = true;
    }

    /// Polls. Logs once if the poll takes longer than `limit`.
    async fn warning_if_long<T>(&self, limit: Duration, poll: impl Future<Output = T>) -> T {
        let mut poll = std::pin::pin!(poll);
        if let Ok(result) = timeout(limit, &mut poll).await {
            return result;
        }
        tracing::warn!(
            project = self.name(),
            remedy =
                "raise `api.max_requests_per_second` or `api.page_size`, or shorten `poll.window`",
            "the poll runs for longer than `poll.max_staleness` ({}): the records are not served until \
             it ends",
            humantime::format_duration(limit)
        );
        poll.await
    }

    /// Polls, and replaces the snapshot.
    async fn poll(self: &Arc<Self>, attempt: &Arc<Attempt>) -> Result<(), PollError> {
        let config = &attempt.config;
        let options = &config.options;
        let users = options.users.read().await.map_err(Reason::Users)?;
        let now = self.now();
        let window_start = config.window_start(now);
        let client = &*config.client;
        client.begin_poll();
        let hides_names = !users.are_shown();
        {
            let mut state = self.state.lock();
            state.set_options(options, &config.labels);
            // A reload may have replaced the config and the form of user names since this poll started.
            // It sets both under this lock, so its form is not overwritten.
            if Arc::ptr_eq(config, &self.config()) {
                state.set_labels(&config.labels, users, options.counter_hold);
                state.forget_hidden_names();
            }
        }
        let reader = PollReader {
            project: self.name(),
            progress: &self.progress,
            client,
            state: &self.state,
            polling: &self.polling,
            cancelled: &attempt.cancelled,
            filter: &options.filter,
            hides_names,
            max_records: options.max_records,
            window_start,
            now,
            clock: &*self.clock,
        };
        let polled = reader.poll().await.inspect_err(|error| {
            // The plan may rest on what the API contradicts now, so the next poll reads everything.
            if matches!(error.reason, Reason::Read(ReadFailure::Sync(_))) {
                self.state.lock().planner.note_contradiction();
            }
        })?;
        // Before the commit, so that the commit can be served at once.
        let pools = match &config.pool_names {
            Some(names) => {
                let pools = self.state.lock().ledger().pools_with(&polled.staging);
                names.refresh(client, &pools).await
            }
            None => Vec::new(),
        };
        let facts = PollFacts {
            identity: config.identity(),
            counting_since: now,
            window_start,
            begun: now,
            ..PollFacts::default()
        };
        self.commit(attempt, polled, facts, pools).await
    }

    /// Commits a complete poll, and replaces the snapshot in the same turn: between both, nothing else
    /// changes the state.
    async fn commit(
        self: &Arc<Self>,
        attempt: &Arc<Attempt>,
        polled: Polled,
        facts: PollFacts,
        pools: Vec<DesktopPool>,
    ) -> Result<(), PollError> {
        let (project, attempt) = (self.clone(), attempt.clone());
        let cancelled = attempt.cancelled.clone();
        commit(&self.state, &cancelled, move |state| {
            let (commit_begun, begun) = (Instant::now(), facts.begun);
            let options = &attempt.config.options;
            let ids: Vec<_> = pools.iter().map(|pool| pool.id.clone()).collect();
            let end = PollEnd {
                page: attempt.config.client.page_size(),
                ended: project.now(),
                pools: pools.clone(),
                window: options.window,
                due_in: project.due_in(options, true),
            };
            let poll = state.commit_poll(polled, facts, end)?;
            state.report_limits(&project.name);
            project.instruments.committed(commit_begun.elapsed());
            let mut aggregate = state.aggregate();
            aggregate.seed(ids.iter().map(String::as_str), options.max_pools);
            let completed_at = Instant::now();
            let records = RecordsSnapshot { aggregate, poll, completed_at, pools };
            project.conclude(&attempt, records, state.ledger_part(begun));
            let compacted = state.compact();
            project.polling().show_log(compacted);
            Ok(())
        })
        .await
    }

    /// Replaces the snapshot after a poll that failed.
    async fn conclude_failed(self: &Arc<Self>, attempt: &Arc<Attempt>, error: &PollError) {
        let failure = self.polling().failures.add(self.name(), error, self.now());
        let (project, of_commit, failed) = (self.clone(), attempt.clone(), failure.clone());
        // The replicas that follow serve the failure, too. If that is not possible, this one still does.
        let is_of_state = matches!(error.reason, Reason::State(_));
        let committed = commit(&self.state, &attempt.cancelled, move |state| {
            if state.ledger.is_leading() && !is_of_state {
                let due_in = project.due_in(&of_commit.config.options, false);
                let _ = state
                    .commit_failure(failed.to_commit(project.now(), state.hold_millis()), due_in);
            }
            project.conclude_failure(&of_commit, state, Some(failed));
            let compacted = state.compact();
            project.polling().show_log(compacted);
            Ok(())
        });
        if committed.await.is_err() {
            let (state, failure) = (self.state.clone(), failure);
            let mut state = state.lock();
            self.conclude_failure(attempt, &mut state, Some(failure));
        }
    }

    fn conclude_failure(
        &self,
        attempt: &Attempt,
        state: &mut ProjectState,
        failure: Option<Failure>,
    ) {
        let took = attempt.begun.elapsed();
        // A first sync that fails has committed parts. Their size would otherwise stay hidden.
        let (figures, counters, log_end) =
            (state.figures(), state.counters.shown(), state.ledger.log_end());
        self.polling().end_poll(false, took, |snapshot| {
            snapshot.ledger = figures;
            if log_end.is_some() {
                // The commit of the failure may have ended holds.
                (snapshot.counters, snapshot.log_end) = (counters, log_end);
            }
            snapshot.poll_api_requests = Some(self.requests_of(attempt));
            snapshot.failure = failure;
        });
    }

    /// Replaces the snapshot after a complete poll.
    fn conclude(&self, attempt: &Attempt, records: RecordsSnapshot, ledger_part: LedgerPart) {
        let (took, requests) = (attempt.begun.elapsed(), self.requests_of(attempt));
        // A reload during the poll may have selected other records. The counters continue then, but the
        // records of this poll are not shown under the new config.
        let reads_same_records = self.config().identity() == attempt.config.identity();
        let project = self.name();
        let mut polling = self.polling();
        let was_first = polling.snapshot.records.is_none();
        let earlier_mode = polling.snapshot.mode;
        if reads_same_records {
            if polling.failures.end() || was_first {
                let records = records.aggregate.records;
                tracing::info!(project, records, requests, ?took, "poll succeeded");
            }
            if was_first || earlier_mode != ledger_part.mode {
                tracing::info!(project, mode = ledger_part.mode.as_str(), "sync mode");
            }
            polling.is_first_sync = false;
        }
        polling.end_poll(true, took, |snapshot| {
            ledger_part.write_to(snapshot);
            snapshot.poll_api_requests = Some(requests);
            if reads_same_records {
                // The replicas that follow show the window of the poll.
                if snapshot.log_end.is_some() {
                    snapshot.window = Duration::from_millis(records.poll.window_millis);
                }
                snapshot.records = Some(Arc::new(records));
                snapshot.failure = None;
            } else {
                snapshot.forget_records();
            }
        });
        drop(polling);
        if reads_same_records {
            self.progress.lock().complete();
        }
    }

    /// Returns the number of requests to the records API since the begin of a poll.
    fn requests_of(&self, attempt: &Attempt) -> u64 {
        self.observer.requests() - attempt.requests_before
    }
}

/// Ends a poll, however its future ends.
struct PollGuard<'a> {
    project: &'a Project,
    is_concluded: bool,
}

impl Drop for PollGuard<'_> {
    fn drop(&mut self) {
        let now = self.project.now();
        let mut polling = self.project.polling();
        polling.running = None;
        // A poll that was cancelled has no result. One that panicked is a failed poll.
        if !self.is_concluded && std::thread::panicking() {
            let project = self.project.name();
            let failure = polling.failures.add(project, &Reason::Panicked.into(), now);
            polling.end_poll(false, Duration::ZERO, |snapshot| snapshot.failure = Some(failure));
        }
        drop(polling);
        self.project.finished.send_modify(|count| *count += 1);
    }
}

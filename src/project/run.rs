//! One poll of a project: reads, commits, and replaces the snapshot.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Project;
use super::commit::commit;
use super::config::ProjectConfig;
use super::error::{PollError, Reason};
use super::poll::PollReader;
use super::state::{LedgerPart, Polled};
use super::status::Status;
use crate::ledger::PollFacts;
use crate::listing::ReadFailure;
use crate::snapshot::{Aggregate, RecordsSnapshot};
use crate::sync::ReadSummary;
use records_api::record::Timestamp;

/// Result of a complete poll: two parts of the next snapshot.
type PollResult = Result<(RecordsSnapshot, LedgerPart), PollError>;

/// Everything that is served of a committed poll, except the names of the pools.
struct Committed {
    aggregate: Aggregate,
    summary: ReadSummary,
    oldest_read: Timestamp,
    ledger_part: LedgerPart,
}

impl Project {
    /// Polls now, even if no poll is due. For the command `once`.
    pub async fn poll_once(&self) -> Status {
        {
            let mut polling = self.polling();
            polling.running_since = Some(self.now());
            polling.schedule.start(Instant::now());
        }
        self.run_claimed().await;
        self.status()
    }

    /// Polls. The caller has claimed the right to poll.
    pub(super) async fn run_claimed(&self) {
        // The future may be dropped or unwound at any point. Without the guard, the project would count
        // as polling forever and would never be polled again.
        let mut guard = PollGuard { project: self, is_concluded: false };
        let (config, begun) = (self.config(), Instant::now());
        let requests_before = self.observer.requests();
        // Boxed, because the future is large and part of several others.
        let max_staleness = config.options.max_staleness;
        let poll = Box::pin(self.warning_if_long(max_staleness, self.poll(&config)));
        let poll = self.retired.run_until_cancelled(poll);
        let Some(Some(result)) = config.replaced.run_until_cancelled(poll).await else { return };
        let requests = self.observer.requests() - requests_before;
        self.conclude(&config, result, begun, requests);
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

    async fn poll(&self, config: &Arc<ProjectConfig>) -> PollResult {
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
            replaced: &config.replaced,
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
        let committed = self.commit(config, polled, window_start, now).await?;
        let Committed { mut aggregate, summary, oldest_read, ledger_part } = committed;
        let pools = match &config.pool_names {
            Some(names) => names.refresh(client, &aggregate).await,
            None => Vec::new(),
        };
        aggregate.seed(pools.iter().map(|pool| pool.id.as_str()), options.max_pools);
        let (completed, completed_at) = (self.now(), Instant::now());
        let records =
            RecordsSnapshot { aggregate, summary, oldest_read, completed, completed_at, pools };
        Ok((records, ledger_part))
    }

    /// Commits a complete poll that started at `begun`.
    async fn commit(
        &self,
        config: &ProjectConfig,
        polled: Polled,
        window_start: Timestamp,
        begun: Timestamp,
    ) -> Result<Committed, PollError> {
        let facts = PollFacts {
            identity: config.identity(),
            counting_since: begun,
            window_start,
            begun,
            ..PollFacts::default()
        };
        let (instruments, project) = (self.instruments.clone(), self.name.clone());
        let (page, ended) = (config.client.page_size(), self.now());
        commit(&self.state, &config.replaced, move |state| {
            let commit_begun = Instant::now();
            let summary = state.commit_poll(polled, facts, page, ended)?;
            state.report_limits(&project);
            instruments.committed(commit_begun.elapsed());
            let oldest_read = state.planner.oldest_read().unwrap_or(begun);
            let (aggregate, ledger_part) = (state.aggregate(), state.ledger_part(begun));
            Ok(Committed { aggregate, summary, oldest_read, ledger_part })
        })
        .await
    }

    /// Replaces the snapshot after a poll.
    fn conclude(&self, config: &ProjectConfig, result: PollResult, begun: Instant, requests: u64) {
        let (now, took) = (self.now(), begun.elapsed());
        // A reload during the poll may have selected other records. The counters continue then, but the
        // records of this poll are not shown under the new config.
        let reads_same_records = self.config().identity() == config.identity();
        let project = self.name();
        let (records, ledger_part) = match result {
            Ok(polled) => polled,
            Err(error) => {
                // A first sync that fails has committed parts. Their size would otherwise stay hidden.
                let figures = self.state.lock().figures();
                let mut polling = self.polling();
                let failure = polling.failures.add(project, &error, now);
                polling.end_poll(false, took, |snapshot| {
                    snapshot.ledger = figures;
                    snapshot.poll_api_requests = Some(requests);
                    snapshot.failure = Some(failure);
                });
                return;
            }
        };
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
        polling.running_since = None;
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

//! Reloads the config on SIGHUP and on a request to `/-/reload`.
//!
//! A config is used as a whole or not at all. Snapshots, counters and connections stay. Requests that come
//! faster than the config may be reloaded share a reload.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{App, ConnectionLimit, Failure, service_manager};
use crate::config::Config;
use crate::http::{Current, ReloadRequests};
use records_api::LogThrottle;

/// Average time between two reloads.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Reloads that may follow each other at once, for people and tests.
const RELOAD_BURST: u32 = 10;
/// Time between two lines about reloads that follow each other as fast as they may.
const FLOOD_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Receives SIGHUP from now on. Before that, it ends the process.
pub(crate) fn hangup_signal() -> Result<Signal, Failure> {
    signal(SignalKind::hangup()).map_err(Failure::run)
}

/// Waits for requests to reload.
pub(crate) struct Reloader<L> {
    load: L,
    app: App,
    limit: ConnectionLimit,
    live: Current,
    requests: ReloadRequests,
    hangup: Signal,
    pace: Pace,
    log_throttle: LogThrottle,
    /// Time of the last line about a reload.
    logged: Option<Instant>,
}

impl<L: FnMut() -> Result<Config, Failure>> Reloader<L> {
    /// Reloads `app` with what `load` returns.
    pub(crate) fn new(
        load: L,
        app: App,
        limit: ConnectionLimit,
        live: Current,
        requests: ReloadRequests,
        hangup: Signal,
    ) -> Self {
        let (pace, log_throttle) = (Pace::new(), LogThrottle::default());
        Self { load, app, limit, live, requests, hangup, pace, log_throttle, logged: None }
    }

    /// Reloads on every request, one at a time, until `shutdown`. Then stops the exporter.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        while let Some(is_signal) = shutdown.run_until_cancelled(self.next_request()).await {
            self.reload(is_signal);
        }
        let Self { app, requests, .. } = self;
        // Answers the requests that wait.
        drop(requests);
        app.stop().await;
    }

    /// Waits for a request, and until the config may be reloaded. Returns true if a signal was among the
    /// requests.
    async fn next_request(&mut self) -> bool {
        let is_signal = tokio::select! {
            () = self.requests.requested() => false,
            _ = self.hangup.recv() => true,
        };
        self.pace.wait().await;
        // Requests that came meanwhile are answered by the same reload.
        let _ = self.requests.requested().now_or_never();
        let further = self.hangup.recv().now_or_never();
        is_signal || further.is_some()
    }

    fn reload(&mut self, is_signal: bool) {
        self.requests.begin();
        service_manager::reloading();
        // Reading files and opening states blocks the thread.
        let result =
            tokio::task::block_in_place(|| (self.load)().and_then(|new| self.app.reload(new)));
        service_manager::ready();
        let result = result.map_err(|(Failure::Usage(why) | Failure::Run(why))| why);
        match &result {
            Ok(()) => {
                self.live.replace(self.app.served());
                self.limit.update(&self.app);
                self.log_throttle = LogThrottle::default();
                self.log_success();
            }
            Err(why) => {
                self.app.note_failed_reload();
                // The sender of a signal sees the reason only in the log, others get it as the answer.
                if self.log_throttle.is_due(why.clone()) || is_signal {
                    let remedy =
                        "correct the config and reload again; until then the old config is used";
                    tracing::error!(error = why, remedy, "config reload failed");
                }
            }
        }
        self.requests.end(result);
    }

    /// Logs a reload. In a flood of them, not each one.
    fn log_success(&mut self) {
        let is_recent = self.logged.is_some_and(|at| at.elapsed() < FLOOD_LOG_INTERVAL);
        if self.pace.is_used_up() && is_recent {
            return;
        }
        self.logged = Some(Instant::now());
        let projects = self.app.served().collector.projects().len();
        tracing::info!(projects, "config reloaded");
    }
}

/// Limits how often the config is reloaded.
struct Pace {
    /// Time at which the next burst may begin.
    rested: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { rested: Instant::now() }
    }

    /// Waits until the config may be reloaded.
    async fn wait(&mut self) {
        let ahead = self.rested.saturating_duration_since(Instant::now());
        sleep(ahead.saturating_sub((RELOAD_BURST - 1) * RELOAD_INTERVAL)).await;
        self.rested = self.rested.max(Instant::now()) + RELOAD_INTERVAL;
    }

    /// True if the next reload has to wait.
    fn is_used_up(&self) -> bool {
        let ahead = self.rested.saturating_duration_since(Instant::now());
        ahead > (RELOAD_BURST - 1) * RELOAD_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reloads_come_in_small_bursts_and_once_a_second_on_average() {
        let (mut pace, begun) = (Pace::new(), Instant::now());
        let mut seconds = Vec::new();
        for _ in 0..13 {
            pace.wait().await;
            seconds.push(begun.elapsed().as_secs());
            assert_eq!(pace.is_used_up(), seconds.len() >= 10, "{seconds:?}");
        }
        assert_eq!(seconds, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        tokio::time::advance(Duration::from_secs(3600)).await;
        let rested = Instant::now();
        for _ in 0..RELOAD_BURST {
            pace.wait().await;
        }
        assert!(rested.elapsed() < RELOAD_INTERVAL, "{:?}", rested.elapsed());
    }
}

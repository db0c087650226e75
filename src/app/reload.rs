//! Reloads the config on SIGHUP and on a request to `/-/reload`.
//!
//! A config is used as a whole or not at all. Snapshots, counters and connections stay.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::{App, ConnectionLimit, Failure, service_manager};
use crate::config::Config;
use crate::http::{Current, ReloadRequest};

/// Waits for requests to reload.
pub(crate) struct Reloader<L> {
    load: L,
    app: App,
    limit: ConnectionLimit,
    live: Current,
    asked: Receiver<ReloadRequest>,
    hangup: Signal,
}

impl<L: FnMut() -> Result<Config, Failure>> Reloader<L> {
    /// Receives SIGHUP from now on.
    pub(crate) fn new(
        load: L,
        app: App,
        limit: ConnectionLimit,
        live: Current,
        asked: Receiver<ReloadRequest>,
    ) -> Result<Self, Failure> {
        let hangup = signal(SignalKind::hangup()).map_err(Failure::run)?;
        Ok(Self { load, app, limit, live, asked, hangup })
    }

    /// Reloads on every request, one at a time, until `shutdown`.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let waits = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                asked = self.asked.recv() => match asked {
                    Some(asked) => Some(asked),
                    None => return,
                },
                _ = self.hangup.recv() => None,
            };
            let result = self.reload();
            if let Some(waits) = waits {
                // The client may have hung up.
                let _ = waits.send(result);
            }
        }
    }

    fn reload(&mut self) -> Result<(), String> {
        service_manager::reloading();
        let read = (self.load)();
        // Reading certificates and states blocks the thread.
        let result = tokio::task::block_in_place(|| self.app.reload(read?));
        service_manager::ready();
        match result {
            Ok(()) => {
                self.live.replace(self.app.served());
                self.limit.update(&self.app);
                let projects = self.app.served().collector.projects().len();
                tracing::info!(projects, "config reloaded");
                Ok(())
            }
            Err(Failure::Usage(why) | Failure::Run(why)) => {
                self.app.note_failed_reload();
                let remedy =
                    "correct the config and reload again; until then the old config is used";
                tracing::error!(error = why, remedy, "config reload failed");
                Err(why)
            }
        }
    }
}

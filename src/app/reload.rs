//! The config read again while the process serves: by SIGHUP, and by `/-/reload`.
//!
//! All of it counts, or nothing. Snapshots, counters and connections stay.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::{App, Failure, service_manager};
use crate::config::Config;
use crate::http::{Current, ReloadRequest};

/// Who is asked to read the config again.
pub(crate) struct Reloader<L> {
    load: L,
    app: App,
    live: Current,
    asked: Receiver<ReloadRequest>,
    hangup: Signal,
}

impl<L: FnMut() -> Result<Config, Failure>> Reloader<L> {
    /// Listens from now on.
    pub(crate) fn new(
        load: L,
        app: App,
        live: Current,
        asked: Receiver<ReloadRequest>,
    ) -> Result<Self, Failure> {
        let hangup = signal(SignalKind::hangup()).map_err(Failure::run)?;
        Ok(Self { load, app, live, asked, hangup })
    }

    /// Reads the config again whenever somebody asks, one at a time, until `shutdown`.
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
                // Whoever hung up does not want to know.
                let _ = waits.send(result);
            }
        }
    }

    fn reload(&mut self) -> Result<(), String> {
        service_manager::reloading();
        let read = (self.load)();
        // The files of certificates and states are read, and large ones block the thread.
        let result = tokio::task::block_in_place(|| self.app.reload(read?));
        service_manager::ready();
        match result {
            Ok(()) => {
                self.live.replace(self.app.served());
                let projects = self.app.served().collector.projects().len();
                tracing::info!(projects, "the config was read again");
                Ok(())
            }
            Err(Failure::Usage(why) | Failure::Run(why)) => {
                self.app.note_failed_reload();
                let remedy = "mend the config and reload again; the old one stays in force";
                tracing::error!(error = why, remedy, "the config was not read again");
                Err(why)
            }
        }
    }
}

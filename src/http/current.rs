//! The collector and options in use, which a reload replaces, and the channel that requests reloads.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::deadline::scrape_timeout;
use crate::collector::Collector;

/// The collector that the routes currently serve. Clones share it; a reload replaces it for later requests.
#[derive(Debug, Clone)]
pub struct Current(Arc<RwLock<Serving>>);

/// Collector and scrape options that one config results in.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The projects and the exporter's own metrics.
    pub collector: Arc<Collector>,
    /// Subtracted from the timeout that a scrape announces.
    pub timeout_offset: Duration,
    /// Timeout of a scrape that announces none.
    pub default_timeout: Duration,
}

impl Current {
    /// Serves `serving` until it is replaced.
    pub fn new(serving: Serving) -> Self {
        Self(Arc::new(RwLock::new(serving)))
    }

    /// Serves `serving` from now on.
    pub fn replace(&self, serving: Serving) {
        *self.0.write() = serving;
    }

    /// Returns what is served now.
    pub fn get(&self) -> Serving {
        self.0.read().clone()
    }
}

impl Serving {
    /// Returns the deadline of a scrape that begins now.
    pub(super) fn deadline(&self, headers: &HeaderMap) -> Instant {
        Instant::now() + scrape_timeout(headers, self.timeout_offset, self.default_timeout)
    }
}

/// Requests reloads of the config.
#[derive(Debug, Clone)]
pub struct ReloadHandle(mpsc::Sender<ReloadRequest>);

/// Receives the result of a reload, which is the reason if it failed.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// Reload requests beyond this wait before they are queued.
const MAX_QUEUED_RELOADS: usize = 8;

impl ReloadHandle {
    /// Creates a handle and the receiver of its requests.
    pub fn new() -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_RELOADS);
        (Self(sender), receiver)
    }

    /// Reloads the config and waits for the result.
    pub(super) async fn reload(&self) -> Result<(), String> {
        let (result, answered) = oneshot::channel();
        let gone = || "the process is shutting down".to_owned();
        self.0.send(result).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

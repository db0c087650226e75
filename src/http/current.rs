//! What is served at present, and the way to ask for another config.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::deadline::scrape_timeout;
use crate::collector::Collector;

/// What is served at present. A reload puts another in its place, for the requests that come then.
#[derive(Debug, Clone)]
pub struct Live(Arc<RwLock<Served>>);

/// What is served.
#[derive(Debug, Clone)]
pub struct Served {
    /// The projects.
    pub collector: Arc<Collector>,
    /// Taken off the time that a scrape grants.
    pub timeout_offset: Duration,
    /// Time for a scrape that grants none.
    pub default_timeout: Duration,
}

impl Live {
    /// Serves this.
    pub fn new(served: Served) -> Self {
        Self(Arc::new(RwLock::new(served)))
    }

    /// Serves this from now on.
    pub fn put(&self, served: Served) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = served;
    }

    /// What is served now.
    pub fn served(&self) -> Served {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Served {
    /// Until when a scrape may take that begins now.
    pub(super) fn deadline(&self, headers: &HeaderMap) -> Instant {
        Instant::now() + scrape_timeout(headers, self.timeout_offset, self.default_timeout)
    }
}

/// Asks for the config to be read again.
#[derive(Debug, Clone)]
pub struct Reloads(mpsc::Sender<Asked>);

/// Somebody who waits for the config to be read again: what came of it, and why if nothing.
pub type Asked = oneshot::Sender<Result<(), String>>;

/// More who wait at once wait to be heard.
const MOST_WAITING: usize = 8;

impl Reloads {
    /// A way to ask, and who is to listen.
    pub fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (Self(sender), receiver)
    }

    /// Waits until the config was read again, and says why it was not.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let gone = || "the process is shutting down".to_owned();
        self.0.send(answer).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

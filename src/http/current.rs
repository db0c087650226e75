//! The collector and options in use, which a reload replaces.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use parking_lot::RwLock;
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
    /// True if the records themselves are served.
    pub has_records: bool,
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

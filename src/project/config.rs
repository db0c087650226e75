//! Labels, options and client of a project; replaced on reload, between polls.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::options::PollOptions;
use super::poll::PoolNames;
use crate::snapshot::ProjectLabels;
use records_api::Client;
use records_api::record::Timestamp;

/// Labels, options and client of a project.
#[derive(Debug)]
pub struct ProjectConfig {
    /// Labels of the project's series.
    pub labels: Arc<ProjectLabels>,
    /// When the project is polled, and which records a poll reads.
    pub options: PollOptions,
    /// Client of the records API.
    pub client: Arc<Client>,
    pub(super) pool_names: Option<PoolNames>,
    /// Cancelled when a config with another client replaces this one, because its requests are of no use
    /// then, and at the end of the process.
    pub(super) replaced: CancellationToken,
}

impl ProjectConfig {
    /// Creates the config of the project with these labels.
    pub fn new(labels: ProjectLabels, options: PollOptions, client: Arc<Client>) -> Self {
        let (name, timeout) = (labels.project.clone(), options.pools_timeout);
        let pool_names = options.pool_names.then(|| PoolNames::new(name, timeout));
        let replaced = CancellationToken::new();
        Self { labels: Arc::new(labels), options, client, pool_names, replaced }
    }

    /// Identifies the records that a poll reads: project id, endpoint and filter. Records of another
    /// identity are not compared with known ones, even if the project keeps its name.
    pub(super) fn identity(&self) -> String {
        self.client.identity(&self.options.filter)
    }

    /// Returns the start of the window of a poll that starts now, in whole seconds.
    pub(super) fn window_start(&self, now: Timestamp) -> Timestamp {
        let window = i64::try_from(self.options.window.as_millis()).unwrap_or(i64::MAX);
        now.floor_to_second().plus_millis(-window)
    }
}

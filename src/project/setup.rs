//! What a project goes by: another may take its place between two polls.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::options::PollOptions;
use super::poll::PoolNames;
use crate::snapshot::ProjectLabels;
use records_api::Client;
use records_api::record::Timestamp;

/// What a project goes by.
#[derive(Debug)]
pub struct Setup {
    /// What its series bear.
    pub labels: Arc<ProjectLabels>,
    /// How it is polled.
    pub options: PollOptions,
    /// Whom it asks.
    pub client: Arc<Client>,
    pub(super) pool_names: Option<PoolNames>,
    /// Nobody is asked by this client any more.
    pub(super) replaced: CancellationToken,
}

impl Setup {
    /// What a project goes by that has these labels.
    pub fn new(labels: ProjectLabels, options: PollOptions, client: Arc<Client>) -> Self {
        let (name, patience) = (labels.project.clone(), options.pools_timeout);
        let pool_names = options.pool_names.then(|| PoolNames::new(name, patience));
        let replaced = CancellationToken::new();
        Self { labels: Arc::new(labels), options, client, pool_names, replaced }
    }

    /// Whose records it asks for: those of another are not the same project's, whatever its name.
    pub(super) fn identity(&self) -> String {
        self.client.identity(&self.options.filter)
    }

    /// The lower edge of the window of a poll that begins now, in whole seconds.
    pub(super) fn window_start(&self, now: Timestamp) -> Timestamp {
        let window = i64::try_from(self.options.window.as_millis()).unwrap_or(i64::MAX);
        now.floor_to_second().plus_millis(-window)
    }
}

//! The replicas that share the state of a config in a database.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{self, Config};
use crate::instruments::Instruments;
use crate::project::{Project, SharedState};
use crate::replica::{Connections, Identity, ReplicaOptions, Replicas};

/// Pause before the task of the replicas is started again after a panic.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The replicas that share the state of a config; nothing without a database.
#[derive(Default)]
pub(super) struct SharedProjects {
    replicas: Option<Arc<Replicas>>,
    /// Cancelled to end the task of this replica.
    stopped: CancellationToken,
}

impl SharedProjects {
    /// Creates the replicas of a config from the connections to its database.
    pub(super) fn new(
        config: &Config,
        connections: Option<Connections>,
        instruments: &Arc<Instruments>,
    ) -> Self {
        let (Some(database), Some(connections)) = (&config.state.database, connections) else {
            return Self::default();
        };
        let options = ReplicaOptions {
            name: database.replica.clone(),
            url: config.web.external_url.as_ref().map_or_else(String::new, ToString::to_string),
            lease: database.lease,
        };
        instruments.expose_replicas();
        let replicas = Replicas::new(connections, options, instruments.clone());
        Self { replicas: Some(replicas), stopped: CancellationToken::new() }
    }

    /// True if the state is shared.
    pub(super) fn is_shared(&self) -> bool {
        self.replicas.is_some()
    }

    /// Shares these projects of a config from now on.
    pub(super) fn share(&self, config: &Config, projects: &[Arc<Project>]) {
        let Some(replicas) = &self.replicas else { return };
        let shared = config.projects.iter().filter_map(|project| {
            let known = projects.iter().find(|known| known.name() == project.name)?;
            Some((known.clone(), identity(config, project)))
        });
        replicas.share(shared.collect());
    }

    /// Returns the state for the collector.
    pub(super) fn state(&self) -> Option<Arc<dyn SharedState>> {
        self.replicas.clone().map(|replicas| replicas as Arc<dyn SharedState>)
    }

    /// Starts to lead and follow projects.
    pub(super) fn start(&self) {
        let Some(replicas) = self.replicas.clone() else { return };
        let stopped = self.stopped.clone();
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            loop {
                let replicas = replicas.clone();
                // A task of its own, because a panic would leave all projects without a lease.
                let run = tokio::spawn(async move { Box::pin(replicas.run()).await });
                let ended = AbortOnDropHandle::new(run).await;
                tracing::error!(?ended, "the task of the replicas ended; it is started again");
                tokio::time::sleep(RESTART_PAUSE).await;
            }
        }));
    }

    /// Stops, and releases what this replica leads. The projects must have stopped.
    pub(super) async fn stop(&self, limit: Duration) {
        self.stopped.cancel();
        if let Some(replicas) = &self.replicas {
            let _ = tokio::time::timeout(limit, replicas.leave(limit)).await;
        }
    }
}

/// Returns what a project counts. Replicas that count something else do not lead it.
fn identity(config: &Config, project: &config::Project) -> Identity {
    let (poll, labels) = (&config.poll, &config.labels);
    let limits = (labels.max_users, labels.max_pools, labels.max_buckets, labels.max_policies);
    Identity::of([
        ("projects.project_id", project.project_id.clone()),
        ("projects.endpoint", project.endpoint.to_string()),
        ("projects.filter", format!("{:?}", project.filter)),
        ("projects.labels", format!("{:?}", project.labels)),
        ("poll.window", format!("{:?}", poll.window)),
        ("poll.counter_hold", format!("{:?}", poll.counter_hold)),
        ("labels.user", format!("{:?}", labels.user)),
        ("labels.max", format!("{limits:?}")),
        ("labels.max_value_bytes", format!("{:?}", labels.max_value_bytes)),
    ])
}

//! The replicas of a config in a build without support for a database: none.

use std::sync::Arc;
use std::time::Duration;

use super::state_database::Connections;
use crate::config::Config;
use crate::instruments::Instruments;
use crate::project::{Project, SharedState};

/// No replicas.
pub(super) struct SharedProjects;

impl SharedProjects {
    /// Creates nothing. The config cannot have a database.
    pub(super) fn new(_: &Config, _: Option<Connections>, _: &Arc<Instruments>) -> Self {
        Self
    }

    /// Returns false.
    #[expect(clippy::unused_self, reason = "as in the build with a database")]
    pub(super) fn is_shared(&self) -> bool {
        false
    }

    /// Does nothing.
    #[expect(clippy::unused_self, reason = "as in the build with a database")]
    pub(super) fn share(&self, _: &Config, _: &[Arc<Project>]) {}

    /// Returns nothing.
    #[expect(clippy::unused_self, reason = "as in the build with a database")]
    pub(super) fn state(&self) -> Option<Arc<dyn SharedState>> {
        None
    }

    /// Does nothing.
    #[expect(clippy::unused_self, reason = "as in the build with a database")]
    pub(super) fn start(&self) {}

    /// Does nothing.
    #[expect(clippy::unused_async, clippy::unused_self, reason = "as in the build with a database")]
    pub(super) async fn stop(&self, _: Duration) {}
}

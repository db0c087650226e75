//! Polls: when one is due, that only one runs at a time, what it published, what went wrong.
//!
//! Drives the pure `sync` with the client of `api`, keeps a snapshot for each project, and knows
//! the exporter's own figures. It does not know HTTP.

mod asking;
mod board;
mod books;
mod complaint;
mod error;
mod failure;
mod first_sync;
mod instruments;
mod options;
mod poll;
mod pool_names;
mod probe;
mod process;
mod progress;
mod project;
mod published;
mod schedule;

pub use error::{PollError, Reason};
pub use failure::Failure;
pub use instruments::{Instruments, ProjectObserver};
pub use options::{PollMode, PollOptions};
pub use probe::Found;
pub use project::{Project, Status};

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::exposition::{Metric, ProjectView, Scope, TextEncoder, write_projects};

/// All projects and the exporter's own figures.
#[derive(Debug)]
pub struct Collector {
    projects: Vec<Arc<Project>>,
    instruments: Arc<Instruments>,
}

impl Collector {
    /// A collector of these projects, which report to `instruments`.
    pub fn new(projects: Vec<Arc<Project>>, instruments: Arc<Instruments>) -> Self {
        Self { projects, instruments }
    }

    /// The projects, in the order of the config.
    pub fn projects(&self) -> &[Arc<Project>] {
        &self.projects
    }

    /// The exporter's own figures.
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// What a scrape shows: starts the polls that are due and waits for those under way, but not
    /// beyond `deadline`.
    pub async fn scrape(&self, deadline: Instant) -> Vec<u8> {
        let views = join_all(self.projects.iter().map(|project| project.scrape(deadline))).await;
        self.expose(&views)
    }

    /// What a scrape of one project shows: its records without the exporter's own figures. `None` if
    /// there is no such project.
    pub async fn probe(&self, project: &str, deadline: Instant) -> Option<Vec<u8>> {
        let project = self.projects.iter().find(|known| known.name() == project)?;
        let view = project.scrape(deadline).await;
        let mut encoder = TextEncoder::default();
        write_projects(&[view], &mut encoder);
        Some(encoder.finish())
    }

    /// The exposition of these views with the exporter's own figures.
    pub fn expose(&self, views: &[ProjectView]) -> Vec<u8> {
        let mut encoder = TextEncoder::default();
        write_projects(views, &mut encoder);
        instruments::write_views(views, &mut encoder);
        let mut body = encoder.finish();
        self.instruments.write_registry(&mut body);
        body
    }
}

/// The metrics of the table that the exporter's own registry must hold.
fn own(metric: &Metric) -> bool {
    metric.scope == Scope::Exporter
}

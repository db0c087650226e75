//! All projects: answers a scrape with their snapshots and the exporter's own metrics.

mod bodies;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::exposition::{Body, Piece, Wanted};
use crate::instruments::Instruments;
use crate::project::{Project, SharedState};
use bodies::Bodies;
use records_api::run_blocking;

/// Time that the database gets before an answer.
const REFRESH_LIMIT: Duration = Duration::from_secs(1);
/// Time that it gets after polls have taken all the time of a scrape. It is shorter than `poll.timeout_offset`, or
/// Prometheus would give up before it has the answer.
const LATE_REFRESH_LIMIT: Duration = Duration::from_millis(300);

/// All projects and the exporter's own metrics.
#[derive(Debug)]
pub struct Collector {
    projects: Vec<Arc<Project>>,
    instruments: Arc<Instruments>,
    /// The state that replicas share, if they do.
    shared: Option<Arc<dyn SharedState>>,
    /// True if `OpenMetrics` text contains `_created` series.
    created_series: bool,
    /// Bodies of all projects together.
    bodies: Bodies,
    /// Bodies of each project alone, for probes.
    probes: Vec<Bodies>,
}

impl Collector {
    /// Creates the collector of these projects, whose polls count in `instruments`.
    pub fn new(
        projects: Vec<Arc<Project>>,
        instruments: Arc<Instruments>,
        shared: Option<Arc<dyn SharedState>>,
        created_series: bool,
    ) -> Self {
        let probes = projects.iter().map(|_| Bodies::default()).collect();
        let bodies = Bodies::default();
        Self { projects, instruments, shared, created_series, bodies, probes }
    }

    /// Returns the projects, in the order of the config.
    pub fn projects(&self) -> &[Arc<Project>] {
        &self.projects
    }

    /// Returns the exporter's own metrics.
    pub fn instruments(&self) -> &Arc<Instruments> {
        &self.instruments
    }

    /// Answers a scrape: starts the polls that are due, waits for them until `deadline`, and encodes.
    ///
    /// # Errors
    ///
    /// As [`Self::expose`].
    pub async fn scrape(self: &Arc<Self>, deadline: Instant, wanted: Wanted) -> io::Result<Body> {
        self.poll(deadline).await;
        self.encode(wanted).await
    }

    /// Starts the polls that are due, and waits for them until `deadline`. Then makes the projects serve what other
    /// replicas have committed, for which a short time is left after `deadline`, too.
    pub async fn poll(&self, deadline: Instant) {
        self.poll_some(&self.projects, deadline).await;
    }

    /// The same for one project, by its position.
    pub async fn poll_one(&self, at: usize, deadline: Instant) {
        self.poll_some(&self.projects[at..=at], deadline).await;
    }

    async fn poll_some(&self, projects: &[Arc<Project>], deadline: Instant) {
        let own = join_all(projects.iter().map(|project| project.scrape(deadline)));
        match &self.shared {
            Some(shared) => {
                tokio::join!(own, shared.poll(projects, deadline));
                let now = Instant::now();
                let left = deadline.saturating_duration_since(now);
                let limit = left.clamp(LATE_REFRESH_LIMIT, REFRESH_LIMIT);
                shared.refresh(projects, now + limit).await;
            }
            None => drop(own.await),
        }
    }

    /// Makes the projects serve what other replicas have committed, before an answer that waits for no poll.
    pub async fn refresh(&self) {
        if let Some(shared) = &self.shared {
            shared.refresh(&self.projects, Instant::now() + REFRESH_LIMIT).await;
        }
    }

    /// Encodes in a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::expose`].
    pub async fn encode(self: &Arc<Self>, wanted: Wanted) -> io::Result<Body> {
        let this = self.clone();
        run_blocking(move || this.expose(wanted)).await.map_err(io::Error::other)?
    }

    /// Encodes one project, by its position, without the exporter's own metrics.
    ///
    /// # Errors
    ///
    /// As [`Self::expose`].
    pub async fn encode_one(self: &Arc<Self>, at: usize, wanted: Wanted) -> io::Result<Body> {
        let this = self.clone();
        let body = run_blocking(move || {
            let view = this.projects[at].view();
            let records = this.probes[at].piece(&[view], wanted, this.created_series)?;
            body(wanted, &records, Vec::new())
        });
        body.await.map_err(io::Error::other)?
    }

    /// Encodes the current snapshots and the exporter's own metrics. Blocks the thread.
    ///
    /// # Errors
    ///
    /// If the body cannot be compressed, which happens only without memory.
    pub fn expose(&self, wanted: Wanted) -> io::Result<Body> {
        // Both parts use the same views. A poll may replace a snapshot while the first part is encoded.
        let views: Vec<_> = self.projects.iter().map(|project| project.view()).collect();
        let records = self.bodies.piece(&views, wanted, self.created_series)?;
        let own = wanted.format.encode(self.created_series, |sink| {
            self.instruments.write_all(&views, sink);
        });
        body(wanted, &records, own)
    }
}

/// Joins the record part, the rest of an answer, and the end of the format.
fn body(wanted: Wanted, records: &Piece, mut rest: Vec<u8>) -> io::Result<Body> {
    rest.extend_from_slice(wanted.format.end().as_bytes());
    let rest = Piece::new(wanted.coding, rest)?;
    Ok(Body::of(wanted.coding, &[records, &rest]))
}

//! The exporter made of a config, and changed when the config is reloaded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Failure;
use super::options;
use super::replicas::SharedProjects;
use super::shared_clients::SharedClients;
use super::state::open_ledger;
use super::state_database::{Connections, connections, read_states, refusals};
use super::stderr::STDERR;
use crate::collector::Collector;
use crate::config::{self, Config};
use crate::http::Serving;
use crate::instruments::{Instruments, ProjectObserver};
use crate::ledger::{DurableLedger, ValueLimit};
use crate::project::{Project, ProjectConfig, Users};
use crate::snapshot::ProjectLabels;
use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;
use records_api::{Client, Target};

/// Time that commits get to finish when the process ends, which must happen within 5 s of SIGTERM.
const COMMIT_GRACE: Duration = Duration::from_millis(2500);

/// The running exporter, and the config that it was made of.
pub(crate) struct App {
    config: Config,
    shared: SharedClients,
    instruments: Arc<Instruments>,
    replicas: SharedProjects,
    collector: Arc<Collector>,
}

/// Time that the release of leases gets. A lease that is not released ends by itself.
const RELEASE_GRACE: Duration = Duration::from_millis(400);

impl App {
    /// Makes the exporter of a config. Polls do not start yet.
    pub(crate) fn new(config: Config) -> Result<Self, Failure> {
        let connections = connections(&config)?;
        let shared = SharedClients::new(&config, connections.as_ref().map(refusals))?;
        Self::with_clients(config, shared, connections, None)
    }

    /// Makes the exporter of a config without opening a state, which another process may use. Only
    /// refusals of credentials are kept where the states are.
    pub(crate) fn without_state(config: Config) -> Result<Self, Failure> {
        let connections = connections(&config)?;
        let shared = SharedClients::new(&config, connections.as_ref().map(refusals))?;
        Self::with_clients(without_states(config), shared, None, None)
    }

    /// Makes the exporter of a config for one poll. States in a database are read, and what the poll
    /// changes is not written there, because replicas may use them.
    pub(crate) async fn for_one_poll(config: Config) -> Result<Self, Failure> {
        let Some(connections) = connections(&config)? else { return Self::new(config) };
        let shared = SharedClients::new(&config, Some(refusals(&connections)))?;
        let ledgers = read_states(&config, &connections).await?;
        Self::with_clients(without_states(config), shared, None, Some(ledgers))
    }

    fn with_clients(
        config: Config,
        mut shared: SharedClients,
        connections: Option<Connections>,
        ledgers: Option<Vec<DurableLedger>>,
    ) -> Result<Self, Failure> {
        let instruments = Instruments::new(now(), STDERR.dropped());
        let users = options::users(&config.labels)?;
        let replicas = SharedProjects::new(&config, connections, &instruments);
        let mut projects = Vec::new();
        let mut ledgers = ledgers.into_iter().flatten();
        for project in &config.projects {
            let ledger = match ledgers.next() {
                Some(ledger) => ledger,
                None => ledger(&config, project, &replicas)?,
            };
            let project = new_project(&config, project, &users, &mut shared, &instruments, ledger);
            projects.push(project);
        }
        replicas.share(&config, &projects);
        let collector = collector(projects, &instruments, &replicas, &config);
        Ok(Self { config, shared, instruments, replicas, collector })
    }

    /// The projects and the exporter's own metrics.
    pub(crate) fn collector(&self) -> &Arc<Collector> {
        &self.collector
    }

    /// The config that the exporter was made of.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what HTTP serves.
    pub(crate) fn served(&self) -> Serving {
        Serving {
            collector: self.collector.clone(),
            timeout_offset: self.config.poll.timeout_offset,
            default_timeout: self.config.poll.default_timeout,
            has_records: self.config.web.records,
        }
    }

    /// Starts the polls.
    pub(crate) fn start(&self) {
        self.collector.projects().iter().for_each(Project::start);
        self.replicas.start();
    }

    /// Cancels the polls and closes the states. Waits for commits, but not for long.
    pub(crate) async fn stop(&self) {
        let projects = self.collector.projects();
        join_all(projects.iter().map(|project| project.stop(COMMIT_GRACE))).await;
        self.replicas.stop(RELEASE_GRACE).await;
    }

    /// Changes to another config. Projects that are equal in both stay as they are, changed ones use
    /// the new config from their next poll on, new ones start, and removed ones stop.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    pub(crate) fn reload(&mut self, config: Config) -> Result<(), Failure> {
        let fixed = self.config.restart_keys_that_differ(&config);
        if !fixed.is_empty() {
            let text = format!("{} takes effect only after a restart", fixed.join(", "));
            return Err(Failure::Usage(text));
        }
        let mut shared = if self.config.api == config.api {
            self.shared.clone()
        } else {
            self.shared.with_other_transport(&config.api)?
        };
        // The files of certificates may have changed although their paths have not.
        let trust = shared.read_trust()?;
        let users = options::users(&config.labels)?;
        let (mut projects, mut changed, mut begun) = (Vec::new(), Vec::new(), Vec::new());
        for project in &config.projects {
            let known = self.collector.projects().iter().find(|p| p.name() == project.name);
            let Some(known) = known else {
                let ledger = ledger(&config, project, &self.replicas);
                let ledger =
                    ledger.inspect_err(|_| begun.iter().for_each(|p: &Arc<Project>| p.retire()))?;
                let instruments = &self.instruments;
                let new = new_project(&config, project, &users, &mut shared, instruments, ledger);
                begun.push(new.clone());
                projects.push(new);
                continue;
            };
            if !self.is_as_before(&config, project) {
                let client = self.client(known, &config, project, &mut shared);
                let options = options::poll_options(&config, project, users.clone());
                changed.push((
                    known.clone(),
                    ProjectConfig::new(labels(&config, project), options, client),
                ));
            }
            projects.push(known.clone());
        }
        // Nothing fails from here on.
        trust.apply();
        for project in &projects {
            project.end_backoff();
        }
        for (project, setup) in changed {
            project.replace_config(setup);
        }
        let is_gone = |known: &&Arc<Project>| !projects.iter().any(|p| p.name() == known.name());
        self.collector.projects().iter().filter(is_gone).for_each(|project| project.retire());
        begun.iter().for_each(Project::start);
        self.replicas.share(&config, &projects);
        self.collector = collector(projects, &self.instruments, &self.replicas, &config);
        (self.config, self.shared) = (config, shared);
        self.instruments.reloaded(Some(now()));
        Ok(())
    }

    /// Counts a reload that failed.
    pub(crate) fn note_failed_reload(&self) {
        self.instruments.reloaded(None);
    }

    /// True if a project and everything that affects it are equal in another config.
    fn is_as_before(&self, config: &Config, project: &config::Project) -> bool {
        self.earlier(project) == Some(project)
            && self.config.poll == config.poll
            && self.config.api == config.api
            && self.config.labels == config.labels
    }

    fn earlier(&self, project: &config::Project) -> Option<&config::Project> {
        self.config.projects.iter().find(|earlier| earlier.name == project.name)
    }

    /// The client of a known project. The old one is kept with what it has learned, unless its requests
    /// would differ.
    fn client(
        &self,
        known: &Project,
        config: &Config,
        project: &config::Project,
        shared: &mut SharedClients,
    ) -> Arc<Client> {
        let asks_the_same = self.config.api == config.api
            && self.earlier(project).is_some_and(|earlier| {
                earlier.endpoint == project.endpoint
                    && earlier.project_id == project.project_id
                    && earlier.auth == project.auth
            });
        if asks_the_same {
            return known.config().client.clone();
        }
        Arc::new(client(config, project, shared, known.observer()))
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(SystemClock.now_millis())
}

fn collector(
    projects: Vec<Arc<Project>>,
    instruments: &Arc<Instruments>,
    replicas: &SharedProjects,
    config: &Config,
) -> Arc<Collector> {
    let (instruments, created_series) = (instruments.clone(), config.web.created_series);
    Arc::new(Collector::new(projects, instruments, replicas.state(), created_series))
}

/// Returns a config without states.
fn without_states(mut config: Config) -> Config {
    config.state.directory = PathBuf::new();
    config.state.database = None;
    config
}

/// Opens the state of a project, or creates that of a replica, which has read nothing yet.
fn ledger(
    config: &Config,
    project: &config::Project,
    replicas: &SharedProjects,
) -> Result<DurableLedger, Failure> {
    if replicas.is_shared() {
        return Ok(DurableLedger::following());
    }
    open_ledger(config.state_directory(), &project.name)
}

fn new_project(
    config: &Config,
    project: &config::Project,
    users: &Users,
    shared: &mut SharedClients,
    instruments: &Arc<Instruments>,
    ledger: DurableLedger,
) -> Arc<Project> {
    let options = options::poll_options(config, project, users.clone());
    let client = |observer| client(config, project, shared, observer);
    let clock = Arc::new(SystemClock);
    Project::new(labels(config, project), options, clock, instruments.clone(), ledger, client)
}

fn labels(config: &Config, project: &config::Project) -> ProjectLabels {
    ProjectLabels {
        project: project.name.clone(),
        constant: project.labels.clone(),
        value_limit: ValueLimit::new(config.labels.max_value_bytes),
    }
}

fn client(
    config: &Config,
    project: &config::Project,
    shared: &mut SharedClients,
    observer: Arc<ProjectObserver>,
) -> Client {
    let target = Target {
        endpoint: project.endpoint.clone(),
        project_id: project.project_id.clone(),
        auth: shared.auth(&project.auth),
    };
    let (limits, clock) = (options::limits(&config.api), Arc::new(SystemClock));
    let (refusals, transport) = (shared.refusals.clone(), shared.transport.clone());
    Client::new(target, limits, refusals, transport, clock, observer)
}

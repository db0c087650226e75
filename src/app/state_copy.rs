//! `state copy`: copies states between a directory and a database.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use super::state::{EXTENSION, state_path};
use super::state_database::{LIMIT, failed};
use crate::ledger::{DurableLedger, OpenError};
use crate::replica::{Connections, NewLog, read_log};
use records_api::run_blocking;
use rustls::ClientConfig;
use state_database::{Address, LogState};

/// Place of states.
#[derive(Debug)]
pub(crate) enum StatePlace {
    /// A directory, with a file for each project.
    Directory(PathBuf),
    /// A database.
    Database(Box<Address>),
}

/// Copies all states from one place to another one that has none. Passes the name of each project and its
/// number of records to `note`.
pub(crate) async fn copy_states(
    from: &StatePlace,
    to: &StatePlace,
    tls: &Arc<ClientConfig>,
    mut note: impl FnMut(&str, usize),
) -> Result<(), Failure> {
    let (source, target) = (Place::of(from, tls), Place::of(to, tls));
    target.prepare().await?;
    let taken = target.names().await?;
    if !taken.is_empty() {
        let (target, taken) = (target.describe(), taken.join(", "));
        return Err(Failure::run(format!(
            "--to: {target} holds states already ({taken}); copy to a place without states, or remove them \
             if they are of no use"
        )));
    }
    let names = source.names().await?;
    if names.is_empty() {
        return Err(Failure::run(format!("--from: {} holds no state", source.describe())));
    }
    // A source that is in use or damaged is refused before anything is written.
    for name in &names {
        Box::pin(source.read(name)).await?;
    }
    for (done, name) in names.iter().enumerate() {
        let copied = async {
            let mut ledger = Box::pin(source.read(name)).await?;
            let records = ledger.len();
            Box::pin(target.write(name, &mut ledger)).await?;
            Ok::<_, Failure>(records)
        };
        let records = copied.await.map_err(|failure| failure.after_copies(&names[..done]))?;
        note(name, records);
    }
    Ok(())
}

/// An open place of states.
enum Place<'p> {
    Directory(&'p Path),
    Database(Connections),
}

impl Place<'_> {
    fn of<'p>(place: &'p StatePlace, tls: &Arc<ClientConfig>) -> Place<'p> {
        match place {
            StatePlace::Directory(path) => Place::Directory(path),
            StatePlace::Database(address) => Place::Database(Connections::new(address, tls)),
        }
    }

    /// Makes it possible to write states. The directory is created with the first one.
    async fn prepare(&self) -> Result<(), Failure> {
        match self {
            Self::Directory(_) => Ok(()),
            Self::Database(connections) => {
                connections.log.create_tables().await.map_err(|error| failed(&error))
            }
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Directory(path) => path.display().to_string(),
            Self::Database(connections) => format!("the database {}", connections.log.address()),
        }
    }

    /// Returns the names of the projects that have a state, in order.
    async fn names(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Directory(path) => names_in(path),
            Self::Database(connections) => {
                let states = match connections.leases.all_states(LIMIT).await {
                    Err(error) if error.is_table_missing() => Vec::new(),
                    states => states.map_err(|error| failed(&error))?,
                };
                Ok(states.into_iter().filter(has_state).map(|state| state.project).collect())
            }
        }
    }

    async fn read(&self, name: &str) -> Result<DurableLedger, Failure> {
        match self {
            Self::Directory(path) => {
                let path = state_path(path, name);
                let opened = run_blocking(move || DurableLedger::open_undamaged(&path)).await;
                let opened = opened.map_err(|_| Failure::run("reading the state panicked"))?;
                opened.map_err(|error| match &error {
                    OpenError::Locked(_) => {
                        Failure::run(format!("{error}; stop it, and copy again"))
                    }
                    // Their remedies are for a process that serves the state.
                    _ => Failure::run(error),
                })
            }
            Self::Database(connections) => {
                let states = connections.leases.states(&[name.to_owned()], LIMIT).await;
                let state = states.map_err(|error| failed(&error))?.into_iter().next();
                let Some(state) = state else { return Ok(DurableLedger::default()) };
                if let Some(leader) = state.leader {
                    let url = if leader.url.is_empty() { "a replica" } else { &leader.url };
                    return Err(Failure::run(format!(
                        "--from: the state of {name} is in use by {url}; stop all replicas, and copy again"
                    )));
                }
                let read = read_log(&connections.log, name, state.position).await;
                read.map_err(|error| Failure::run(format!("{name}: {error}")))
            }
        }
    }

    async fn write(&self, name: &str, ledger: &mut DurableLedger) -> Result<(), Failure> {
        match self {
            Self::Directory(path) => {
                let path = state_path(path, name);
                let mut moved = std::mem::take(ledger);
                let written = run_blocking(move || moved.move_to_file(&path)).await;
                written
                    .map_err(|_| Failure::run("writing the state panicked"))?
                    .map_err(Failure::run)
            }
            Self::Database(connections) => {
                let log = NewLog::begin(connections, name).await.map_err(Failure::run)?;
                let moved = std::mem::take(ledger);
                log.fill(moved).await.map_err(Failure::run)
            }
        }
    }
}

impl Failure {
    /// Adds what was copied before it.
    fn after_copies(self, copied: &[String]) -> Self {
        let (Self::Usage(text) | Self::Run(text)) = self;
        if copied.is_empty() {
            return Self::Run(text);
        }
        let copied = copied.join(", ");
        Self::Run(format!("{text}; before it, these were copied: {copied}"))
    }
}

fn has_state(state: &LogState) -> bool {
    state.position.next > 0 || state.leader.is_some()
}

/// Returns the names of the projects with a state in a directory, in order.
fn names_in(directory: &Path) -> Result<Vec<String>, Failure> {
    let unusable = |error| Failure::run(format!("{}: {error}", directory.display()));
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(unusable)?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let Some(name) =
            name.filter(|_| path.extension().is_some_and(|found| found == EXTENSION))
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

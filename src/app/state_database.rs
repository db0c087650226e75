//! The database of a config: its connections, and what commands read from it.

use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use super::refused_in_database::RefusedInDatabase;
use crate::config::Config;
use crate::ledger::DurableLedger;
pub(super) use crate::replica::Connections;
use crate::replica::read_log;
use records_api::RefusalStore;
use rustls::ClientConfig;
use state_database::{DatabaseError, tls_config};

/// Time limit of a statement.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Returns the connections to the database of a config; `None` without one. Nothing is connected yet.
pub(super) fn connections(config: &Config) -> Result<Option<Connections>, Failure> {
    let Some(database) = &config.state.database else { return Ok(None) };
    let address = database.address().map_err(Failure::Usage)?;
    let tls = database_tls(config)?;
    let of_file = database.clone();
    let connections = Connections::new(&address, &tls);
    Ok(Some(connections.reading_again(move || of_file.address().ok())))
}

/// Returns the TLS settings for the database of a config, or for another one.
pub(crate) fn database_tls(config: &Config) -> Result<Arc<ClientConfig>, Failure> {
    let database = config.state.database.as_ref();
    let ca_file = database.and_then(|database| database.ca_file.as_deref());
    let is_verified = !database.is_some_and(|database| database.insecure_tls);
    let tls = tls_config(ca_file, is_verified);
    tls.map_err(|error| Failure::Usage(format!("{error}; {}", error.remedy())))
}

/// Returns the refusals that all replicas share.
pub(super) fn refusals(connections: &Connections) -> Arc<dyn RefusalStore> {
    Arc::new(RefusedInDatabase::new(connections.leases.clone()))
}

/// Returns the failure of a command that cannot use the database.
pub(super) fn failed(error: &DatabaseError) -> Failure {
    Failure::run(format!("{error}; {}", error.remedy()))
}

/// Tries the database of a config, if it has one. Changes nothing in it.
pub(crate) async fn check_database(config: &Config) -> Result<(), Failure> {
    let Some(connections) = connections(config)? else { return Ok(()) };
    match connections.leases.states(&[], LIMIT).await {
        Ok(_) => Ok(()),
        // No exporter has used it yet.
        Err(error) if error.is_table_missing() => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// Reads the state of each project of a config, in its order. Changes nothing in the database.
pub(super) async fn read_states(
    config: &Config,
    connections: &Connections,
) -> Result<Vec<DurableLedger>, Failure> {
    let names: Vec<_> = config.projects.iter().map(|project| project.name.clone()).collect();
    let states = match connections.leases.states(&names, LIMIT).await {
        Ok(states) => states,
        // No exporter has used the database yet.
        Err(error) if error.is_table_missing() => Vec::new(),
        Err(error) => return Err(failed(&error)),
    };
    let mut ledgers = Vec::new();
    for name in names {
        let state = states.iter().find(|state| state.project == name);
        let mut ledger = match state {
            None => DurableLedger::default(),
            Some(state) => read_log(&connections.log, &name, state.position)
                .await
                .map_err(|error| Failure::run(format!("{name}: {error}")))?,
        };
        ledger.close();
        ledgers.push(ledger);
    }
    Ok(ledgers)
}

//! The database of a config in a build without support for it: none.

use std::sync::Arc;

use super::Failure;
use crate::config::Config;
use crate::ledger::DurableLedger;
use records_api::RefusalStore;

/// Connections to a database. There are none.
#[derive(Debug)]
pub(super) enum Connections {}

/// Returns no connections: the config cannot have a database.
#[expect(clippy::unnecessary_wraps, reason = "the build with a database can fail")]
pub(super) fn connections(_: &Config) -> Result<Option<Connections>, Failure> {
    Ok(None)
}

/// Returns the refusals that all replicas share.
pub(super) fn refusals(connections: &Connections) -> Arc<dyn RefusalStore> {
    match *connections {}
}

/// Tries nothing.
#[expect(clippy::unused_async, reason = "as in the build with a database")]
pub(crate) async fn check_database(_: &Config) -> Result<(), Failure> {
    Ok(())
}

/// Reads the state of each project of a config.
#[expect(clippy::unused_async, reason = "as in the build with a database")]
pub(super) async fn read_states(
    _: &Config,
    connections: &Connections,
) -> Result<Vec<DurableLedger>, Failure> {
    match *connections {}
}

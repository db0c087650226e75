//! `state copy`: copies states between a directory and a database.

use std::path::PathBuf;

use super::arguments::ServeFlags;
use super::load::{load_from, sources};
use crate::app::{Failure, STDERR, StatePlace, copy_states, database_tls};
use crate::config::{Config, StateDatabase};
use records_api::secret::Source;

pub(super) async fn run(flags: &ServeFlags, from: &str, to: &str) -> Result<(), Failure> {
    let mut sources = sources(flags)?;
    // States are found where they are, whatever projects the config has.
    sources.needs_projects = false;
    let config = load_from(&sources)?;
    let (from, to) = (place("--from", from, &config)?, place("--to", to, &config)?);
    let tls = database_tls(&config)?;
    copy_states(&from, &to, &tls, |project, records| {
        STDERR.push(format!("{project}: copied, {records} records\n").as_bytes());
    })
    .await
}

/// Returns the place that a flag names. Messages contain nothing of a URL but host and database.
fn place(flag: &str, value: &str, config: &Config) -> Result<StatePlace, Failure> {
    let refused = |why: String| Failure::Usage(format!("{flag}: {why}"));
    // It would appear in the list of processes. Behind `env:` or `file:`, a message would show it.
    if value.contains("://") {
        let remedy = "use env:NAME, file:PATH or state.url, which keep its password secret";
        return Err(refused(format!("a URL is not accepted (not shown); {remedy}")));
    }
    let known = config.state.database.as_ref();
    let url = if value == "state.url" {
        let known = known.ok_or_else(|| refused("the config does not set state.url".to_owned()))?;
        known.url.clone()
    } else if let Some(name) = value.strip_prefix("env:") {
        let shown = format!("the environment variable {name:?}");
        let url = std::env::var(name).map_err(|_| refused(format!("{shown} is not set")))?;
        let url = StateDatabase::URL.parse(url.trim());
        Source::Value(url.map_err(|what| refused(format!("{shown} {what}")))?)
    } else if let Some(path) = value.strip_prefix("file:") {
        Source::file(path, StateDatabase::URL)
    } else if value.is_empty() {
        return Err(refused("names no directory".to_owned()));
    } else {
        return Ok(StatePlace::Directory(PathBuf::from(value)));
    };
    let is_insecure = known.is_some_and(|known| known.insecure_tls);
    let address = StateDatabase::address_at(&url, is_insecure).map_err(refused)?;
    Ok(StatePlace::Database(Box::new(address)))
}

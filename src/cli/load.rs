//! Reads the config that a command line names.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::arguments::ServeFlags;
use crate::app::{Failure, start_log};
use crate::config::{self, Config, Sources};
use crate::listing::ReadError;

/// Reads the config that a command line names, starts the log as it says, and logs the variables that have
/// no effect by mistake.
pub(super) fn load(flags: &ServeFlags) -> Result<Config, Failure> {
    load_from(&sources(flags)?)
}

/// The same from sources that are read again later.
pub(super) fn load_from(sources: &Sources) -> Result<Config, Failure> {
    let config = read(sources)?;
    start_log(&config.log);
    for (variable, meant) in sources.misnamed_variables() {
        tracing::warn!(variable, meant, "a variable has no effect, levels have __ between them");
    }
    Ok(config)
}

/// Keeps only one project of the config, if one is named.
pub(super) fn select_project(config: &mut Config, name: Option<&str>) -> Result<(), Failure> {
    let Some(name) = name else { return Ok(()) };
    let known: Vec<_> = config.projects.iter().map(|project| project.name.clone()).collect();
    config.projects.retain(|project| project.name == name);
    if config.projects.is_empty() {
        let known = known.join(", ");
        return Err(Failure::Usage(format!(
            "--project: unknown project {name}; known are {known}"
        )));
    }
    Ok(())
}

/// Returns the failure of a command that cannot list the records of a project.
pub(super) fn cannot_list(project: &str, error: &ReadError) -> Failure {
    let remedy = error.failure.remedy();
    Failure::run(format!("{project}: {error} ({}): {remedy}", error.request))
}

/// Finds out what the config of a command line is read from.
pub(super) fn sources(flags: &ServeFlags) -> Result<Sources, Failure> {
    let file = flags.config_file().or_else(default_file);
    Ok(Sources {
        file,
        environment: environment()?,
        flags: flags.overrides(),
        needs_projects: true,
    })
}

/// The default file, unless there is none. A file that exists and cannot be read is an error later.
fn default_file() -> Option<PathBuf> {
    let path = PathBuf::from(config::DEFAULT_FILE);
    let found = path.symlink_metadata();
    let is_missing = found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    (!is_missing).then_some(path)
}

/// Reads defaults and flags alone, for a command without a config, and starts the log.
#[cfg(feature = "simulator")]
pub(super) fn load_flags(flags: &ServeFlags) -> Result<Config, Failure> {
    let config = read(&Sources { flags: flags.overrides(), ..Sources::default() })?;
    start_log(&config.log);
    Ok(config)
}

/// Reads the config.
pub(super) fn read(sources: &Sources) -> Result<Config, Failure> {
    Config::load(sources).map_err(|error| Failure::Usage(error.to_string()))
}

fn environment() -> Result<BTreeMap<String, String>, Failure> {
    let mut environment = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        // A name that is not UTF-8 cannot be one of ours.
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => {
                environment.insert(name, value);
            }
            Err(_) if name.starts_with(config::VARIABLE_PREFIX) => {
                return Err(Failure::Usage(format!("{name}: the value (not shown) is not UTF-8")));
            }
            Err(_) => {}
        }
    }
    Ok(environment)
}

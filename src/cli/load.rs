//! Reads the config that a command line names.

use std::collections::BTreeMap;

use super::arguments::ServeFlags;
use crate::app::{Failure, start_log};
use crate::config::{self, Config, Sources};

/// Reads the config and starts the log as it says.
pub(super) fn load(flags: &ServeFlags) -> Result<Config, Failure> {
    let config = load_config(flags)?;
    start_log(&config.log);
    Ok(config)
}

/// Reads the config.
pub(super) fn load_config(flags: &ServeFlags) -> Result<Config, Failure> {
    let file = Some(flags.config_file());
    let environment = environment()?;
    read(&Sources { file, environment, flags: flags.overrides(), needs_projects: true })
}

/// Reads defaults and flags alone, for a command without a config, and starts the log.
#[cfg(feature = "simulator")]
pub(super) fn load_flags(flags: &ServeFlags) -> Result<Config, Failure> {
    let config = read(&Sources { flags: flags.overrides(), ..Sources::default() })?;
    start_log(&config.log);
    Ok(config)
}

fn read(sources: &Sources) -> Result<Config, Failure> {
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

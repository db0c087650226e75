//! The wiring: makes the parts of the exporter out of a config, and exchanges them when it changes.
//!
//! The commands in `cli` start what they need from here.

mod connection_limit;
mod failure;
mod file_size_limit;
mod listeners;
mod logging;
mod options;
mod refused_credentials;
#[cfg(feature = "postgresql")]
mod refused_in_database;
mod reload;
#[cfg(feature = "postgresql")]
mod replicas;
#[cfg(not(feature = "postgresql"))]
#[path = "app/no_replicas.rs"]
mod replicas;
mod service_manager;
mod shared_clients;
mod shutdown;
mod state;
#[cfg(feature = "postgresql")]
mod state_copy;
#[cfg(feature = "postgresql")]
mod state_database;
#[cfg(not(feature = "postgresql"))]
#[path = "app/no_state_database.rs"]
mod state_database;
mod stderr;
mod wiring;

pub(crate) use connection_limit::{ConnectionLimit, raise_open_files_limit};
pub(crate) use failure::Failure;
pub(crate) use file_size_limit::survive_file_size_limit;
pub(crate) use listeners::listeners;
#[cfg(feature = "simulator")]
pub(crate) use listeners::{listen, listen_on};
pub(crate) use logging::start as start_log;
pub(crate) use options::{links, web_config, web_options};
pub(crate) use reload::{Reloader, hangup_signal};
pub(crate) use service_manager::ready;
pub(crate) use shutdown::{shutdown_signal, unless_shutdown};
pub(crate) use state::counting_since;
#[cfg(feature = "postgresql")]
pub(crate) use state_copy::{StatePlace, copy_states};
pub(crate) use state_database::check_database;
#[cfg(feature = "postgresql")]
pub(crate) use state_database::database_tls;
pub(crate) use stderr::STDERR;
pub(crate) use wiring::App;

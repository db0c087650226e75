//! The command line: commands and flags, named as Prometheus' own programs name them.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Flags;

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("BUILD_REVISION"),
    ", rust ",
    env!("BUILD_RUST_VERSION"),
    ")"
);

/// Prometheus exporter for Huawei Cloud Workspace screen recordings.
#[derive(Debug, Clone, Parser)]
#[command(name = "screen-records-exporter", version = VERSION)]
pub struct Cli {
    /// What to do; without a command: serve.
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    /// The config file.
    #[arg(long = "config.file", global = true, default_value = "config.toml", value_name = "FILE")]
    pub(super) config_file: PathBuf,

    /// Address to listen on; may be given more than once.
    #[arg(long = "web.listen-address", global = true, value_name = "ADDRESS")]
    listen_addresses: Vec<String>,

    /// TLS and basic auth, in the format of the exporter-toolkit's web-config.yml.
    #[arg(long = "web.config.file", global = true, value_name = "FILE")]
    pub(super) web_config_file: Option<String>,

    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", global = true, value_name = "PATH")]
    telemetry_path: Option<String>,

    /// Least grave level to log: error, warn, info, debug or trace.
    #[arg(long = "log.level", global = true, value_name = "LEVEL")]
    log_level: Option<String>,

    /// Format of the log: logfmt or json.
    #[arg(long = "log.format", global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Serve metrics for the projects in the config file.
    Serve,
    /// Serve metrics of a simulated records API: no account, no config file.
    #[cfg(feature = "simulator")]
    Demo,
    /// Run only the simulated records API, for tests.
    #[cfg(feature = "simulator")]
    Simulate(Box<records_api_simulator::Options>),
    /// Left out of this build.
    #[cfg(not(feature = "simulator"))]
    #[command(hide = true)]
    Demo(LeftOut),
    /// Left out of this build.
    #[cfg(not(feature = "simulator"))]
    #[command(hide = true)]
    Simulate(LeftOut),
    /// Read and check the config, and print it with secrets redacted.
    Check {
        /// Also sign in and make one records request per project.
        #[arg(long)]
        online: bool,
    },
    /// Poll once and print the metrics.
    Once,
    /// Write the history of the counters; not built yet in this version.
    Backfill {
        /// Whatever follows.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
}

/// Whatever follows a command that this build does not have.
#[cfg(not(feature = "simulator"))]
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LeftOut {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<String>,
}

impl Cli {
    /// The flags that override keys of the config.
    pub(super) fn overrides(&self) -> Flags {
        let mut flags = Flags::new();
        if !self.listen_addresses.is_empty() {
            let addresses = self.listen_addresses.clone();
            flags.push(("web.listen_addresses", "--web.listen-address", addresses));
        }
        let single = [
            ("web.config_file", "--web.config.file", &self.web_config_file),
            ("web.telemetry_path", "--web.telemetry-path", &self.telemetry_path),
            ("log.level", "--log.level", &self.log_level),
            ("log.format", "--log.format", &self.log_format),
        ];
        for (key, flag, value) in single {
            flags.extend(value.clone().map(|value| (key, flag, vec![value])));
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_and_behind_the_command() {
        for line in [
            "x --config.file a.toml --web.listen-address :1 check --online",
            "x check --web.listen-address :1 --online --config.file a.toml",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(matches!(cli.command, Some(Command::Check { online: true })));
            assert_eq!(cli.config_file, PathBuf::from("a.toml"));
            let address = vec![":1".to_owned()];
            let expected = ("web.listen_addresses", "--web.listen-address", address);
            assert_eq!(cli.overrides(), [expected]);
        }
    }

    #[test]
    fn nothing_means_serve_and_backfill_takes_anything() {
        assert!(Cli::try_parse_from(["x"]).unwrap().command.is_none());
        let backfill = ["x", "backfill", "--start", "1", "--end", "2", "--output", "f"];
        assert!(Cli::try_parse_from(backfill).is_ok());
        assert_eq!(Cli::try_parse_from(["x", "--nope"]).unwrap_err().exit_code(), 2);
    }
}

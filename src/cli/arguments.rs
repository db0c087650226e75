//! The command line: commands and their flags, named as in Prometheus' own programs.
//!
//! A flag may come before or after the name of the command. A command takes only the flags that change
//! what it does; every other flag is refused, so that nobody relies on a flag without effect.

use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, Parser, Subcommand};

use super::backfill_flags::BackfillFlags;
use super::records_flags::RecordsFlags;
use crate::app::Failure;
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
#[command(name = "screen-records-exporter", version = VERSION, disable_help_subcommand = true)]
pub struct Cli {
    /// The command to run; without one, `serve`.
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    flags: ServeFlags,
}

/// A command with its flags.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Serve metrics for the projects in the config (default)
    Serve(ServeFlags),
    /// Serve metrics for a simulated records API; needs no account and no config file
    #[cfg(feature = "simulator")]
    Demo {
        #[command(flatten)]
        web: WebFlags,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Run only the simulated records API, for use in tests
    #[cfg(feature = "simulator")]
    Simulate(Box<Simulate>),
    /// Check the config and print it with secrets redacted
    Check {
        #[command(flatten)]
        flags: ServeFlags,
        /// Also authenticate and make one records request per project
        #[arg(long)]
        online: bool,
    },
    /// Ask the process that this config starts whether it serves
    Healthcheck(ServeFlags),
    /// Poll once and print the metrics
    Once {
        #[command(flatten)]
        config: ConfigFlags,
        #[command(flatten)]
        log: LogFlags,
    },
    /// List the records themselves, with all fields
    Records {
        #[command(flatten)]
        list: Box<RecordsFlags>,
        #[command(flatten)]
        config: ConfigFlags,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Write the history of the counters from before counting began
    Backfill {
        #[command(flatten)]
        history: Box<BackfillFlags>,
        #[command(flatten)]
        config: ConfigFlags,
        #[command(flatten)]
        log: LogFlags,
    },
    #[cfg(not(feature = "simulator"))]
    #[command(hide = true, disable_help_flag = true)]
    Demo(Ignored),
    #[cfg(not(feature = "simulator"))]
    #[command(hide = true, disable_help_flag = true)]
    Simulate(Ignored),
    /// Copy the states of projects
    #[cfg(feature = "postgresql")]
    #[command(subcommand_required = true, arg_required_else_help = true)]
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    #[cfg(not(feature = "postgresql"))]
    #[command(hide = true, disable_help_flag = true)]
    State(Ignored),
}

/// Commands for states.
#[cfg(feature = "postgresql")]
#[expect(clippy::doc_markdown, reason = "the comments are the help of the command")]
#[derive(Debug, Clone, Subcommand)]
pub(super) enum StateCommand {
    /// Copy all states from a directory or database to another one that has none
    ///
    /// WHERE is a directory, state.url for the database of the config, env:NAME for the URL of a database in
    /// a variable, or file:PATH for one in a file. No exporter may use either of them.
    Copy {
        /// Directory or database with the states
        #[arg(long, value_name = "WHERE")]
        from: String,
        /// Directory or database that gets them
        #[arg(long, value_name = "WHERE")]
        to: String,
        #[command(flatten)]
        config: ConfigFlags,
        #[command(flatten)]
        log: LogFlags,
    },
}

/// The flags of `simulate`.
#[cfg(feature = "simulator")]
#[derive(Debug, Clone, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    pub(super) options: records_api_simulator::Options,
    #[command(flatten)]
    log: LogFlags,
}

/// Arguments of a command that this build does not have.
#[cfg(not(all(feature = "postgresql", feature = "simulator")))]
#[derive(Debug, Clone, Args)]
pub(super) struct Ignored {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<String>,
}

/// The flags of `serve`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct ServeFlags {
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    web: WebFlags,
    #[command(flatten)]
    log: LogFlags,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct ConfigFlags {
    /// Path of the config file [default: config.toml, if it exists]
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct WebFlags {
    /// Address to listen on; repeatable
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    listen_addresses: Vec<String>,

    /// Path of a file that enables TLS or basic auth, in the exporter-toolkit's format
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<String>,

    /// Path under which to serve the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH")]
    telemetry_path: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct LogFlags {
    /// Only log messages with the given severity or above: error, warn, info, debug or trace
    #[arg(long = "log.level", value_name = "LEVEL")]
    log_level: Option<String>,

    /// Output format of log messages: logfmt or json
    #[arg(long = "log.format", value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Cli {
    /// Returns the command, and its flags from both sides of its name. Behind the name wins.
    ///
    /// # Errors
    ///
    /// A command that this version or build does not have, and a flag before the name of a command that
    /// does not accept it. The parser itself refuses one behind the name.
    pub(super) fn resolve(self) -> Result<(Command, ServeFlags), Failure> {
        let before = self.flags;
        let Some(command) = self.command else {
            return Ok((Command::Serve(ServeFlags::default()), before));
        };
        let (name, behind) = command.flags()?;
        let definition = Self::command();
        // The name of a command for states has two words.
        let mut words = name.split(' ');
        let definition =
            words.try_fold(&definition, |definition, word| definition.find_subcommand(word));
        let accepted = definition.into_iter().flat_map(clap::Command::get_arguments);
        let accepted: Vec<_> = accepted.filter_map(Arg::get_long).collect();
        let is_refused = |flag: &&str| !accepted.contains(&flag.trim_start_matches("--"));
        if let Some(flag) = before.given().into_iter().find(is_refused) {
            let text = format!("the command {name} does not accept {flag}; remove it");
            return Err(Failure::Usage(text));
        }
        Ok((command, behind.or(before)))
    }
}

impl Command {
    /// Its name and its own flags.
    #[cfg_attr(
        all(feature = "postgresql", feature = "simulator"),
        expect(clippy::unnecessary_wraps, reason = "other builds lack commands")
    )]
    fn flags(&self) -> Result<(&'static str, ServeFlags), Failure> {
        let flags = ServeFlags::default();
        match self.clone() {
            Self::Serve(flags) => Ok(("serve", flags)),
            Self::Check { flags, .. } => Ok(("check", flags)),
            Self::Healthcheck(flags) => Ok(("healthcheck", flags)),
            Self::Once { config, log } => Ok(("once", ServeFlags { config, log, ..flags })),
            Self::Backfill { config, log, .. } => {
                Ok(("backfill", ServeFlags { config, log, ..flags }))
            }
            Self::Records { config, log, .. } => {
                Ok(("records", ServeFlags { config, log, ..flags }))
            }
            #[cfg(feature = "simulator")]
            Self::Demo { web, log } => Ok(("demo", ServeFlags { web, log, ..flags })),
            #[cfg(feature = "simulator")]
            Self::Simulate(simulate) => Ok(("simulate", ServeFlags { log: simulate.log, ..flags })),
            #[cfg(not(feature = "simulator"))]
            Self::Demo(_) => left_out("demo"),
            #[cfg(not(feature = "simulator"))]
            Self::Simulate(_) => left_out("simulate"),
            #[cfg(feature = "postgresql")]
            Self::State { command: StateCommand::Copy { config, log, .. } } => {
                Ok(("state copy", ServeFlags { config, log, ..flags }))
            }
            #[cfg(not(feature = "postgresql"))]
            Self::State(_) => {
                let remedy = "build it with --features postgresql";
                let text = format!("this build does not have the command state; {remedy}");
                Err(Failure::Usage(text))
            }
        }
    }
}

#[cfg(not(feature = "simulator"))]
fn left_out(name: &'static str) -> Result<(&'static str, ServeFlags), Failure> {
    let remedy = "build it with --features simulator";
    Err(Failure::Usage(format!("this build does not have the command {name}; {remedy}")))
}

impl ServeFlags {
    /// Path of the config file, if it was given.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.config.config_file.clone()
    }

    /// The flags that override keys of the config.
    pub(super) fn overrides(&self) -> Flags {
        let single = |value: &Option<String>| value.iter().cloned().collect();
        let (web, log) = (&self.web, &self.log);
        let all = [
            ("web.listen_addresses", "--web.listen-address", web.listen_addresses.clone()),
            ("web.config_file", "--web.config.file", single(&web.web_config_file)),
            ("web.telemetry_path", "--web.telemetry-path", single(&web.telemetry_path)),
            ("log.level", "--log.level", single(&log.log_level)),
            ("log.format", "--log.format", single(&log.log_format)),
        ];
        all.into_iter().filter(|(_, _, values)| !values.is_empty()).collect()
    }

    /// The names of the flags that were given.
    fn given(&self) -> Vec<&'static str> {
        let config_file = self.config.config_file.iter().map(|_| "--config.file");
        config_file.chain(self.overrides().into_iter().map(|(_, flag, _)| flag)).collect()
    }

    /// These flags, and those of `other` in place of the ones that were not given.
    fn or(self, other: Self) -> Self {
        let Self { config, web, log } = self;
        let addresses = Some(web.listen_addresses).filter(|addresses| !addresses.is_empty());
        Self {
            config: ConfigFlags { config_file: config.config_file.or(other.config.config_file) },
            web: WebFlags {
                listen_addresses: addresses.unwrap_or(other.web.listen_addresses),
                web_config_file: web.web_config_file.or(other.web.web_config_file),
                telemetry_path: web.telemetry_path.or(other.web.telemetry_path),
            },
            log: LogFlags {
                log_level: log.log_level.or(other.log.log_level),
                log_format: log.log_format.or(other.log.log_format),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str) -> Result<(Command, ServeFlags), String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        cli.resolve().map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_come_before_or_after_the_command() {
        for line in [
            "x --config.file a.toml --web.listen-address :1 check --online",
            "x check --web.listen-address :1 --online --config.file a.toml",
            "x --web.listen-address :2 --config.file b.toml check --online --config.file a.toml \
             --web.listen-address :1",
        ] {
            let (command, flags) = resolve(line).unwrap();
            assert!(matches!(command, Command::Check { online: true, .. }));
            assert_eq!(flags.config_file(), Some(PathBuf::from("a.toml")));
            let address = vec![":1".to_owned()];
            let expected = ("web.listen_addresses", "--web.listen-address", address);
            assert_eq!(flags.overrides(), [expected]);
        }
    }

    #[test]
    fn the_command_is_serve_if_none_is_given() {
        let (command, flags) = resolve("x").unwrap();
        assert!(matches!(command, Command::Serve(_)));
        assert_eq!(flags, ServeFlags::default());
    }

    #[test]
    fn every_other_flag_is_refused_by_name_on_both_sides_of_a_command() {
        let flags = [
            "--config.file",
            "--web.listen-address",
            "--web.config.file",
            "--web.telemetry-path",
            "--log.level",
            "--log.format",
        ];
        for (command, accepted) in [
            ("serve", &flags[..]),
            ("check", &flags),
            ("healthcheck", &flags),
            ("once", &[flags[0], flags[4], flags[5]]),
            #[cfg(feature = "simulator")]
            ("demo", &flags[1..]),
            #[cfg(feature = "simulator")]
            ("simulate", &flags[4..]),
        ] {
            for flag in flags {
                for line in [format!("x {flag} v {command}"), format!("x {command} {flag} v")] {
                    match resolve(&line) {
                        Ok((_, given)) => {
                            assert!(accepted.contains(&flag), "{line}");
                            assert_eq!(given.given(), [flag], "{line}");
                        }
                        Err(error) => {
                            assert!(!accepted.contains(&flag), "{line}");
                            assert!(error.contains(flag) && error.contains(command), "{error}");
                        }
                    }
                }
            }
        }
    }
}

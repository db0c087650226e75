//! The program: the command line, and the parts wired together for each command.
//!
//! Everything that is a command's answer goes to stdout, everything else to stderr. Exit codes:
//! 0 success, 1 a run-time failure, 2 a bad command line or config.

mod check;
mod cli;
#[cfg(feature = "simulator")]
mod demo;
mod logging;
mod once;
mod reload;
mod serve;
mod service_manager;
mod wiring;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio_util::sync::CancellationToken;

pub use cli::Cli;

use crate::config::{self, Config, Sources};
use cli::Command;

/// Why a command ended without success.
#[derive(Debug)]
enum Failure {
    /// A bad command line or config: exit code 2.
    Usage(String),
    /// Something at run time: exit code 1.
    Run(String),
}

impl Failure {
    fn run(what: impl Display) -> Self {
        Self::Run(what.to_string())
    }
}

/// What is still under way gets this long after the end.
const RUNTIME_GRACE: Duration = Duration::from_millis(500);

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(Failure::run(format!("the runtime does not start: {error}"))),
    };
    let result = runtime.block_on(run(cli));
    runtime.shutdown_timeout(RUNTIME_GRACE);
    result.map_or_else(report, |()| ExitCode::SUCCESS)
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command.clone().unwrap_or(Command::Serve) {
        Command::Serve => {
            let config = load(&cli, true)?;
            serve::run(cli, config, shutdown_signal()?).await
        }
        Command::Check { online } => check::run(load(&cli, true)?, online).await,
        Command::Once => once::run(load(&cli, true)?).await,
        #[cfg(feature = "simulator")]
        Command::Demo => demo::run(&cli, shutdown_signal()?).await,
        #[cfg(feature = "simulator")]
        Command::Simulate(options) => demo::simulate(&cli, &options, shutdown_signal()?).await,
        #[cfg(not(feature = "simulator"))]
        Command::Demo(_) | Command::Simulate(_) => {
            let text =
                "this build leaves out demo and simulate; build it with --features simulator";
            Err(Failure::Usage(text.to_owned()))
        }
        Command::Backfill { .. } => {
            Err(Failure::Usage("the command backfill is not built yet in this version".to_owned()))
        }
    }
}

/// Reads the config and starts the log as it says.
fn load(cli: &Cli, needs_projects: bool) -> Result<Config, Failure> {
    let config = load_config(cli, needs_projects)?;
    logging::start(&config.log);
    Ok(config)
}

fn load_config(cli: &Cli, needs_projects: bool) -> Result<Config, Failure> {
    let sources = Sources {
        file: Some(cli.config_file.clone()),
        environment: environment()?,
        flags: cli.overrides(),
        needs_projects,
    };
    Config::load(&sources).map_err(|error| Failure::Usage(error.to_string()))
}

fn environment() -> Result<BTreeMap<String, String>, Failure> {
    let mut environment = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        // A name that is no UTF-8 cannot be one of ours.
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

/// Is cancelled by SIGTERM or SIGINT.
fn shutdown_signal() -> Result<CancellationToken, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = signal(SignalKind::terminate()).and_then(|terminate| {
        signal(SignalKind::interrupt()).map(|interrupt| (terminate, interrupt))
    });
    let (mut terminate, mut interrupt) = signals.map_err(Failure::run)?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal, "shutting down");
        service_manager::stopping();
        token.cancel();
    });
    Ok(shutdown)
}

/// Writes a command's answer.
fn answer(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_ref()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::run(format!("stdout cannot be written: {error}")))
}

fn report(failure: Failure) -> ExitCode {
    let (text, code) = match failure {
        Failure::Usage(text) => (text, 2),
        Failure::Run(text) => (text, 1),
    };
    let mut stderr = io::stderr().lock();
    for line in text.lines() {
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(stderr, "error: {line}");
    }
    ExitCode::from(code)
}

//! The command line: one file per command.
//!
//! The result of a command goes to stdout, everything else to stderr. Exit codes: 0 success, 1 a
//! failure at run time, 2 an invalid command line or config.

mod answer;
mod arguments;
mod check;
#[cfg(feature = "simulator")]
mod demo;
mod healthcheck;
mod load;
mod once;
mod serve;
#[cfg(feature = "simulator")]
mod simulate;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

pub use arguments::Cli;

use crate::app::{Failure, survive_file_size_limit};
use arguments::Command;

/// Time that tasks still running get at the end.
const RUNTIME_GRACE: Duration = Duration::from_millis(500);

/// Runs the command that the command line names.
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
    let (command, flags) = cli.resolve()?;
    survive_file_size_limit()?;
    match command {
        Command::Serve(_) => serve::run(&flags).await,
        Command::Check { online, .. } => check::run(&flags, online).await,
        Command::Once { .. } => once::run(&flags).await,
        #[cfg(feature = "simulator")]
        Command::Demo { .. } => demo::run(&flags).await,
        #[cfg(feature = "simulator")]
        Command::Simulate(simulate) => simulate::run(&flags, &simulate.options).await,
        #[cfg(not(feature = "simulator"))]
        Command::Demo(_) | Command::Simulate(_) => unreachable!("resolving refuses it"),
        Command::Healthcheck(_) => healthcheck::run(&flags).await,
        Command::Backfill(_) | Command::Records(_) | Command::State(_) => {
            unreachable!("resolving refuses it")
        }
    }
}

fn report(failure: Failure) -> ExitCode {
    let (text, code) = match failure {
        Failure::Usage(text) => (text, 2),
        Failure::Run(text) => (text, 1),
    };
    let mut stderr = io::stderr().lock();
    for line in text.lines() {
        // Without stderr there is nowhere left to report to.
        let _ = writeln!(stderr, "error: {line}");
    }
    ExitCode::from(code)
}

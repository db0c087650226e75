//! The command line: one file per command.
//!
//! The result of a command goes to stdout, everything else to stderr. Exit codes: 0 success, 1 a
//! failure at run time, 2 an invalid command line or config. A command ends even if nobody reads stderr.

mod answer;
mod arguments;
mod backfill;
mod backfill_flags;
mod check;
#[cfg(feature = "simulator")]
mod demo;
mod healthcheck;
mod load;
mod once;
mod output;
mod progress;
mod records;
mod records_flags;
mod serve;
#[cfg(feature = "simulator")]
mod simulate;
#[cfg(feature = "postgresql")]
mod state_copy;

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Parser;

pub use arguments::Cli;

use crate::app::{Failure, STDERR, survive_file_size_limit};
use arguments::Command;
#[cfg(feature = "postgresql")]
use arguments::StateCommand;

/// Time that tasks still running get at the end.
const RUNTIME_GRACE: Duration = Duration::from_millis(500);
/// Time that the message about an invalid command line gets to be written.
const USAGE_GRACE: Duration = Duration::from_secs(1);

/// Runs the command that the command line names.
pub fn main() -> ExitCode {
    let _flush = Flush;
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(error),
    };
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
        Command::Records { list, .. } => records::run(&flags, &list).await,
        Command::Backfill { history, .. } => backfill::run(&flags, &history).await,
        #[cfg(feature = "postgresql")]
        Command::State { command: StateCommand::Copy { from, to, .. } } => {
            state_copy::run(&flags, &from, &to).await
        }
        #[cfg(not(feature = "postgresql"))]
        Command::State(_) => unreachable!("resolving refuses it"),
    }
}

/// Prints a message of the parser of the command line: an error, the help or the version.
fn explain(message: clap::Error) -> ExitCode {
    let code = u8::try_from(message.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    if !message.use_stderr() {
        // Without stdout there is nowhere to print it.
        let _ = message.print();
        return code;
    }
    let (printed, is_printed) = mpsc::channel();
    // The parser itself knows whether the terminal has colours.
    thread::spawn(move || printed.send(message.print()));
    let _ = is_printed.recv_timeout(USAGE_GRACE);
    code
}

fn report(failure: Failure) -> ExitCode {
    let (text, code) = match failure {
        Failure::Usage(text) => (text, 2),
        Failure::Run(text) => (text, 1),
    };
    for line in text.lines() {
        STDERR.push(format!("error: {line}\n").as_bytes());
    }
    ExitCode::from(code)
}

/// Gives the last lines time to be written, also after a panic.
struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        STDERR.flush();
    }
}

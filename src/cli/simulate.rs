//! `simulate`: only the simulated records API.

use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{self as simulator, Options, Simulator};

use super::answer::answer;
use super::arguments::ServeFlags;
use super::load::load_flags;
use crate::app::{Failure, listen_on, shutdown_signal, unless_shutdown};

/// Serves the simulated API and prints its URL.
pub(super) async fn run(flags: &ServeFlags, options: &Options) -> Result<(), Failure> {
    load_flags(flags)?;
    let shutdown = shutdown_signal()?;
    let listener = listen_on(options.listen, "--listen")?;
    let address = listener.local_addr().map_err(Failure::run)?;
    let simulator = Simulator::new(options, || SystemClock.now_millis());
    let printed = unless_shutdown(&shutdown, move || answer(format!("http://{address}\n")));
    if printed.await?.is_none() {
        return Ok(());
    }
    simulator::run(listener, simulator, shutdown).await.map_err(Failure::run)
}

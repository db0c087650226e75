//! `simulate`: only the simulated records API.

use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{self as simulator, Options, Simulator};
use tokio_util::sync::CancellationToken;

use super::demo::load;
use super::{Cli, answer};
use crate::app::{Failure, listen_on};

/// Serves only the simulated API.
pub(super) async fn run(
    cli: &Cli,
    options: &Options,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    if cli.web_config_file.is_some() {
        let text =
            "--web.config.file does nothing for simulate, which serves plain HTTP; leave it out";
        return Err(Failure::Usage(text.to_owned()));
    }
    load(cli)?;
    let listener = listen_on(options.listen, "--listen").await?;
    let address = listener.local_addr().map_err(Failure::run)?;
    let simulator = Simulator::new(options, || SystemClock.now_millis());
    answer(format!("http://{address}\n"))?;
    simulator::run(listener, simulator, shutdown).await.map_err(Failure::run)
}

//! The limit on the size of files (`ulimit -f`, `LimitFSIZE=` of systemd).

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// Makes a write beyond the limit fail. Without a handler, SIGXFSZ ends the process.
pub(crate) fn survive_file_size_limit() -> Result<(), Failure> {
    // The handler stays when the receiver is dropped.
    let handled = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    handled.map(drop).map_err(Failure::run)
}

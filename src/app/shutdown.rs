//! The signals that end the process.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, service_manager};
use records_api::run_blocking;

/// Returns a token that SIGTERM or SIGINT cancels. Further ones are ignored: the process ends within
/// five seconds, and the sender of two signals at once should not get another exit code.
pub(crate) fn shutdown_signal() -> Result<CancellationToken, Failure> {
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
        token.cancel();
        service_manager::stopping();
    });
    Ok(shutdown)
}

/// Runs work that may block for long: on a large state, a slow disk, or an output that nobody reads.
/// Returns `None` if `shutdown` comes first, and abandons the work then.
pub(crate) async fn unless_shutdown<T: Send + 'static>(
    shutdown: &CancellationToken,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<Option<T>, Failure> {
    match shutdown.run_until_cancelled(run_blocking(work)).await {
        Some(done) => done.map_err(Failure::run)?.map(Some),
        None => Ok(None),
    }
}

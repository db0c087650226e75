//! Accepting connections, and ending them when the process is asked to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// A client that does not finish its headers in this time is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers beyond this are refused; Prometheus sends about ten.
const MOST_HEADERS: usize = 64;
/// Bytes of a request line and its headers.
const LARGEST_HEAD_BYTES: usize = 16 * 1024;
/// Connections beyond this wait to be accepted.
const MOST_CONNECTIONS: usize = 512;
/// Answers under way have this long after the signal. The promise to the administrator is 5 s.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Serves all listeners until `shutdown`, and a little longer what is under way by then.
///
/// # Errors
///
/// When a listener breaks.
pub async fn serve_all(
    listeners: Vec<TcpListener>,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let serving =
        listeners.into_iter().map(|listener| serve(listener, router.clone(), shutdown.clone()));
    join_all(serving).await.into_iter().collect()
}

/// Serves one listener until `shutdown`.
///
/// # Errors
///
/// Never so far: a connection that cannot be accepted is passed over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD_BYTES);
    loop {
        let permit = connections.clone().acquire_owned();
        let accepted = async { (permit.await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accepted => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: wait for some to come free.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown()).await.is_err() {
        tracing::info!("requests under way were cut off");
    }
    Ok(())
}

//! Accepts connections, with or without TLS, and closes them on shutdown, when the web config changes,
//! and when a client is too slow.
//!
//! Access control is in `guard`, except for client certificates.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client_address::ClientAddress;
use super::web_config::WebConfig;

/// Maximum number of headers in a request; Prometheus sends about ten.
const MAX_HEADERS: usize = 64;
/// Maximum length of the request line and headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Time for requests in progress to finish on shutdown. The process must end within 5 s of SIGTERM.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Limits on connections.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Further connections wait to be accepted.
    max_connections: usize,
    /// Maximum duration of a TLS handshake.
    handshake: Duration,
    /// Maximum time to send all headers, and to keep a connection idle.
    headers: Duration,
    /// Maximum time without reading a byte of the answer.
    stall: Duration,
}

const LIMITS: Limits = Limits {
    max_connections: 512,
    handshake: Duration::from_secs(10),
    headers: Duration::from_secs(10),
    stall: Duration::from_secs(30),
};

/// Serves all listeners until `shutdown`, then finishes requests in progress for a short time. Reloads
/// the web config when its files change.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_all(
    listeners: Vec<TcpListener>,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    tokio::spawn(web.clone().keep_current(shutdown.clone()));
    let serving = listeners
        .into_iter()
        .map(|listener| serve(listener, router.clone(), web.clone(), shutdown.clone()));
    join_all(serving).await.into_iter().collect()
}

/// Serves one listener until `shutdown`, with the current version of the web config.
///
/// # Errors
///
/// Never fails at present: a connection that cannot be accepted is logged and skipped.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_with(LIMITS, listener, router, web, shutdown).await
}

async fn serve_with(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let connections = TaskTracker::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        // A client that closes its sending side still expects the answer.
        .half_close(true);
    let handler = ConnectionHandler { limits, server, router, web, shutdown: shutdown.clone() };
    loop {
        let permit = slots.clone().acquire_owned();
        let accepted = async { (permit.await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accepted => accepted,
        };
        let (stream, client) = match accepted {
            Ok((stream, peer)) => (stream, ClientAddress::from(peer.ip())),
            Err(error) => {
                // Usually the process is out of file descriptors: wait until some are free.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let handler = handler.clone();
        connections.spawn(async move {
            handler.handle(stream, client).await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    if timeout(SHUTDOWN_GRACE, connections.wait()).await.is_err() {
        tracing::info!("aborted the requests still in progress");
    }
    Ok(())
}

/// Serves connections.
#[derive(Clone)]
struct ConnectionHandler {
    limits: Limits,
    server: http1::Builder,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
}

impl ConnectionHandler {
    /// Serves a connection until it is closed.
    async fn handle(self, stream: TcpStream, client: ClientAddress) {
        // Headers and body are two writes; the second must not wait for an acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%client, %error, "a connection failed");
            return;
        }
        let mut changes = self.web.changes();
        let tls = changes.borrow_and_update().tls();
        let closing = async {
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                // A client that was verified with the previous file has to be verified again.
                _ = changes.changed() => {}
            }
        };
        let mut closing = pin!(closing);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.stall));
        let stream = Box::pin(stream);
        let Some(tls) = tls else {
            return self.serve_requests(stream, client, closing).await;
        };
        let handshake = timeout(self.limits.handshake, TlsAcceptor::from(tls).accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = closing.as_mut() => return,
        };
        match accepted {
            Ok(Ok(stream)) => self.serve_requests(stream, client, closing).await,
            // At debug level, because port scanners and health checks only connect.
            Ok(Err(error)) => tracing::debug!(%client, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%client, "TLS handshake timed out"),
        }
    }

    /// Answers requests until the client closes the connection or `closing` completes. In the latter case
    /// a request in progress is still answered.
    async fn serve_requests<S>(
        &self,
        stream: S,
        client: ClientAddress,
        closing: impl Future<Output = ()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(|mut request: hyper::Request<_>| {
            request.extensions_mut().insert(client);
            router.call(request)
        });
        let mut connection = pin!(self.server.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%client, %error, "a connection failed");
        }
    }
}

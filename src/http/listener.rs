//! Accepting connections, with TLS or without, and ending them: when the process is asked to, when
//! the web config changes, and when a client is too slow.
//!
//! Who may ask is not judged here (`guard`), but for what a client proves by its certificate.

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

use super::web_config::WebConfig;

/// Headers beyond this are refused; Prometheus sends about ten.
const MOST_HEADERS: usize = 64;
/// Bytes of a request line and its headers.
const LARGEST_HEAD_BYTES: usize = 16 * 1024;
/// Answers under way have this long after the signal. The promise to the administrator is 5 s.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// How much a client may ask for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Connections beyond this wait to be accepted.
    most_connections: usize,
    /// A client that has not agreed on TLS in this time is let go.
    handshake: Duration,
    /// So is one that does not finish its headers, or keeps a connection open and asks nothing.
    headers: Duration,
    /// And one that takes not a byte of an answer.
    stall: Duration,
}

const PATIENCE: Patience = Patience {
    most_connections: 512,
    handshake: Duration::from_secs(10),
    headers: Duration::from_secs(10),
    stall: Duration::from_secs(30),
};

/// Serves all listeners until `shutdown`, and a little longer what is under way by then. Keeps the
/// web config current meanwhile.
///
/// # Errors
///
/// When a listener breaks.
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

/// Serves one listener until `shutdown`, with the web config as it is now and as others change it.
///
/// # Errors
///
/// Never so far: a connection that cannot be accepted is passed over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_with(PATIENCE, listener, router, web, shutdown).await
}

async fn serve_with(
    patience: Patience,
    listener: TcpListener,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(patience.most_connections));
    let under_way = TaskTracker::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(patience.headers)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD_BYTES)
        // Who says that no more requests come still wants the answer.
        .half_close(true);
    let terms = Terms { patience, server, router, web, shutdown: shutdown.clone() };
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
        let terms = terms.clone();
        under_way.spawn(async move {
            terms.attend(stream).await;
            drop(permit);
        });
    }
    drop(listener);
    under_way.close();
    if timeout(SHUTDOWN_GRACE, under_way.wait()).await.is_err() {
        tracing::info!("requests under way were cut off");
    }
    Ok(())
}

/// How each connection is served.
#[derive(Clone)]
struct Terms {
    patience: Patience,
    server: http1::Builder,
    router: Router,
    web: WebConfig,
    shutdown: CancellationToken,
}

impl Terms {
    /// Serves a connection to its end.
    async fn attend(self, stream: TcpStream) {
        // Head and body of an answer are two writes; the second must not wait for the client.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke");
            return;
        }
        let mut changes = self.web.changes();
        let tls = changes.borrow_and_update().tls();
        let over = async {
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                // A client that proved itself under an older file has to do so again.
                _ = changes.changed() => {}
            }
        };
        let mut over = pin!(over);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience.stall));
        let stream = Box::pin(stream);
        let Some(tls) = tls else {
            return self.converse(stream, over).await;
        };
        let handshake = timeout(self.patience.handshake, TlsAcceptor::from(tls).accept(stream));
        let agreed = tokio::select! {
            agreed = handshake => agreed,
            () = over.as_mut() => return,
        };
        match agreed {
            Ok(Ok(stream)) => self.converse(stream, over).await,
            // Scanners and monitors that only connect are no news for the administrator.
            Ok(Err(error)) => tracing::debug!(%error, "a client does not agree on TLS"),
            Err(_) => tracing::debug!("a client takes too long to agree on TLS"),
        }
    }

    /// Answers until the client or `over` ends the connection; then what is under way at last.
    async fn converse<S>(&self, stream: S, over: impl Future<Output = ()>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = pin!(self.server.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = over => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

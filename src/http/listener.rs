//! Accepts connections, with or without TLS, and closes them on shutdown, when the web config changes,
//! when a client is too slow, and to make room for others.
//!
//! Access control is in `guard`, except for client certificates. `connections` limits their number.

#[cfg(test)]
mod tests;

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
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept_errors::AcceptErrors;
use super::answer::{AnswerStream, AnswerTimer};
use super::client_address::ClientAddress;
use super::connections::{Admitted, Connections};
use super::deadline::MAX_SCRAPE_TIMEOUT;
use super::web_config::{InForce, WebConfig};

/// Maximum number of headers in a request; Prometheus sends about ten.
const MAX_HEADERS: usize = 64;
/// Maximum length of the request line and headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Time for requests in progress to finish on shutdown. The process must end within 5 s of SIGTERM.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Limits on connections.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Maximum duration of a TLS handshake.
    handshake: Duration,
    /// Maximum time to send all headers, and to keep a connection idle.
    headers: Duration,
    /// Maximum time without reading a byte of the answer.
    stall: Duration,
    /// Maximum time to read a whole answer.
    answer: Duration,
}

const LIMITS: Limits = Limits {
    handshake: Duration::from_secs(10),
    headers: Duration::from_secs(10),
    stall: Duration::from_secs(30),
    // Not less than the longest timeout of a scrape.
    answer: MAX_SCRAPE_TIMEOUT,
};
/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves all listeners until `shutdown`, then finishes requests in progress for a short time. Reloads
/// the web config when its files change.
pub async fn serve_all(
    listeners: Vec<TcpListener>,
    router: Router,
    web: WebConfig,
    connections: Connections,
    shutdown: CancellationToken,
) {
    tokio::spawn(web.clone().keep_current(shutdown.clone()));
    let handler = ConnectionHandler::new(LIMITS, router, web, shutdown);
    let serving =
        listeners.into_iter().map(|listener| serve(listener, handler.clone(), connections.clone()));
    join_all(serving).await;
}

/// Serves one listener until shutdown, with the current version of the web config.
async fn serve(listener: TcpListener, handler: ConnectionHandler, connections: Connections) {
    let tasks = TaskTracker::new();
    let mut errors = AcceptErrors::default();
    loop {
        let accepted = async {
            connections.wait_for_closing().await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            biased;
            () = handler.shutdown.cancelled() => break,
            accepted = accepted => accepted,
        };
        let (stream, client) = match accepted {
            Ok((stream, peer)) => (stream, ClientAddress::from(peer.ip())),
            Err(error) => {
                errors.failed(&error);
                // Usually the process is out of file descriptors: wait until some are free.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        errors.accepted();
        // Dropping a stream closes its connection.
        let Some(admitted) = connections.admit(client) else { continue };
        tasks.spawn(handler.clone().handle(stream, client, admitted));
    }
    drop(listener);
    tasks.close();
    if timeout(SHUTDOWN_GRACE, tasks.wait()).await.is_err() {
        tracing::info!("aborted the requests still in progress");
    }
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

/// A connection whose requests are served.
struct Session<'a> {
    client: ClientAddress,
    /// The web config that the connection was accepted by.
    accepted_by: &'a InForce,
    admitted: &'a Arc<Admitted>,
    /// Cancelled when the first request arrives.
    begun: &'a CancellationToken,
}

impl ConnectionHandler {
    fn new(limits: Limits, router: Router, web: WebConfig, shutdown: CancellationToken) -> Self {
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            // A client that closes its sending side still expects the answer.
            .half_close(true);
        Self { limits, server, router, web, shutdown }
    }

    /// Serves a connection until it is closed, by the client or to make room for another one.
    async fn handle(self, stream: TcpStream, client: ClientAddress, admitted: Arc<Admitted>) {
        let served = self.serve_connection(stream, client, &admitted);
        if admitted.closing().run_until_cancelled(served).await.is_none() {
            tracing::debug!(%client, "a connection was closed to make room");
        }
    }

    /// Serves a connection, with or without TLS.
    async fn serve_connection(
        &self,
        stream: TcpStream,
        client: ClientAddress,
        admitted: &Arc<Admitted>,
    ) {
        // Headers and body are two writes; the second must not wait for an acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%client, %error, "a connection failed");
            return;
        }
        let mut changes = self.web.changes();
        let accepted_by = changes.borrow_and_update().clone();
        let begun = CancellationToken::new();
        let closing = self.closing(changes, &accepted_by, &begun);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.stall));
        let stream = Box::pin(stream);
        let session = Session { client, accepted_by: &accepted_by, admitted, begun: &begun };
        let Some(tls) = accepted_by.tls() else {
            return self.serve_requests(stream, session, closing).await;
        };
        // A change of the certificate does not interrupt it.
        let handshake = timeout(self.limits.handshake, TlsAcceptor::from(tls).accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = self.shutdown.cancelled() => return,
        };
        match accepted {
            Ok(Ok(stream)) => self.serve_requests(stream, session, closing).await,
            // At debug level, because port scanners and health checks only connect.
            Ok(Err(error)) => tracing::debug!(%client, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%client, "TLS handshake timed out"),
        }
    }

    /// Completes when a connection must be closed after the request in progress: on shutdown, and when
    /// the web config has changed. If the client satisfies the new one, too, its first request is waited
    /// for, because it may be on its way. `begun` is cancelled when it arrives.
    async fn closing(
        &self,
        mut changes: watch::Receiver<Arc<InForce>>,
        accepted_by: &InForce,
        begun: &CancellationToken,
    ) {
        let replaced = async {
            // The sender is in `self`.
            let _ = changes.changed().await;
            while changes.borrow_and_update().accepts_connections_of(accepted_by) {
                tokio::select! {
                    () = begun.cancelled() => return,
                    _ = changes.changed() => {}
                }
            }
        };
        self.shutdown.run_until_cancelled(replaced).await;
    }

    /// Answers requests until the client closes the connection or `closing` completes. In the latter case
    /// a request in progress is still answered.
    async fn serve_requests<S>(
        &self,
        stream: S,
        session: Session<'_>,
        closing: impl Future<Output = ()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Session { client, accepted_by, admitted, begun } = session;
        let router = TowerToHyperService::new(self.router.clone());
        let timer = AnswerTimer::new();
        let service = service_fn(|mut request: hyper::Request<_>| {
            begun.cancel();
            let busy = admitted.begin_request();
            request.extensions_mut().insert(client);
            // A request may arrive before this task is told of a change.
            let is_accepted = self.web.in_force().accepts_connections_of(accepted_by);
            let (answer, timer) = (router.call(request), &timer);
            async move {
                if !is_accepted {
                    return Err(io::Error::other("the client has to be verified again"));
                }
                let Ok(answer) = answer.await;
                let long = answer.extensions().get().copied();
                Ok(answer.map(|body| timer.begin(body, busy, long)))
            }
        });
        let stream = AnswerStream { stream: TokioIo::new(stream), timer: timer.clone() };
        let mut connection = pin!(self.server.serve_connection(stream, service));
        let serving = async {
            tokio::select! {
                biased;
                () = closing => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
                ended = connection.as_mut() => ended,
            }
        };
        tokio::select! {
            ended = serving => if let Err(error) = ended {
                tracing::debug!(%client, %error, "a connection failed");
            },
            () = timer.exceeds(self.limits.answer) => {
                tracing::debug!(%client, "a client read an answer too slowly");
            }
        }
    }
}

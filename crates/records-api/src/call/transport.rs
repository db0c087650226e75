//! Sends one request and receives its complete response, within a limit of its size.
//!
//! [`Transport`] is a trait so that tests can replace the network with a server in the same process
//! and pause the clock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

use super::body::{Body, BodyError};
use super::budget::{BodyBuffer, MemoryBudget, ReadLimit};
use super::connection::{Route, chain};
use super::transport_error::TransportError;
use super::trust::{ProxiedClient, Trust};
use crate::secret::{LastValid, Secret, Source};

/// A complete response.
#[derive(Clone)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body after decompression.
    pub body: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and body may contain credentials, both new ones and those that were sent.
        formatter.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Sends requests.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends a request and receives the complete response, with a body of at most
    /// `limit.max_bytes` bytes after decompression. Does not follow redirects. The caller limits the
    /// time.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the response is incomplete or missing.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: ReadLimit,
    ) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// The transport over the network: HTTP/1.1 and HTTP/2, TLS by rustls, gzip.
#[derive(Debug)]
pub struct HttpTransport {
    ca_file: Option<PathBuf>,
    proxy: Option<Source>,
    last_proxy: LastValid<Secret>,
    /// Memory for the responses; `None` if it is not limited.
    budget: Option<Arc<MemoryBudget>>,
    trust: Mutex<Trust>,
}

/// Discards a client whose request is cancelled, because no complete response arrived in time.
///
/// A load balancer or a proxy that has lost its state may still acknowledge everything that is sent
/// over an old connection, and HTTP/2 uses the same connection for all requests. The next request
/// therefore opens a new one. Other requests of the discarded client are not cancelled.
struct RequestGuard<'t> {
    transport: &'t HttpTransport,
    used: Arc<ProxiedClient>,
    has_ended: bool,
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        // Another request may have replaced the client already.
        let is_used = |client: &mut Arc<ProxiedClient>| Arc::ptr_eq(client, &self.used);
        if !self.has_ended {
            self.transport.trust.lock().client.take_if(is_used);
        }
    }
}

impl HttpTransport {
    /// Creates a transport, which several projects can share.
    ///
    /// `ca_file` contains the only certificates that are trusted, in PEM format; without it, those
    /// of the system are trusted. `proxy` is the URL of a proxy for all requests except those to
    /// this machine.
    ///
    /// # Errors
    ///
    /// [`TransportError::Connection`] if the file cannot be read, or if the TLS library refuses the
    /// certificates or the proxy.
    pub fn new(ca_file: Option<&Path>, proxy: Option<Source>) -> Result<Self, TransportError> {
        // Fails if the process has a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca_file = ca_file.map(Path::to_owned);
        let trust = Trust::read(ca_file.as_deref(), proxy.is_some())?;
        let (last_proxy, trust) = (LastValid::default(), Mutex::new(trust));
        Ok(Self { ca_file, proxy, last_proxy, budget: None, trust })
    }

    /// Reads the trusted certificates again, for [`Self::replace_trust`].
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn read_trust(&self) -> Result<Trust, TransportError> {
        Trust::read(self.ca_file.as_deref(), self.proxy.is_some())
    }

    /// Replaces the trusted certificates. The next request opens a new connection.
    pub fn replace_trust(&self, trust: Trust) {
        *self.trust.lock() = trust;
    }

    /// Limits the memory of the responses that are read at the same time. Several transports can
    /// share a budget.
    #[must_use]
    pub fn with_memory_budget(self, budget: Arc<MemoryBudget>) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Returns the client; a new one if the URL of the proxy has changed.
    async fn client(&self) -> Result<Arc<ProxiedClient>, TransportError> {
        let proxy = match &self.proxy {
            Some(proxy) => {
                let read = proxy.read().await.map_err(|error| format!("`api.proxy_url`: {error}"));
                Some(self.last_proxy.update(read).map_err(TransportError::Connection)?)
            }
            None => None,
        };
        self.trust.lock().client(proxy)
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limit: ReadLimit,
    ) -> Result<Response, TransportError> {
        let uri = request.uri().clone();
        let used = self.client().await?;
        let route = Route { roots: used.roots, has_proxy: self.proxy.is_some() };
        let client = used.client.clone();
        let mut guard = RequestGuard { transport: self, used, has_ended: false };
        let answered = async {
            let broken = |error: reqwest::Error| route.error(&uri, &error.without_url());
            let request = reqwest::Request::try_from(request).map_err(broken)?;
            let response = client.execute(request).await.map_err(broken)?;
            receive(response, limit, self.budget.clone()).await
        };
        let response = answered.await;
        guard.has_ended = true;
        response
    }
}

/// Part of the body of a refusal that is kept. It holds an error code and a message.
const MAX_REFUSAL_BYTES: usize = 256 * 1024;

async fn receive(
    mut response: reqwest::Response,
    limit: ReadLimit,
    budget: Option<Arc<MemoryBudget>>,
) -> Result<Response, TransportError> {
    let (status, mut limit) = (response.status(), limit);
    if !status.is_success() {
        limit.max_bytes = limit.max_bytes.min(MAX_REFUSAL_BYTES);
    }
    let buffer = BodyBuffer::new(limit.clone(), budget);
    let mut body = Body::new(response.headers(), response.content_length(), buffer).await;
    match receive_body(&mut response, &mut body, limit.max_bytes).await {
        // A refusal is one even if its explanation broke off: it must not be sent again at once.
        Err(error) if status.is_success() => return Err(error),
        _ => {}
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Response { status, headers, body: body.into_bytes() })
}

async fn receive_body(
    response: &mut reqwest::Response,
    body: &mut Body,
    limit: usize,
) -> Result<(), TransportError> {
    let announced = response.content_length();
    let refused = |error| match error {
        BodyError::TooLarge => TransportError::TooLarge(limit),
        BodyError::Undecodable(what) => TransportError::Undecodable(what),
    };
    loop {
        match response.chunk().await {
            Ok(Some(part)) => body.push(&part).await.map_err(refused)?,
            Ok(None) => return body.finish().await.map_err(refused),
            Err(error) => {
                let (received, what) = (body.received(), chain(&error.without_url()));
                return Err(TransportError::BrokenOff { received, announced, what });
            }
        }
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: ReadLimit,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.exchange(request, limit))
    }
}

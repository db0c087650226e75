//! Sends one request and receives its complete response, within a limit of its size.
//!
//! [`Transport`] is a trait so that tests can replace the network with a server in the same process
//! and pause the clock.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};

use super::budget::{BodyBuffer, MemoryBudget, ReadLimit, TooLarge};
use crate::file;
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

/// The reason why there is no complete response. The texts contain no headers and no URLs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The connection could not be established, or broke.
    #[error("{0}")]
    Connection(String),
    /// The body is larger than this limit in bytes, after decompression.
    #[error("the response is larger than {0} bytes (`api.max_response_bytes`)")]
    TooLarge(usize),
}

/// Sends requests.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends a request and receives the complete response, with a body of at most
    /// `limit.max_bytes` bytes after decompression. Does not follow redirects. The caller limits the
    /// time.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if there is no complete response.
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

/// A client with its connections.
#[derive(Debug)]
struct ProxiedClient {
    /// The proxy that it uses.
    proxy: Option<Secret>,
    client: Client,
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

/// The certificates that a transport trusts.
#[derive(Debug)]
pub struct Trust {
    /// The only ones; `None` for those of the system.
    roots: Option<Vec<Certificate>>,
    /// The client that trusts them, for the next request; `None` if a new one is to be built.
    client: Option<Arc<ProxiedClient>>,
}

/// Identifies the program, not this crate, to the operators of the API and of proxies.
const USER_AGENT: &str = concat!("screen-records-exporter/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);
/// An HTTP/2 connection is tested if nothing arrives for this long while a request is in progress,
/// because `api.request_timeout` may be much longer.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Time after which a connection without an answer to the test is closed.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Part of a response that HTTP/2 receives before it is read.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
/// The same for all responses on a connection. Enough for 256 of them: otherwise responses that wait
/// for memory would hold up the one that they wait for.
const CONNECTION_WINDOW_BYTES: u32 = 256 * STREAM_WINDOW_BYTES;
/// IAM sends tokens in a header, and they may have 100,000 characters. The library's default for
/// HTTP/2 is 16 KiB.
const MAX_HEADERS_BYTES: u32 = 256 * 1024;
/// Four times the size of the usual bundle of all public certificate authorities.
const MAX_CA_FILE_BYTES: u64 = 1 << 20;
/// Hosts that are reached without the proxy, for which they would mean another machine.
const NO_PROXY: &str = "localhost,127.0.0.0/8,::1";

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
        let mut trust = self.trust.lock();
        if let Some(known) = &trust.client
            && known.proxy.as_ref().map(Secret::expose) == proxy.as_ref().map(Secret::expose)
        {
            return Ok(known.clone());
        }
        let client = trust.build(proxy.as_ref())?;
        Ok(trust.client.insert(Arc::new(ProxiedClient { proxy, client })).clone())
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limit: ReadLimit,
    ) -> Result<Response, TransportError> {
        let used = self.client().await?;
        let client = used.client.clone();
        let mut guard = RequestGuard { transport: self, used, has_ended: false };
        let response = receive(&client, request, limit, self.budget.clone()).await;
        guard.has_ended = true;
        response
    }
}

async fn receive(
    client: &Client,
    request: http::Request<Bytes>,
    limit: ReadLimit,
    budget: Option<Arc<MemoryBudget>>,
) -> Result<Response, TransportError> {
    let broken = |error: reqwest::Error| TransportError::Connection(chain(&error.without_url()));
    let request = reqwest::Request::try_from(request).map_err(broken)?;
    let mut response = client.execute(request).await.map_err(broken)?;
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    let max_bytes = limit.max_bytes;
    let mut body = BodyBuffer::new(limit, budget);
    body.expect(announced.unwrap_or(0)).await;
    while let Some(part) = response.chunk().await.map_err(broken)? {
        body.append(&part).await.map_err(|TooLarge| TransportError::TooLarge(max_bytes))?;
    }
    Ok(Response {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.into_body(),
    })
}

impl Trust {
    fn read(ca_file: Option<&Path>, has_proxy: bool) -> Result<Self, TransportError> {
        let roots = ca_file.map(|path| {
            let pem = file::read(path, MAX_CA_FILE_BYTES).map_err(|error| error.to_string());
            let certificates = pem
                .and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|error| chain(&error)));
            certificates
                .map_err(|error| TransportError::Connection(format!("{}: {error}", path.display())))
        });
        let mut trust = Self { roots: roots.transpose()?, client: None };
        if !has_proxy {
            let client = trust.build(None)?;
            trust.client = Some(Arc::new(ProxiedClient { proxy: None, client }));
        }
        Ok(trust)
    }

    fn build(&self, proxy: Option<&Secret>) -> Result<Client, TransportError> {
        let proxy = proxy.map(|url| {
            // The library's error would show the URL with its password.
            let what = "`api.proxy_url` is not the URL of a proxy".to_owned();
            let proxy = Proxy::all(url.expose()).map_err(|_| TransportError::Connection(what));
            proxy.map(|proxy| proxy.no_proxy(NoProxy::from_string(NO_PROXY)))
        });
        let proxy = proxy.transpose()?;
        let builder = || {
            let builder = Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
                .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
                .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .http2_keep_alive_interval(PING_INTERVAL)
                .http2_keep_alive_timeout(PING_TIMEOUT)
                .http2_max_header_list_size(MAX_HEADERS_BYTES)
                .user_agent(USER_AGENT);
            proxy.iter().cloned().fold(builder, ClientBuilder::proxy)
        };
        let built = match &self.roots {
            Some(roots) => builder().tls_certs_only(roots.iter().cloned()).build(),
            // A machine without root certificates can still reach http:// on loopback. For
            // https://, the handshake then fails with an error that names the certificate.
            None => builder().build().or_else(|_| builder().tls_certs_only([]).build()),
        };
        built.map_err(|error| TransportError::Connection(chain(&error)))
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

/// Returns the text of an error with those of its sources. The last source has the actual problem,
/// such as "connection refused" or "invalid peer certificate".
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

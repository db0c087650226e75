//! The way to the other side: one request, one whole answer within a size limit.
//!
//! A trait, so that tests put a server of the same process in its place and time can stand still.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};

use crate::file;
use crate::secret::{Secret, Source};

/// A complete answer.
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
        // Headers and body may be credentials: those that were given, or those that were sent.
        formatter.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no complete answer. The texts hold neither headers nor URLs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Connection(String),
    /// The body is larger than `api.max_response_bytes`.
    #[error("the answer is larger than {0} bytes (`api.max_response_bytes`)")]
    TooLarge(usize),
}

/// Sends requests.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends a request and reads the whole answer, at most `limit` bytes after decompression.
    /// Follows no redirect. The caller bounds the time.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// The real transport: HTTP/1.1 and 2, TLS by rustls, gzip.
#[derive(Debug)]
pub struct HttpTransport {
    /// The only certificates that are trusted; without any, the system's.
    roots: Option<Vec<Certificate>>,
    proxy: Option<Source>,
    /// The client, and the proxy that it uses.
    client: Mutex<Option<(Option<Secret>, Client)>>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);
/// A token comes in a header, and may have 100,000 characters. The library's own limit for HTTP/2 is
/// 16 KiB.
const MAX_HEADERS_BYTES: u32 = 256 * 1024;
/// All the world's authorities need a quarter of this.
const MAX_CA_FILE_BYTES: u64 = 1 << 20;
/// Nothing behind a proxy can mean this machine.
const NOT_BY_PROXY: &str = "localhost,127.0.0.0/8,::1";

impl HttpTransport {
    /// A transport that all projects may share. `ca_file`: certificates in PEM that are trusted, and
    /// only they; without it the system's are. `proxy`: where everything goes through but what is
    /// meant for this machine.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses the certificates.
    pub fn new(ca_file: Option<&Path>, proxy: Option<Source>) -> Result<Self, TransportError> {
        // Another library of the process may have installed one already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed = TransportError::Connection;
        let roots = ca_file.map(|path| {
            let pem = file::read(path, MAX_CA_FILE_BYTES).map_err(|error| error.to_string());
            let certificates = pem
                .and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|error| chain(&error)));
            certificates.map_err(|error| failed(format!("{}: {error}", path.display())))
        });
        let transport = Self { roots: roots.transpose()?, proxy, client: Mutex::default() };
        if transport.proxy.is_none() {
            let client = transport.build(None)?;
            *transport.client.lock() = Some((None, client));
        }
        Ok(transport)
    }

    /// The client, which is another one when the proxy has changed.
    async fn client(&self) -> Result<Client, TransportError> {
        let proxy = match &self.proxy {
            Some(proxy) => Some(proxy.read().await.map_err(|error| {
                TransportError::Connection(format!("`api.proxy_url`: {error}"))
            })?),
            None => None,
        };
        let mut client = self.client.lock();
        if let Some((known, client)) = &*client
            && known.as_ref().map(Secret::expose) == proxy.as_ref().map(Secret::expose)
        {
            return Ok(client.clone());
        }
        let built = self.build(proxy.as_ref())?;
        *client = Some((proxy, built.clone()));
        Ok(built)
    }

    fn build(&self, proxy: Option<&Secret>) -> Result<Client, TransportError> {
        let proxy = proxy.map(|url| {
            // The library's error would show the URL, and with it a password.
            let what = "`api.proxy_url` is no URL of a proxy".to_owned();
            let proxy = Proxy::all(url.expose()).map_err(|_| TransportError::Connection(what));
            proxy.map(|proxy| proxy.no_proxy(NoProxy::from_string(NOT_BY_PROXY)))
        });
        let proxy = proxy.transpose()?;
        let builder = || {
            let builder = Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
                .http2_max_header_list_size(MAX_HEADERS_BYTES)
                .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
            proxy.iter().cloned().fold(builder, ClientBuilder::proxy)
        };
        let built = match &self.roots {
            Some(roots) => builder().tls_certs_only(roots.iter().cloned()).build(),
            // A machine without any root certificates can still talk to http:// on loopback; https
            // then fails at the handshake with an error that says so.
            None => builder().build().or_else(|_| builder().tls_certs_only([]).build()),
        };
        built.map_err(|error| TransportError::Connection(chain(&error)))
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> Result<Response, TransportError> {
        let broken =
            |error: reqwest::Error| TransportError::Connection(chain(&error.without_url()));
        let request = reqwest::Request::try_from(request).map_err(broken)?;
        let mut response = self.client().await?.execute(request).await.map_err(broken)?;
        // Room for the whole body, if it says its size: growing would hold it twice.
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(limit));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
        })
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.exchange(request, limit))
    }
}

/// An error with its causes. The libraries put what matters ("connection refused", "invalid peer
/// certificate") into the last one.
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

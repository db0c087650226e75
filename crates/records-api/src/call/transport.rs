//! Sends one request and receives its complete response, within a limit of its size.
//!
//! [`Transport`] is a trait so that tests can replace the network with a server in the same process
//! and pause the clock.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};

use super::body::{Body, BodyError};
use super::connection::{Route, Trust, chain};
use super::transport_error::TransportError;
use crate::file;
use crate::secret::{Secret, Source};

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
    /// Sends a request and receives the complete response, with a body of at most `limit` bytes
    /// after decompression. Does not follow redirects. The caller limits the time.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if there is no complete response.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// The transport over the network: HTTP/1.1 and HTTP/2, TLS by rustls, gzip.
#[derive(Debug)]
pub struct HttpTransport {
    /// The only certificates that are trusted; `None` for those of the system.
    roots: Option<Vec<Certificate>>,
    proxy: Option<Source>,
    /// The client with the proxy that it uses.
    client: Mutex<Option<(Option<Secret>, Built)>>,
}

/// A client, and the certificates that it trusts.
#[derive(Debug, Clone)]
struct Built {
    client: Client,
    trust: Trust,
}

/// Identifies the program, not this crate, to the operators of the API and of proxies.
const USER_AGENT: &str = concat!("screen-records-exporter/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);
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

    /// Returns the client; a new one if the URL of the proxy has changed.
    async fn client(&self) -> Result<Built, TransportError> {
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

    fn build(&self, proxy: Option<&Secret>) -> Result<Built, TransportError> {
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
                .http2_max_header_list_size(MAX_HEADERS_BYTES)
                .default_headers(default_headers())
                // The library decompresses only what is labelled exactly `gzip`.
                .no_gzip()
                .user_agent(USER_AGENT);
            proxy.iter().cloned().fold(builder, ClientBuilder::proxy)
        };
        let built = |client, trust| Built { client, trust };
        let built = match &self.roots {
            Some(roots) => builder()
                .tls_certs_only(roots.iter().cloned())
                .build()
                .map(|client| built(client, Trust::CaFile)),
            // A machine without root certificates can still reach http:// on loopback. For
            // https://, the handshake then fails with an error that names the certificate.
            None => builder().build().map(|client| built(client, Trust::System)).or_else(|_| {
                let client = builder().tls_certs_only([]).build();
                client.map(|client| built(client, Trust::Nothing))
            }),
        };
        built.map_err(|error| TransportError::Connection(chain(&error)))
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> Result<Response, TransportError> {
        let uri = request.uri().clone();
        let Built { client, trust } = self.client().await?;
        let route = Route { trust, has_proxy: self.proxy.is_some() };
        let broken = |error: reqwest::Error| route.error(&uri, &error.without_url());
        let request = reqwest::Request::try_from(request).map_err(broken)?;
        let mut response = client.execute(request).await.map_err(broken)?;
        let status = response.status();
        let mut body = Body::new(response.headers(), response.content_length(), limit);
        match receive(&mut response, &mut body, limit).await {
            // A refusal is one even if its explanation broke off: it must not be sent again at once.
            Err(error) if status.is_success() => return Err(error),
            _ => {}
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Response { status, headers, body: body.into_bytes() })
    }
}

async fn receive(
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
            Ok(Some(part)) => body.push(&part).map_err(refused)?,
            Ok(None) => return body.finish().map_err(refused),
            Err(error) => {
                let (received, what) = (body.received(), chain(&error.without_url()));
                return Err(TransportError::BrokenOff { received, announced, what });
            }
        }
    }
}

/// Headers of all requests. They are not part of a signature, so a proxy may change them.
fn default_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
        // A cache on the path must ask the API. Old answers would hide new records.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ])
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

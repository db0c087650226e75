//! The certificates that a transport trusts, and the client that trusts them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};

use super::connection::{Roots, chain};
use super::transport_error::TransportError;
use crate::file;
use crate::secret::Secret;

/// The certificates that a transport trusts.
#[derive(Debug)]
pub struct Trust {
    /// The only ones; `None` for those of the system.
    roots: Option<Vec<Certificate>>,
    /// The client that trusts them, for the next request; `None` if a new one is to be built.
    pub(super) client: Option<Arc<ProxiedClient>>,
}

/// A client with its connections.
#[derive(Debug)]
pub(super) struct ProxiedClient {
    /// The proxy that it uses.
    pub(super) proxy: Option<Secret>,
    /// The certificates that it trusts.
    pub(super) roots: Roots,
    pub(super) client: Client,
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

impl Trust {
    /// Reads the certificates of a file, or those of the system.
    ///
    /// # Errors
    ///
    /// [`TransportError::Connection`] if the file cannot be read, or if the TLS library refuses the
    /// certificates.
    pub(super) fn read(ca_file: Option<&Path>, has_proxy: bool) -> Result<Self, TransportError> {
        let roots = ca_file.map(|path| {
            let pem = file::read(path, MAX_CA_FILE_BYTES).map_err(|error| error.to_string());
            let certificates = pem
                .and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|error| chain(&error)));
            certificates
                .map_err(|error| TransportError::Connection(format!("{}: {error}", path.display())))
        });
        let mut trust = Self { roots: roots.transpose()?, client: None };
        if !has_proxy {
            trust.client(None)?;
        }
        Ok(trust)
    }

    /// Returns the client that uses a proxy, or none; a new one if the URL of the proxy has changed.
    ///
    /// # Errors
    ///
    /// [`TransportError::Connection`] if the TLS library refuses the certificates or the proxy.
    pub(super) fn client(
        &mut self,
        proxy: Option<Secret>,
    ) -> Result<Arc<ProxiedClient>, TransportError> {
        if let Some(known) = &self.client
            && known.proxy.as_ref().map(Secret::expose) == proxy.as_ref().map(Secret::expose)
        {
            return Ok(known.clone());
        }
        let client = Arc::new(self.build(proxy)?);
        Ok(self.client.insert(client).clone())
    }

    fn build(&self, proxy: Option<Secret>) -> Result<ProxiedClient, TransportError> {
        let rules = proxy.as_ref().map(|url| {
            // The library's error would show the URL with its password.
            let what = "`api.proxy_url` is not the URL of a proxy".to_owned();
            let proxy = Proxy::all(url.expose()).map_err(|_| TransportError::Connection(what));
            proxy.map(|proxy| proxy.no_proxy(NoProxy::from_string(NO_PROXY)))
        });
        let rules = rules.transpose()?;
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
                .default_headers(default_headers())
                // The library decompresses only what is labelled exactly `gzip`.
                .no_gzip()
                .user_agent(USER_AGENT);
            rules.iter().cloned().fold(builder, ClientBuilder::proxy)
        };
        let built = match &self.roots {
            Some(roots) => builder()
                .tls_certs_only(roots.iter().cloned())
                .build()
                .map(|client| (client, Roots::CaFile)),
            // A machine without root certificates can still reach http:// on loopback. For
            // https://, the handshake then fails with an error that names the certificate.
            None => builder().build().map(|client| (client, Roots::System)).or_else(|_| {
                let client = builder().tls_certs_only([]).build();
                client.map(|client| (client, Roots::Nothing))
            }),
        };
        let (client, roots) = built.map_err(|error| TransportError::Connection(chain(&error)))?;
        Ok(ProxiedClient { proxy, roots, client })
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

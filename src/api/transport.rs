//! The way to the other side: one request, one whole answer within a size limit.
//!
//! A trait, so that tests put a server of the same process in its place and time can stand still.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body after decompression.
    pub body: Bytes,
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
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the whole answer, at most `limit` bytes after decompression.
    /// Follows no redirect. The caller bounds the time.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Answer, TransportError>>;
}

/// The real transport: HTTP/1.1 and 2, TLS by rustls with the system's roots, gzip.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);

impl HttpTransport {
    /// A transport that all projects may share.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses the machine's certificates.
    pub fn new() -> Result<Self, TransportError> {
        // Another library of the process may have installed one already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
                .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        };
        // A machine without any root certificates can still talk to http:// on loopback; https
        // then fails at the handshake with an error that says so.
        let client = builder()
            .build()
            .or_else(|_| builder().tls_certs_only([]).build())
            .map_err(|error| TransportError::Connection(chain(&error)))?;
        Ok(Self { client })
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limit: usize,
    ) -> Result<Answer, TransportError> {
        let broken =
            |error: reqwest::Error| TransportError::Connection(chain(&error.without_url()));
        let request = reqwest::Request::try_from(request).map_err(broken)?;
        let mut response = self.client.execute(request).await.map_err(broken)?;
        // Room for the whole body, if it says its size: growing would hold it twice.
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(limit));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
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
    ) -> BoxFuture<'_, Result<Answer, TransportError>> {
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

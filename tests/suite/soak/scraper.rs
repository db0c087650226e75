//! A scraper that keeps its TLS connection, as Prometheus does.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// A scraper with its connection, if it has one.
pub(super) struct Scraper {
    address: SocketAddr,
    credentials: String,
    tls: TlsConnector,
    connection: Option<Connection>,
}

/// A connection, and the task that serves it.
struct Connection {
    sender: SendRequest<String>,
    task: JoinHandle<()>,
}

impl Scraper {
    /// Creates a scraper that trusts an authority.
    pub(super) fn new(address: &str, (user, password): (&str, &str), authority: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address: address.parse().unwrap(),
            credentials: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            tls: Arc::new(config).into(),
            connection: None,
        }
    }

    /// Returns the body of `/metrics` in a format, compressed. Connects anew if the exporter has closed
    /// the connection.
    pub(super) async fn scrape(&mut self, accept: &str) -> Bytes {
        if let Some(connection) = &mut self.connection
            && let Some(body) = request(connection, self.address, &self.credentials, accept).await
        {
            return body;
        }
        let connection = self.connection.insert(connect(&self.tls, self.address).await);
        request(connection, self.address, &self.credentials, accept).await.expect("an answer")
    }
}

async fn connect(tls: &TlsConnector, address: SocketAddr) -> Connection {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = tls.connect(ServerName::from(address.ip()), stream).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    // A connection that was closed shows when it is used.
    let task = tokio::spawn(async { drop(connection.await) });
    Connection { sender, task }
}

/// Returns the body of an answer; `None` if the exporter has closed the connection.
async fn request(
    connection: &mut Connection,
    address: SocketAddr,
    credentials: &str,
    accept: &str,
) -> Option<Bytes> {
    let request = Request::get("/metrics")
        .header(HOST, address.to_string())
        .header(AUTHORIZATION, credentials)
        .header(ACCEPT, accept)
        .header(ACCEPT_ENCODING, "gzip")
        .header("X-Prometheus-Scrape-Timeout-Seconds", "10")
        .body(String::new())
        .unwrap();
    let Connection { sender, task } = connection;
    let answer = async {
        sender.ready().await.ok()?;
        let response = sender.send_request(request).await.ok()?;
        assert_eq!(response.status(), 200);
        Some(response.into_body().collect().await.ok()?.to_bytes())
    };
    // The library may lose a request that it is given while the connection is being closed.
    tokio::select! {
        biased;
        body = answer => body,
        _ = task => None,
    }
}

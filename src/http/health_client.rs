//! The client of the command `healthcheck`, which asks an exporter on this machine whether it serves.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use any_certificate::AnyCertificate;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, Error as TlsError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A client without credentials and certificate.
pub struct HealthClient {
    /// `None` without a web config.
    tls: Option<TlsConnector>,
}

impl HealthClient {
    /// Creates a client of listeners with or without a web config.
    ///
    /// # Errors
    ///
    /// The library does not support the versions of TLS that it has by default.
    pub fn new(has_web_config: bool) -> Result<Self, TlsError> {
        let tls = if has_web_config { Some(Arc::new(tls_config()?).into()) } else { None };
        Ok(Self { tls })
    }

    /// Requests a path. With a web config, the refusal of a client without password or certificate counts
    /// as an answer, with TLS or without: the exporter keeps the last valid web config, so the file does
    /// not tell what is in force.
    ///
    /// # Errors
    ///
    /// A description of what came back in place of an answer of the exporter.
    pub async fn ask(&self, address: SocketAddr, path: &str) -> Result<(), String> {
        let Some(tls) = &self.tls else {
            return self.request(connect(address).await?, address, path).await;
        };
        match tls.connect(ServerName::from(address.ip()), connect(address).await?).await {
            Ok(stream) => match self.request(stream, address, path).await {
                Err(_) if demands_certificate(tls, address).await => Ok(()),
                answer => answer,
            },
            Err(error) if is_certificate_required(&error) => Ok(()),
            Err(error) => {
                let without_tls = self.request(connect(address).await?, address, path).await;
                without_tls.map_err(|other| {
                    format!("the TLS handshake failed: {error}; and without TLS: {other}")
                })
            }
        }
    }

    async fn request<S>(&self, stream: S, address: SocketAddr, path: &str) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| no_answer(&error))?;
        tokio::spawn(connection);
        let request = Request::get(path).header(HOST, address.to_string()).body(String::new());
        let request = request.map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await;
        let status = answer.map_err(|error| no_answer(&error))?.status();
        let is_refused =
            [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        if status == StatusCode::OK || is_refused && self.tls.is_some() {
            return Ok(());
        }
        Err(format!("the answer is {status}"))
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))
}

/// True if the server ends a connection because the client has no certificate. With TLS 1.3 this comes
/// after the handshake, and is lost if the client sends a request meanwhile.
async fn demands_certificate(tls: &TlsConnector, address: SocketAddr) -> bool {
    let Ok(stream) = connect(address).await else { return false };
    match tls.connect(ServerName::from(address.ip()), stream).await {
        Ok(mut stream) => {
            stream.read_u8().await.is_err_and(|error| is_certificate_required(&error))
        }
        Err(error) => is_certificate_required(&error),
    }
}

fn no_answer(error: &hyper::Error) -> String {
    if error.is_parse() {
        return "the answer is not HTTP: the port belongs to another program, or to an exporter with a \
                web config (TLS) that this command was not given"
            .to_owned();
    }
    match error.source() {
        Some(source) => format!("no HTTP answer: {error}: {source}"),
        None => format!("no HTTP answer: {error}"),
    }
}

/// True if the server refused a client without a certificate.
fn is_certificate_required(error: &std::io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
    matches!(error, Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)))
}

fn tls_config() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    // The exporter's own certificate does not name the address of a connection within the machine, over which
    // nothing secret is sent.
    let verifier = Arc::new(AnyCertificate::new(provider.clone()));
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

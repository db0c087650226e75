//! The client of the command `healthcheck`, which asks an exporter on this machine whether it serves.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::web_config::WebAccess;

/// A client without credentials, which accepts the refusals that the web config leads to: only an exporter
/// that serves refuses a client.
pub struct HealthClient {
    access: WebAccess,
    tls: Option<TlsConnector>,
}

impl HealthClient {
    /// Creates a client of listeners with this access control.
    ///
    /// # Errors
    ///
    /// The library does not support the versions of TLS that it has by default.
    pub fn new(access: WebAccess) -> Result<Self, TlsError> {
        let tls = if access.tls { Some(TlsConnector::from(Arc::new(tls_config()?))) } else { None };
        Ok(Self { access, tls })
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Requests a path.
    ///
    /// # Errors
    ///
    /// What came back in place of an answer of the exporter.
    pub async fn ask(&self, address: SocketAddr, path: &str) -> Result<(), String> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        let Some(tls) = &self.tls else { return self.request(stream, address, path).await };
        let connected = tls.connect(ServerName::from(address.ip()), stream).await;
        match connected {
            Ok(mut stream) if self.access.requires_certificate => {
                // With TLS 1.3 the refusal comes after the handshake.
                match stream.read_u8().await {
                    Err(error) if is_certificate_required(&error) => Ok(()),
                    Err(error) => Err(format!("no refusal for want of a certificate: {error}")),
                    Ok(_) => Err("no refusal for want of a certificate".to_owned()),
                }
            }
            Ok(stream) => self.request(stream, address, path).await,
            Err(error) if self.access.requires_certificate && is_certificate_required(&error) => {
                Ok(())
            }
            Err(error) => Err(format!("the TLS handshake failed: {error}")),
        }
    }

    async fn request<S>(&self, stream: S, address: SocketAddr, path: &str) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let no_answer = |error: hyper::Error| match error.source() {
            Some(source) => format!("no HTTP answer: {error}: {source}"),
            None => format!("no HTTP answer: {error}"),
        };
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(no_answer)?;
        tokio::spawn(connection);
        let request = Request::get(path).header(HOST, address.to_string()).body(String::new());
        let request = request.map_err(|error| error.to_string())?;
        match sender.send_request(request).await.map_err(no_answer)?.status() {
            StatusCode::OK => Ok(()),
            status if self.access.refusals.contains(&status) => Ok(()),
            status => Err(format!("the answer is {status}")),
        }
    }
}

/// True if the server refused a client without a certificate.
fn is_certificate_required(error: &std::io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
    matches!(error, Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)))
}

fn tls_config() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Unverified(provider.clone()));
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Accepts every certificate. The exporter's own does not name the address of a connection within the
/// machine, over which nothing secret is sent.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

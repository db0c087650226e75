//! Reads the certificates and the key that the settings name, for rustls to serve with.
//!
//! Clients check whether a certificate is still valid, and for which name.

use std::io::ErrorKind;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};

use super::client_auth::{self, AllowedSan, ClientAuth};
use super::tls_names::Version;
use super::tls_settings::{Content, Pem, TlsSettings};
use crate::config::Problem;
use records_api::file;

/// A chain has a few certificates; all public authorities together need a quarter of this.
const MAX_FILE_BYTES: u64 = 1 << 20;

const CERTIFICATES: &str = "Accepted is PEM: one or more certificates, each from -----BEGIN \
                            CERTIFICATE----- to -----END CERTIFICATE-----";
const KEY: &str = "Accepted is PEM: one key without a passphrase, from -----BEGIN PRIVATE KEY----- to \
                   -----END PRIVATE KEY-----";

/// TLS as connections are accepted with it.
pub(super) struct Tls {
    pub(super) server: Arc<ServerConfig>,
    pub(super) requirements: Requirements,
}

/// Requirements of TLS on clients. A change of the server's certificate does not change it.
#[derive(PartialEq)]
pub(super) struct Requirements {
    client_auth: ClientAuth,
    client_authorities: Vec<TrustAnchor<'static>>,
    client_allowed_sans: Vec<AllowedSan>,
    versions: Vec<Version>,
    suites: Option<Vec<SupportedCipherSuite>>,
}

/// Builds what connections are accepted with.
pub(super) fn tls(settings: &TlsSettings) -> Result<Tls, Vec<Problem>> {
    let authorities = settings.client_authorities.as_ref();
    let roots = authorities.map_or_else(|| Ok(RootCertStore::empty()), roots);
    let (chain, key, roots) = match (chain(&settings.certificate), key(&settings.key), roots) {
        (Ok(chain), Ok(key), Ok(roots)) => (chain, key, roots),
        (chain, key, roots) => {
            return Err([chain.err(), key.err(), roots.err()].into_iter().flatten().collect());
        }
    };
    let requirements = Requirements {
        client_auth: settings.client_auth,
        client_authorities: roots.roots.clone(),
        client_allowed_sans: settings.client_allowed_sans.clone(),
        versions: settings.versions.clone(),
        suites: settings.suites.clone(),
    };
    let provider = Arc::new(provider(settings));
    let verifier = client_auth::verifier(
        settings.client_auth,
        roots,
        &settings.client_allowed_sans,
        &provider,
    )
    .map_err(|text| vec![authorities.unwrap_or(&settings.certificate).problem(text)])?;
    let versions: Vec<_> = settings.versions.iter().map(|version| version.of_library()).collect();
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| vec![settings.certificate.problem(error.to_string())])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| vec![unfit(settings, &error)])?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = settings.prefers_server_order;
    Ok(Tls { server: Arc::new(config), requirements })
}

fn provider(settings: &TlsSettings) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(suites) = &settings.suites {
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(suites);
    }
    if let Some(curves) = &settings.curves {
        provider.kx_groups.clone_from(curves);
    }
    provider
}

/// The error about a certificate and a key that can be read but not used.
fn unfit(settings: &TlsSettings, error: &rustls::Error) -> Problem {
    match error {
        rustls::Error::InconsistentKeys(_) => settings.key.problem(format!(
            "is not the key of the certificate at {}; set the two that belong together",
            settings.certificate.key
        )),
        rustls::Error::InvalidCertificate(_) => settings
            .certificate
            .problem(format!("its first certificate is damaged. {CERTIFICATES}")),
        // The library says what it accepts, and nothing about what it got.
        error => settings.key.problem(format!("cannot be used: {error}. {KEY}")),
    }
}

fn chain(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let bytes = pem.read()?;
    let mut chain = Vec::new();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(&bytes)) {
        let damaged =
            || pem.problem(format!("is damaged at its certificate {number}. {CERTIFICATES}"));
        chain.push(certificate.map_err(|_| damaged())?);
    }
    if chain.is_empty() {
        return Err(pem.problem(format!("contains no certificate. {CERTIFICATES}")));
    }
    Ok(chain)
}

fn key(pem: &Pem) -> Result<PrivateKeyDer<'static>, Problem> {
    PrivateKeyDer::from_pem_slice(&pem.read()?)
        .map_err(|_| pem.problem(format!("contains no private key. {KEY}")))
}

fn roots(pem: &Pem) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(chain(pem)?) {
        roots.add(certificate).map_err(|_| {
            pem.problem(format!("is damaged at its certificate {number}. {CERTIFICATES}"))
        })?;
    }
    Ok(roots)
}

impl Pem {
    fn read(&self) -> Result<Vec<u8>, Problem> {
        let path = match &self.content {
            Content::Inline(text) => return Ok(text.expose().as_bytes().to_vec()),
            Content::File(path) => path,
        };
        if file::is_pipe(path) {
            let text = "is a pipe, which cannot be read again. Use a regular file";
            return Err(self.problem(text));
        }
        file::read(path, MAX_FILE_BYTES).map_err(|error| match error.kind() {
            ErrorKind::IsADirectory => self.problem("is a directory. Set the path of a file in it"),
            _ => self.problem(format!("cannot be read: {error}. Set another path")),
        })
    }
}

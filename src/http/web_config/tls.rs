//! From the settings to what rustls serves with: reads the certificates and the key.
//!
//! Whether a certificate is still valid, and for which name, is for the clients to judge.

use std::io::ErrorKind;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};

use super::client_auth;
use super::problem::Problem;
use super::tls_settings::{Content, Place, TlsSettings};
use records_api::file;

/// A chain has a few certificates; all the world's authorities need a quarter of this.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

const CERTIFICATES: &str = "Accepted is PEM: what stands from -----BEGIN CERTIFICATE----- to \
                            -----END CERTIFICATE-----, once or more often";
const KEY: &str = "Accepted is PEM: what stands from -----BEGIN PRIVATE KEY----- to -----END \
                   PRIVATE KEY-----, without a passphrase";

/// What connections are accepted with.
pub(super) fn server_config(settings: &TlsSettings) -> Result<Arc<ServerConfig>, Vec<Problem>> {
    let authorities = settings.client_authorities.as_ref();
    let roots = authorities.map_or_else(|| Ok(RootCertStore::empty()), roots);
    let (chain, key, roots) = match (chain(&settings.certificate), key(&settings.key), roots) {
        (Ok(chain), Ok(key), Ok(roots)) => (chain, key, roots),
        (chain, key, roots) => {
            return Err([chain.err(), key.err(), roots.err()].into_iter().flatten().collect());
        }
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
    Ok(Arc::new(config))
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

/// Certificate and key can be read, but not be used.
fn unfit(settings: &TlsSettings, error: &rustls::Error) -> Problem {
    match error {
        rustls::Error::InconsistentKeys(_) => settings.key.problem(format!(
            "is not the key of the certificate at {}; name the two that belong together",
            settings.certificate.key
        )),
        rustls::Error::InvalidCertificate(_) => settings
            .certificate
            .problem(format!("its first certificate is damaged. {CERTIFICATES}")),
        // The library says what it takes, and nothing of what it was given.
        error => settings.key.problem(format!("cannot be used: {error}. {KEY}")),
    }
}

fn chain(place: &Place) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let bytes = place.read()?;
    let mut chain = Vec::new();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(&bytes)) {
        let damaged =
            || place.problem(format!("is damaged at its certificate {number}. {CERTIFICATES}"));
        chain.push(certificate.map_err(|_| damaged())?);
    }
    if chain.is_empty() {
        return Err(place.problem(format!("holds no certificate. {CERTIFICATES}")));
    }
    Ok(chain)
}

fn key(place: &Place) -> Result<PrivateKeyDer<'static>, Problem> {
    PrivateKeyDer::from_pem_slice(&place.read()?)
        .map_err(|_| place.problem(format!("holds no private key. {KEY}")))
}

fn roots(place: &Place) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(chain(place)?) {
        roots.add(certificate).map_err(|_| {
            place.problem(format!("is damaged at its certificate {number}. {CERTIFICATES}"))
        })?;
    }
    Ok(roots)
}

impl Place {
    fn read(&self) -> Result<Vec<u8>, Problem> {
        let path = match &self.content {
            Content::Inline(text) => return Ok(text.expose().as_bytes().to_vec()),
            Content::File(path) => path,
        };
        if file::is_pipe(path) {
            return Err(self.problem("is a pipe, which cannot be read again. Use a plain file"));
        }
        file::read(path, LARGEST_FILE_BYTES).map_err(|error| match error.kind() {
            ErrorKind::IsADirectory => self.problem("is a directory. Name the file in it"),
            _ => self.problem(format!("cannot be read: {error}. Name another")),
        })
    }

    /// Something wrong with what stands here.
    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        let text = text.into();
        let text = match &self.content {
            Content::Inline(_) => text,
            Content::File(path) => format!("the file {:?} {text}", path.display().to_string()),
        };
        Problem::of_key(self.line, &self.key, text)
    }
}

//! TLS to the database: the certificates that are trusted.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use any_certificate::AnyCertificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Four times the size of the usual bundle of all public certificate authorities.
const MAX_CA_FILE_BYTES: u64 = 1 << 20;

/// Reason why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Error of the system.
        error: io::Error,
    },
    /// It does not contain certificates of authorities.
    #[error("{}: {why}", path.display())]
    Certificates {
        /// Its path.
        path: PathBuf,
        /// Reason.
        why: String,
    },
    /// The TLS library refuses the settings.
    #[error("TLS cannot be used: {0}")]
    Settings(rustls::Error),
}

impl TlsError {
    /// Returns the remedy.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::Certificates { .. } => {
                "set `state.ca_file` to a readable PEM file with the certificate of the database's \
                 certificate authority (-----BEGIN CERTIFICATE-----)"
            }
            Self::Settings(_) => "report this",
        }
    }
}

/// Returns how connections are encrypted. The certificates of the file `ca` are trusted; without it those of the system.
/// If `is_verified` is false, any certificate is accepted, so anybody on the way may pose as the database.
///
/// # Errors
///
/// [`TlsError`]. A system without certificates is not an error, because a database may need none.
pub fn tls_config(ca: Option<&Path>, is_verified: bool) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Settings)?;
    // The file is read in any case, so that a wrong one is noticed.
    let roots = match ca {
        Some(path) => roots_of(path)?,
        None if is_verified => roots_of_system(),
        None => RootCertStore::empty(),
    };
    let builder = if is_verified {
        builder.with_root_certificates(roots)
    } else {
        // With SCRAM and channel binding, the password still proves that it is the database.
        let verifier = Arc::new(AnyCertificate::new(provider));
        builder.dangerous().with_custom_certificate_verifier(verifier)
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn roots_of(path: &Path) -> Result<RootCertStore, TlsError> {
    let pem = read(path).map_err(|error| TlsError::Read { path: path.to_owned(), error })?;
    let invalid = |why| TlsError::Certificates { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(invalid("it contains no certificates".to_owned()));
    }
    Ok(roots)
}

/// Reads a file up to a limit, because a path may name an endless device.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CA_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_CA_FILE_BYTES {
        let why = format!("it is larger than {MAX_CA_FILE_BYTES} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

fn roots_of_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::debug!("certificates of the system: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let path = file.display();
        let refused = |ca: &Path| {
            let error = tls_config(Some(ca), true).unwrap_err();
            assert!(error.remedy().contains("`state.ca_file`"), "{error}");
            error.to_string()
        };
        let missing = format!("cannot read {path}: No such file or directory (os error 2)");
        assert_eq!(refused(&file), missing);
        let folder =
            format!("cannot read {}: Is a directory (os error 21)", folder.path().display());
        assert_eq!(refused(file.parent().unwrap()), folder);
        let large = "cannot read /dev/zero: it is larger than 1048576 bytes";
        assert_eq!(refused(Path::new("/dev/zero")), large);
        for (text, why) in [
            ("", "it contains no certificates"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "it contains no"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "invalid peer"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n", "section end"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = refused(&file);
            assert!(error.starts_with(&format!("{path}: ")) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_wrong_file_is_noticed_even_if_nothing_is_verified() {
        assert!(tls_config(Some(Path::new("/nonexistent")), false).is_err());
        assert!(tls_config(None, false).is_ok());
    }
}

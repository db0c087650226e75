//! A check of a file of certificates, so that no connection fails later because of it.

use std::path::Path;

use records_api::file;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// All public authorities together need a quarter of this.
const MAX_FILE_BYTES: u64 = 1 << 20;

const ACCEPTED: &str = "Accepted is PEM: one or more certificates, each from -----BEGIN \
                        CERTIFICATE----- to -----END CERTIFICATE-----";

/// Checks a file. The error says what is wrong and what to do.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let shown = format!("the file {:?}", path.display().to_string());
    if file::is_pipe(path) {
        let remedy = "Put the certificates into a regular file";
        return Err(format!("{shown} is a pipe, which cannot be read again. {remedy}"));
    }
    let bytes = file::read(path, MAX_FILE_BYTES)
        .map_err(|error| format!("{shown} cannot be read: {error}. Set another path"))?;
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(&bytes)) {
        // The library's error may repeat a line, and there may be a key beside the certificates.
        let is_usable = certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
        if !is_usable {
            return Err(format!("{shown} is damaged at its certificate {number}. {ACCEPTED}"));
        }
    }
    if roots.is_empty() {
        Err(format!("{shown} contains no certificate. {ACCEPTED}"))
    } else {
        Ok(())
    }
}

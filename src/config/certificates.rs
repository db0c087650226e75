//! Whether a file holds certificates, so that a connection does not fail for its sake later.

use std::path::Path;

use records_api::file;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// All the world's authorities need a quarter of this.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

const ACCEPTED: &str = "Accepted is PEM: what stands from -----BEGIN CERTIFICATE----- to \
                        -----END CERTIFICATE-----, once or more often";

/// Checks a file. The error says what is wrong, and what to do.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let shown = format!("the file {:?}", path.display().to_string());
    if file::is_pipe(path) {
        let text = "is a pipe, which cannot be read again. Put the certificates into a plain file";
        return Err(format!("{shown} {text}"));
    }
    let bytes = file::read(path, LARGEST_FILE_BYTES)
        .map_err(|error| format!("{shown} cannot be read: {error}. Name another"))?;
    let mut ledger = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(&bytes)) {
        // The library's error may repeat a line, and a key may stand beside the certificates.
        let is_usable = certificate.is_ok_and(|certificate| ledger.add(certificate).is_ok());
        if !is_usable {
            return Err(format!("{shown} is damaged at its certificate {number}. {ACCEPTED}"));
        }
    }
    if ledger.is_empty() {
        Err(format!("{shown} holds no certificate. {ACCEPTED}"))
    } else {
        Ok(())
    }
}

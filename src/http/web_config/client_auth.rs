//! Verification of clients' certificates, with Go's names: none, any, one that an authority signed, one
//! that contains a certain name.
//!
//! The library verifies the signature of an authority. Serial, subject and revocation are not checked.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use webpki::EndEntityCert;

/// The certificate that a client needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    /// No certificate is requested.
    Nobody,
    /// One is requested and not verified; clients without one are admitted too.
    Request,
    /// One is required, from any authority.
    RequireAny,
    /// One that is sent must be signed by an authority.
    VerifyIfGiven,
    /// One that an authority signed is required.
    RequireAndVerify,
}

impl ClientAuth {
    /// The names, without the old one for `RequireAnyClientCert`.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("NoClientCert", Self::Nobody),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    pub(super) fn parse(text: &str) -> Option<Self> {
        // The toolkit accepts this too.
        let text = if text == "RequireClientCert" { "RequireAnyClientCert" } else { text };
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, client_auth)| *client_auth)
    }

    /// True if an authority's signature is verified.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// A name that a client's certificate may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AllowedSan {
    Address(IpAddr),
    /// A DNS name or a URI, compared exactly.
    Name(String),
}

impl AllowedSan {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let is_mail = text.contains('@') && !text.contains(':');
        let is_printable = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        (is_printable && !is_mail).then(|| Self::Name(text.to_owned()))
    }

    fn is_in(&self, certificate: &EndEntityCert<'_>) -> bool {
        match self {
            Self::Address(address) => {
                let name = ServerName::from(*address);
                certificate.verify_is_valid_for_subject_name(&name).is_ok()
            }
            Self::Name(name) => {
                let mut names = certificate.valid_dns_names().chain(certificate.valid_uri_names());
                names.any(|known| known == name)
            }
        }
    }
}

/// Builds the verifier, if certificates are requested. `roots` are the authorities.
pub(super) fn verifier(
    client_auth: ClientAuth,
    roots: RootCertStore,
    allowed: &[AllowedSan],
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let builder = || WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let built = match client_auth {
        ClientAuth::Nobody => return Ok(None),
        ClientAuth::Request | ClientAuth::RequireAny => {
            let is_mandatory = client_auth == ClientAuth::RequireAny;
            let provider = provider.clone();
            return Ok(Some(Arc::new(AnyCertificate { provider, is_mandatory })));
        }
        ClientAuth::VerifyIfGiven => builder().allow_unauthenticated().build(),
        ClientAuth::RequireAndVerify => builder().build(),
    };
    let verifier = built.map_err(|error| error.to_string())?;
    if allowed.is_empty() {
        return Ok(Some(verifier));
    }
    Ok(Some(Arc::new(NamedCertificate { verifier, allowed: allowed.to_vec() })))
}

/// Accepts any certificate whose key the client has. This proves that it is the same client as before,
/// not its identity.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
    is_mandatory: bool,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Accepts what another verifier accepts, if it contains one of the allowed names.
#[derive(Debug)]
struct NamedCertificate {
    verifier: Arc<dyn ClientCertVerifier>,
    allowed: Vec<AllowedSan>,
}

impl ClientCertVerifier for NamedCertificate {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.verify_client_cert(end_entity, intermediates, now)?;
        let certificate = EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if self.allowed.iter().any(|name| name.is_in(&certificate)) {
            return Ok(verified);
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

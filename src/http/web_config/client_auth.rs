//! What is asked of a client's certificate, by Go's names: nothing, any, one that an authority
//! vouches for, one with a certain name in it.
//!
//! Which authority vouches is judged by the library. A certificate's serial, owner or revocation is
//! judged by nobody.

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

/// Whether a client needs a certificate, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    /// No certificate is asked for.
    Nobody,
    /// One is asked for and believed; who has none is let in too.
    Request,
    /// One is needed, from whomever.
    RequireAny,
    /// One that is given must be an authority's.
    VerifyIfGiven,
    /// One of an authority is needed.
    RequireAndVerify,
}

impl ClientAuth {
    /// The names, the old one for `RequireAnyClientCert` left out.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("NoClientCert", Self::Nobody),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    pub(super) fn parse(text: &str) -> Option<Self> {
        // The toolkit takes this too.
        let text = if text == "RequireClientCert" { "RequireAnyClientCert" } else { text };
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, client_auth)| *client_auth)
    }

    /// Whether an authority must vouch.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// A name, one of which a client's certificate must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AllowedSan {
    Address(IpAddr),
    /// A name in DNS or a URI, compared letter by letter.
    Name(String),
}

impl AllowedSan {
    pub(super) const ACCEPTED: &'static str =
        "a DNS name, an IP address or a URI; mail addresses are not compared";

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

/// The verifier, if certificates are asked for. `roots` are the authorities.
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

/// Takes any certificate whose key the client has. It proves that the same client comes again, and
/// not who it is.
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

/// Takes what another verifier takes, if one of the allowed names is in it.
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

//! Go's names for versions of TLS, cipher suites and curves, as far as rustls has them.

use rustls::crypto::{SupportedKxGroup, ring};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

impl Version {
    /// From the least to the greatest.
    pub(super) const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];
    pub(super) const NAMES: &'static [&'static str] = &["TLS12", "TLS13"];

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut known = Self::NAMES.iter().zip(Self::ALL);
        known.find(|(name, _)| **name == text).map(|(_, version)| version)
    }

    pub(super) fn of_library(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// The suite of a name.
pub(super) fn suite(text: &str) -> Option<SupportedCipherSuite> {
    ring::ALL_CIPHER_SUITES.iter().copied().find(|suite| suite_name(*suite) == text)
}

pub(super) fn suite_names() -> Vec<String> {
    ring::ALL_CIPHER_SUITES.iter().map(|suite| suite_name(*suite)).collect()
}

/// The library prefixes the names of TLS 1.3 with the version; Go and the standard do not.
fn suite_name(suite: SupportedCipherSuite) -> String {
    suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_")
}

const CURVES: [(&str, NamedGroup); 3] = [
    ("X25519", NamedGroup::X25519),
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
];

/// The curve of a name.
pub(super) fn curve(text: &str) -> Option<&'static dyn SupportedKxGroup> {
    let (_, group) = CURVES.iter().find(|(name, _)| *name == text)?;
    ring::ALL_KX_GROUPS.iter().copied().find(|known| known.name() == *group)
}

pub(super) fn curve_names() -> [&'static str; 3] {
    CURVES.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_and_curve_of_the_library_has_its_name_in_go() {
        let suites = suite_names();
        for name in [
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ] {
            assert!(suites.iter().any(|known| known == name), "{name}: {suites:?}");
        }
        assert!(suite("TLS_RSA_WITH_AES_128_CBC_SHA").is_none() && suite("").is_none());
        assert!(CURVES.iter().all(|(name, _)| curve(name).is_some()));
        assert_eq!(CURVES.len(), ring::ALL_KX_GROUPS.len());
    }
}

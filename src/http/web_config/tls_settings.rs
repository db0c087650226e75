//! The section `tls_server_config`.
//!
//! Stricter than the toolkit where a mistake would leave the door open: a section without a certificate,
//! authorities although no client is asked for a certificate, and the reverse.

use std::path::{Path, PathBuf};

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;

use super::client_auth::{AllowedSan, ClientAuth};
use super::tls_names::{self, Version};
use crate::config::{Place, Problem, Read, Reader, Typed, is_pem};
use records_api::secret::Secret;

/// Section `tls_server_config`.
pub(super) struct TlsSettings {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
    pub(super) client_auth: ClientAuth,
    pub(super) client_authorities: Option<Pem>,
    /// Empty: every certificate that the authorities signed.
    pub(super) client_allowed_sans: Vec<AllowedSan>,
    /// Those of TLS 1.2; `None` leaves the choice to the library.
    pub(super) suites: Option<Vec<SupportedCipherSuite>>,
    pub(super) curves: Option<Vec<&'static dyn SupportedKxGroup>>,
    pub(super) versions: Vec<Version>,
    pub(super) prefers_server_order: bool,
}

/// Something in PEM form, and the key that sets it.
pub(super) struct Pem {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) content: Content,
}

/// In the YAML, or in a file of its own.
pub(super) enum Content {
    Inline(Secret),
    File(PathBuf),
}

const SECTION: &str = "tls_server_config";

fn path(name: &str) -> String {
    format!("{SECTION}.{name}")
}

impl Pem {
    /// An error in the content.
    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        let text = text.into();
        let text = match &self.content {
            Content::Inline(_) => text,
            Content::File(path) => format!("the file {:?} {text}", path.display().to_string()),
        };
        Problem::of_key(&self.place, &self.key, text)
    }
}

impl TlsSettings {
    /// Reads the section, if there is one. Paths in it are relative to `folder`.
    pub(super) fn read(reader: &mut Reader<'_>, folder: &Path) -> Option<Self> {
        if !reader.has_section(SECTION) {
            return None;
        }
        let [certificate, key] = ["cert", "key"].map(|name| {
            let file = path(&format!("{name}_file"));
            if reader.value(&path(name)).or(reader.value(&file)).is_none() {
                let text = format!(
                    "is missing; set the path of a file in PEM form, or its text at {name}"
                );
                reader.problem(&file, text);
            }
            pem(reader, name, folder)
        });
        let client_authorities = pem(reader, "client_ca", folder);
        let client_auth = client_auth(reader, client_authorities.as_ref());
        let versions = versions(reader);
        let suites = suites(reader, &versions);
        let curves = list(reader, "curve_preferences");
        let order = reader.read(&path("prefer_server_cipher_suites"));
        let client_allowed_sans = client_allowed_sans(reader, client_auth);
        Some(Self {
            certificate: certificate?,
            key: key?,
            client_auth,
            client_authorities,
            client_allowed_sans,
            suites,
            curves: curves
                .map(|names| names.iter().filter_map(|name| tls_names::curve(name)).collect()),
            versions,
            prefers_server_order: !matches!(order, Read::Accepted(Typed::Flag(false))),
        })
    }
}

/// Reads the value of `name`, or the file that `name_file` names.
fn pem(reader: &mut Reader<'_>, name: &str, folder: &Path) -> Option<Pem> {
    let (inline, file) = (path(name), path(&format!("{name}_file")));
    let pasted = reader.value(&file).and_then(|given| given.value.as_text());
    if pasted.is_some_and(is_pem) {
        let text = format!(
            "the value (not shown) is not a path but a text in PEM form; move it to {name}"
        );
        reader.problem(&file, text);
        return None;
    }
    let (key, content) = match (reader.read(&inline), reader.read(&file)) {
        (Read::Absent, Read::Accepted(Typed::Path(path))) => {
            (file, Content::File(folder.join(path)))
        }
        (Read::Accepted(Typed::Text(text)), Read::Absent) => {
            (inline, Content::Inline(Secret::from(text)))
        }
        (Read::Accepted(_), Read::Accepted(_)) => {
            reader.problem(&inline, format!("is set beside {name}_file; remove one of them"));
            return None;
        }
        _ => return None,
    };
    Some(Pem { place: reader.place(&key).clone(), key, content })
}

fn text(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    match reader.read(&path(name)) {
        Read::Accepted(Typed::Text(text)) => Some(text),
        _ => None,
    }
}

fn list(reader: &mut Reader<'_>, name: &str) -> Option<Vec<String>> {
    match reader.read(&path(name)) {
        Read::Accepted(Typed::List(list)) => Some(list),
        _ => None,
    }
}

fn client_auth(reader: &mut Reader<'_>, authorities: Option<&Pem>) -> ClientAuth {
    let name = "client_auth_type";
    let is_given = reader.value(&path(name)).is_some();
    let Some(text) = text(reader, name) else {
        if let (Some(pem), false) = (authorities, is_given) {
            let text = "has no effect without client_auth_type: RequireAndVerifyClientCert or \
                        VerifyClientCertIfGiven";
            reader.note(Problem::of_key(&pem.place, &pem.key, text));
        }
        return ClientAuth::Nobody;
    };
    let client_auth = ClientAuth::parse(&text).unwrap_or(ClientAuth::Nobody);
    match (authorities, client_auth.verifies()) {
        (None, true) => {
            let text = format!(
                "{text} verifies certificates, but no authority is set; add client_ca_file"
            );
            reader.problem(&path(name), text);
        }
        (Some(pem), false) => {
            let text = format!(
                "is not used with client_auth_type: {text}; write RequireAndVerifyClientCert or \
                 VerifyClientCertIfGiven there, or remove this"
            );
            reader.note(Problem::of_key(&pem.place, &pem.key, text));
        }
        _ => {}
    }
    client_auth
}

fn client_allowed_sans(reader: &mut Reader<'_>, client_auth: ClientAuth) -> Vec<AllowedSan> {
    let name = "client_allowed_sans";
    let sans = list(reader, name);
    if reader.value(&path(name)).is_some() && client_auth != ClientAuth::RequireAndVerify {
        let text = "has no effect without client_auth_type: RequireAndVerifyClientCert; write that, or \
                    remove this";
        reader.problem(&path(name), text);
    }
    sans.unwrap_or_default().iter().filter_map(|text| AllowedSan::parse(text)).collect()
}

/// The versions from the least to the greatest that is allowed.
fn versions(reader: &mut Reader<'_>) -> Vec<Version> {
    let mut version = |name| text(reader, name).and_then(|text| Version::parse(&text));
    let least = version("min_version").unwrap_or(Version::Tls12);
    let greatest = version("max_version").unwrap_or(Version::Tls13);
    let max = path("max_version");
    if least > greatest && reader.value(&max).is_some() {
        reader.problem(&max, "is less than min_version; raise it or remove it");
    }
    Version::ALL.into_iter().filter(|version| (least..=greatest).contains(version)).collect()
}

/// As in Go, only those of TLS 1.2 can be chosen: all of TLS 1.3 are good.
fn suites(reader: &mut Reader<'_>, versions: &[Version]) -> Option<Vec<SupportedCipherSuite>> {
    let name = "cipher_suites";
    let suites = list(reader, name)?;
    let suites = suites.iter().filter_map(|text| tls_names::suite(text));
    let suites: Vec<_> = suites.filter(|suite| suite.tls13().is_none()).collect();
    if let ([Version::Tls12], []) = (versions, &suites[..]) {
        reader.problem(&path(name), "has none of TLS 1.2, and max_version allows no other version");
    }
    Some(suites)
}

//! The keys of the section `tls_server_config`, and what each accepts.
//!
//! Stricter than the toolkit where a slip would leave the door open: a section without a certificate,
//! authorities for clients that nobody asks for a certificate, and the reverse.

use std::path::{Path, PathBuf};

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;

use super::client_auth::{AllowedSan, ClientAuth};
use super::problem::Problem;
use super::reading::{Reading, Section, any_of};
use super::words::{self, Version};
use records_api::secret::Secret;

/// Section `tls_server_config`.
pub(super) struct TlsSettings {
    pub(super) certificate: Place,
    pub(super) key: Place,
    pub(super) client_auth: ClientAuth,
    pub(super) client_authorities: Option<Place>,
    /// Empty: whoever the authorities vouch for.
    pub(super) client_allowed_sans: Vec<AllowedSan>,
    /// Those of TLS 1.2; `None` leaves the choice to the library.
    pub(super) suites: Option<Vec<SupportedCipherSuite>>,
    pub(super) curves: Option<Vec<&'static dyn SupportedKxGroup>>,
    pub(super) versions: Vec<Version>,
    pub(super) prefers_server_order: bool,
}

/// Where something in PEM form stands.
pub(super) struct Place {
    pub(super) key: String,
    pub(super) line: u64,
    pub(super) content: Content,
}

/// In the YAML, or in a file of its own.
pub(super) enum Content {
    Inline(Secret),
    File(PathBuf),
}

const TLS_KEYS: [&str; 13] = [
    "cert_file",
    "key_file",
    "cert",
    "key",
    "client_auth_type",
    "client_ca_file",
    "client_ca",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

impl TlsSettings {
    /// Reads the section, if it stands in the document; paths in it are relative to `folder`.
    pub(super) fn read(
        reading: &mut Reading,
        document: &Section<'_>,
        folder: &Path,
    ) -> Option<Self> {
        let section = reading.section(document, "tls_server_config", &TLS_KEYS)?;
        read(reading, &section, folder)
    }
}

fn read(reading: &mut Reading, section: &Section<'_>, folder: &Path) -> Option<TlsSettings> {
    let certificate = place(reading, section, "cert", folder);
    let key = place(reading, section, "key", folder);
    for (place, name) in [(&certificate, "cert"), (&key, "key")] {
        let is_given =
            ["", "_file"].iter().any(|end| section.find(&format!("{name}{end}")).is_some());
        if place.is_none() && !is_given {
            let text = format!("is missing; name a file in PEM form, or put its text at {name}");
            let key = section.key(&format!("{name}_file"));
            reading.note(Problem::of_key(section.line, &key, text));
        }
    }
    let client_authorities = place(reading, section, "client_ca", folder);
    let client_auth = client_auth(reading, section, client_authorities.as_ref());
    let versions = versions(reading, section);
    Some(TlsSettings {
        client_allowed_sans: client_allowed_sans(reading, section, client_auth),
        suites: suites(reading, section, &versions),
        curves: reading.list(section, "curve_preferences", &words::curves_accepted(), words::curve),
        prefers_server_order: reading.flag(section, "prefer_server_cipher_suites").unwrap_or(true),
        certificate: certificate?,
        key: key?,
        client_auth,
        client_authorities,
        versions,
    })
}

/// What stands at `name`, or in the file at `name_file`.
fn place(reading: &mut Reading, section: &Section<'_>, name: &str, folder: &Path) -> Option<Place> {
    let file_name = format!("{name}_file");
    let inline = section.find(name);
    let file = section.find(&file_name);
    if let Some(file) = file.as_ref().filter(|file| file.text().is_some_and(is_pem)) {
        let text =
            format!("the value (not shown) is no path but a text in PEM form; put it at {name}");
        reading.note(file.problem(text));
        return None;
    }
    let path = reading.text(section, &file_name, "the path of a file in PEM form");
    if let (Some(inline), Some(_)) = (&inline, file) {
        reading.note(inline.problem(format!("stands beside {file_name}; remove one of them")));
        return None;
    }
    if let Some((found, path)) = path {
        let content = Content::File(folder.join(path));
        return Some(Place { key: found.key, line: found.line, content });
    }
    let found = inline?;
    if let Some(text) = found.text() {
        let content = Content::Inline(Secret::from(text));
        return Some(Place { key: found.key, line: found.line, content });
    }
    let text = "the value (not shown) is not accepted. Accepted is a text in PEM form";
    reading.note(found.problem(text));
    None
}

fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN")
}

fn client_auth(
    reading: &mut Reading,
    section: &Section<'_>,
    authorities: Option<&Place>,
) -> ClientAuth {
    let names = any_of(&ClientAuth::NAMES.map(|(name, _)| name));
    let given = reading.text(section, "client_auth_type", &names);
    let Some((found, text)) = given else {
        if let (Some(place), None) = (authorities, section.find("client_auth_type")) {
            let text = "is used by nobody without client_auth_type: RequireAndVerifyClientCert or \
                        VerifyClientCertIfGiven";
            reading.note(Problem::of_key(place.line, &place.key, text));
        }
        return ClientAuth::Nobody;
    };
    let Some(client_auth) = ClientAuth::parse(text) else {
        reading.note(found.refuse(&names));
        return ClientAuth::Nobody;
    };
    match (authorities, client_auth.verifies()) {
        (None, true) => reading.note(found.problem(format!(
            "{text} checks certificates against an authority, and none is named; add client_ca_file"
        ))),
        (Some(place), false) => {
            let text = format!(
                "is not used with client_auth_type: {text}; write RequireAndVerifyClientCert or \
                 VerifyClientCertIfGiven there, or remove this"
            );
            reading.note(Problem::of_key(place.line, &place.key, text));
        }
        _ => {}
    }
    client_auth
}

fn client_allowed_sans(
    reading: &mut Reading,
    section: &Section<'_>,
    client_auth: ClientAuth,
) -> Vec<AllowedSan> {
    let name = "client_allowed_sans";
    let sans = reading.list(section, name, AllowedSan::ACCEPTED, AllowedSan::parse);
    if let (Some(found), true) = (section.find(name), client_auth != ClientAuth::RequireAndVerify) {
        let text = "is only of use with client_auth_type: RequireAndVerifyClientCert; write that, \
                    or remove this";
        reading.note(found.problem(text));
    }
    sans.unwrap_or_default()
}

/// The versions from the least to the greatest that is allowed.
fn versions(reading: &mut Reading, section: &Section<'_>) -> Vec<Version> {
    let names = any_of(&Version::NAMES.map(|(name, _)| name));
    let accepted = format!("{names}; older ones are not spoken");
    let mut version = |name| {
        let (found, text) = reading.text(section, name, &accepted)?;
        let version = Version::parse(text);
        if version.is_none() {
            reading.note(found.refuse(&accepted));
        }
        version
    };
    let least = version("min_version").unwrap_or(Version::Tls12);
    let greatest = version("max_version").unwrap_or(Version::Tls13);
    if let (Some(found), true) = (section.find("max_version"), least > greatest) {
        reading.note(found.problem("is less than min_version; raise it or remove it"));
    }
    let versions = Version::NAMES.map(|(_, version)| version);
    versions.into_iter().filter(|version| (least..=greatest).contains(version)).collect()
}

/// As in Go, only those of TLS 1.2 are chosen: TLS 1.3 has no others than good ones.
fn suites(
    reading: &mut Reading,
    section: &Section<'_>,
    versions: &[Version],
) -> Option<Vec<SupportedCipherSuite>> {
    let name = "cipher_suites";
    let suites = reading.list(section, name, &words::suites_accepted(), words::suite)?;
    let suites: Vec<_> = suites.into_iter().filter(|suite| suite.tls13().is_none()).collect();
    if let (Some(found), [Version::Tls12], []) = (section.find(name), versions, &suites[..]) {
        reading.note(found.problem("names none of TLS 1.2, and max_version allows no other"));
    }
    Some(suites)
}

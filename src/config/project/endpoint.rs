//! Where what a project asks is: its records API, IAM, the metadata service.

use url::{Host, Url};

use super::section::Section;
use crate::config::keys;

/// What decides where a server is, and how it may be reached.
pub(super) struct Surroundings<'s> {
    pub(super) region: Option<&'s str>,
    pub(super) insecure_http: bool,
}

/// A key that names a server of the cloud, which a region has too.
pub(super) struct Endpoint {
    path: &'static str,
    /// Where it is said that neither stands there, and how.
    missing: (&'static str, &'static str),
}

/// The records API.
pub(super) const RECORDS: Endpoint = Endpoint {
    path: "endpoint",
    missing: ("region", "is missing, and so is endpoint: give one of them"),
};

/// IAM, which gives tokens for passwords.
pub(super) const IAM: Endpoint = Endpoint {
    path: "auth.iam_endpoint",
    missing: ("auth.iam_endpoint", "is missing, and so is region: give one of them"),
};

impl Endpoint {
    pub(super) fn read(
        &self,
        section: &mut Section<'_, '_>,
        Surroundings { region, insecure_http }: &Surroundings<'_>,
    ) -> Url {
        if section.value(self.path).is_none() {
            if section.value("region").is_none() {
                section.problem(self.missing.0, self.missing.1);
            }
            return region.map_or_else(nowhere, |region| self.of_region(region));
        }
        let Some(url) = url(section, self.path) else { return nowhere() };
        if url.scheme() == "http" && !is_loopback(&url) && !insecure_http {
            let text = format!(
                "{:?} would send the credentials in clear text. Use https://, or set insecure_http \
                 = true",
                url.as_str()
            );
            section.problem(self.path, &text);
        }
        url
    }

    fn of_region(&self, region: &str) -> Url {
        let default = default_text(self.path).replace("{region}", region);
        Url::parse(&default).expect("a region that was accepted is part of a host's name")
    }
}

/// The metadata service: it is on the machine's own network, so `http://` is right.
pub(super) fn metadata(section: &mut Section<'_, '_>) -> Option<Url> {
    let path = "auth.metadata_endpoint";
    if section.value(path).is_some() {
        return url(section, path);
    }
    Some(Url::parse(default_text(path)).expect("the table of keys holds a URL"))
}

fn default_text(path: &str) -> &'static str {
    keys::find(&format!("projects.{path}")).and_then(keys::Key::default_text).unwrap_or_default()
}

/// Stands in for what is refused.
fn nowhere() -> Url {
    Url::parse("https://invalid.invalid").expect("a valid URL")
}

/// Whether a region can be part of a host's name.
pub(super) fn is_part_of_host(region: &str) -> bool {
    Url::parse(&format!("https://{region}.invalid")).is_ok()
}

fn url(section: &mut Section<'_, '_>, path: &str) -> Option<Url> {
    let text = section.text(path, |_| true)?;
    let url = parse(&text);
    if url.is_none() {
        section.refuse(path, &text.into());
    }
    url
}

/// A base that paths can be appended to.
fn parse(text: &str) -> Option<Url> {
    // The URL library mends these in silence: `https:host`, tabs within, backslashes.
    let is_mended = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    if !text.contains("://") || text.contains(is_mended) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_accepted = matches!(url.scheme(), "https" | "http")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let base = url.as_str().trim_end_matches('/');
    if is_accepted { Url::parse(base).ok() } else { None }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

//! Where a project's records API is.

use url::{Host, Url};

use super::section::Section;

pub(super) fn read(
    section: &mut Section<'_, '_>,
    region: Option<&str>,
    insecure_http: bool,
) -> Url {
    let nowhere = || Url::parse("https://invalid.invalid").expect("a valid URL");
    let (text, key) = match (section.text("endpoint", |_| true), region) {
        (Some(text), _) => (text, "endpoint"),
        (None, Some(region)) => (format!("https://workspace.{region}.myhuaweicloud.com"), "region"),
        (None, None) => {
            if section.value("endpoint").is_none() && section.value("region").is_none() {
                section.problem("region", "is missing, and so is endpoint: give one of them");
            }
            return nowhere();
        }
    };
    let Some(url) = parse(&text) else {
        let value = section.value(key).unwrap_or_else(|| text.into());
        section.refuse(key, &value);
        return nowhere();
    };
    if url.scheme() == "http" && !is_loopback(&url) && !insecure_http {
        let text = format!(
            "{:?} would send the credentials in clear text. Use https://, or set insecure_http = \
             true",
            url.as_str()
        );
        section.problem("endpoint", &text);
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

//! URLs of servers and of a proxy.

use url::{Host, Url};

use super::paths::is_prefix;

/// Parses the URL of a server, to which the exporter appends its paths. A path such as `/v3` in it
/// would occur twice in a request.
pub(crate) fn parse_base(text: &str) -> Option<Url> {
    let url = parse(text).filter(is_server)?;
    (url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Parses the URL under which users reach the exporter.
pub(crate) fn parse_external(text: &str) -> Option<Url> {
    let url = parse(text)?;
    let has_only_path = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    // The URL library shortens /a/../b to /b.
    let path = text.splitn(4, '/').nth(3).unwrap_or_default();
    let is_as_written = url.path().strip_prefix('/') == Some(path);
    (has_only_path && is_as_written && is_prefix(url.path())).then_some(url)
}

/// True if a text is the URL of a proxy.
pub(crate) fn is_proxy(text: &str) -> bool {
    parse(text).is_some_and(|url| is_server(&url))
}

/// True if a URL has nothing after host and port.
fn is_server(url: &Url) -> bool {
    url.path() == "/" && url.query().is_none() && url.fragment().is_none()
}

fn parse(text: &str) -> Option<Url> {
    // The URL library repairs these silently: `https:host`, tabs, backslashes.
    let is_repaired = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    if !text.contains("://") || text.contains(is_repaired) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "https" | "http") && url.has_host()).then_some(url)
}

/// True if a URL points to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// True if a region can be part of the name of a host.
pub(crate) fn is_part_of_host(region: &str) -> bool {
    Url::parse(&format!("https://{region}.invalid")).is_ok()
}

/// A text that may be a URL, without the user and the password in it.
pub(crate) fn without_user_info(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    // A password that is not encoded may contain / and @.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}<redacted>@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_only_a_host_and_a_port() {
        for text in [
            "https://iam.example.org",
            "https://iam.example.org/",
            "http://[::1]:8080",
            "https://10.0.0.1:443/",
        ] {
            assert!(parse_base(text).is_some(), "{text}");
        }
        for text in [
            "https://iam.example.org/v3",
            "https://iam.example.org/v3/",
            "https://iam.example.org/v3/auth/tokens",
            "https://iam.example.org//",
            "https://iam.example.org/;v=2",
            "https://iam.example.org?nocatalog=true",
            "https://iam.example.org/?",
            "https://iam.example.org#",
            "https://iam.example.org/#v3",
            "https://me@iam.example.org",
            "https://me:hush@iam.example.org",
            "iam.example.org",
        ] {
            assert!(parse_base(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_external_url_may_have_a_plain_path() {
        for (text, path) in [
            ("https://example.org", "/"),
            ("https://example.org/", "/"),
            ("http://[::1]:8080/a", "/a"),
            ("https://example.org/a/b-c_d.e~f//", "/a/b-c_d.e~f//"),
        ] {
            assert_eq!(parse_external(text).as_ref().map(Url::path), Some(path), "{text}");
        }
        for text in [
            "https://me@example.org/a",
            "https://:hush@example.org/a",
            "https://example.org/a?b",
            "https://example.org/a#b",
            "https://example.org?b",
            "https://example.org/a/../b",
            "https://example.org/a/./b",
            "https://example.org/a//b",
            "https://example.org/a%20b",
            "https://example.org/{a}",
            "https://example.org/\u{fc}",
            "ftp://example.org/a",
            "example.org/a",
            "/a",
            "\"https://example.org\"",
        ] {
            assert!(parse_external(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_proxy_has_a_host_and_may_have_a_user() {
        for text in [
            "http://proxy.example.org:3128",
            "https://proxy.example.org/",
            "http://me:p%40ss%20word@[::1]:8080",
            "http://10.0.0.1",
        ] {
            assert!(is_proxy(text), "{text}");
        }
        for text in [
            "",
            "proxy.example.org:3128",
            "http:proxy.example.org",
            "socks5://proxy.example.org",
            "http://",
            "http://proxy.example.org/path",
            "http://proxy.example.org/?q",
            "http://proxy.example.org#f",
            "http://me:pass word@proxy.example.org",
            "http://me:a/b@proxy.example.org",
            "http://me:a#b@proxy.example.org",
            "http://proxy.example.org:99999",
        ] {
            assert!(!is_proxy(text), "{text}");
        }
    }

    #[test]
    fn user_and_password_are_withheld_from_a_url() {
        for (text, expected) in [
            ("https://example.org/a?b", "https://example.org/a?b"),
            ("https://me:hush@example.org", "https://<redacted>@example.org"),
            ("ftp://me:hu/sh@hush@example.org", "ftp://<redacted>@example.org"),
            ("me:hush@example.org", "<redacted>@example.org"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_user_info(text), expected);
        }
    }
}

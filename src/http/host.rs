//! The host that a request names: the authority of its target, or else the header `Host`.

use std::net::Ipv6Addr;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

/// Host and port of a request that names a host. An extension of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// An IPv6 address is in brackets. May be empty.
    name: String,
    /// Digits, possibly none.
    port: Option<String>,
}

/// Refuses a request that does not name exactly one valid host (RFC 9112, section 3.2). Only HTTP/1.0
/// works without one.
pub(super) async fn require_host(mut request: Request, next: Next) -> Response {
    match host_of(&request) {
        Ok(Some(host)) => {
            request.extensions_mut().insert(host);
        }
        Ok(None) => {}
        Err(text) => return (StatusCode::BAD_REQUEST, text).into_response(),
    }
    next.run(request).await
}

fn host_of(request: &Request) -> Result<Option<Host>, &'static str> {
    let mut headers = request.headers().get_all(header::HOST).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err("The request has more than one Host header.\n");
    }
    if header.is_none() && request.version() >= Version::HTTP_11 {
        return Err("The request has no Host header.\n");
    }
    let header = header.map(HeaderValue::as_bytes);
    // The header counts only if the target does not name the host itself.
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let hosts = [header, authority].into_iter().flatten().map(|host| {
        let host = std::str::from_utf8(host).ok().and_then(Host::parse);
        host.ok_or("The request has an invalid Host header.\n")
    });
    Ok(hosts.collect::<Result<Vec<_>, _>>()?.pop())
}

impl Host {
    /// Parses `host` or `host:port` as RFC 3986 defines them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bracket = if text.starts_with('[') { text.find(']')? + 1 } else { 0 };
        let colon = text[bracket..].find(':').map(|at| bracket + at);
        let (name, port) = match colon {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let is_address = |name: &str| {
            let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        };
        let is_name = if bracket > 0 { is_address(name) } else { is_registered_name(name) };
        let is_port = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        (is_name && is_port).then(|| Self { name: name.to_owned(), port: port.map(str::to_owned) })
    }

    /// True for host and port of a URL.
    pub(super) fn is_of(&self, url: &Url) -> bool {
        let port = match &self.port {
            Some(port) => port.parse().ok(),
            None => url.port_or_known_default(),
        };
        let is_host = url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&self.name));
        is_host && port == url.port_or_known_default()
    }

    /// Returns host and port as the address of a target of Prometheus; `None` if the host is not a name or
    /// an address, or the port is not one that a client can connect to.
    pub(super) fn address(&self, default_port: u16) -> Option<String> {
        let port = match &self.port {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None => default_port,
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_host =
            self.name.starts_with('[') || !self.name.is_empty() && self.name.chars().all(is_plain);
        is_host.then(|| format!("{}:{port}", self.name))
    }
}

/// True for a `reg-name` of RFC 3986, which includes IPv4 addresses.
fn is_registered_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let is_valid = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !is_valid {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_the_syntax_of_rfc_3986() {
        for text in
            ["", "x", "x:", "x:0", "x:99999", "a.b-c_d~:80", "%41", "[::1]", "[::1]:80", "1.2.3.4"]
        {
            assert!(Host::parse(text).is_some(), "{text}");
        }
        for text in [
            "user@x",
            "x y",
            "x/y",
            "::1",
            "x:80:80",
            "x:+80",
            "x:8a",
            "[::1",
            "[]",
            "[x]",
            "[::1]x",
            "[::1%25lo]",
            "[1.2.3.4]",
            "%4",
            "%zz",
            "ü",
            "x\t",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_has_a_port_that_a_client_can_connect_to() {
        let address = |text: &str| Host::parse(text)?.address(443);
        for (text, expected) in [
            ("x", Some("x:443")),
            ("x:80", Some("x:80")),
            ("x:080", Some("x:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("", None),
            ("x:", None),
            ("x:0", None),
            ("x:65536", None),
            ("%41", None),
            ("x,y", None),
        ] {
            assert_eq!(address(text).as_deref(), expected, "{text}");
        }
    }
}

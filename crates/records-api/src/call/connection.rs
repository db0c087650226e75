//! Finds out why a connection to a server failed, from the errors of the libraries.

use std::error::Error;
use std::io;
use std::net::IpAddr;

use http::Uri;
use rustls::CertificateError;

use super::transport_error::TransportError;
use crate::error::{CertificateProblem, ProxyProblem};

/// The certificates that a transport trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of `api.ca_file`.
    CaFile,
    /// Those of the system.
    System,
    /// None, because the system has none.
    Nothing,
}

/// The way of a request to its server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) roots: Roots,
    pub(super) has_proxy: bool,
}

/// Variables by which other programs are told to use a proxy.
const PROXY_VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];

impl Route {
    /// Returns the error of a request for `uri` that got no answer.
    pub(super) fn error(self, uri: &Uri, error: &reqwest::Error) -> TransportError {
        let what = chain(error);
        let uses_proxy = self.has_proxy && !is_local(uri);
        let is_in_tunnel = uri.scheme_str() == Some("https") && !what.contains("tunnel error");
        if let Some(problem) = find(error).and_then(|error| self.certificate_problem(error)) {
            let of_proxy = uses_proxy && !is_in_tunnel;
            return TransportError::Certificate { of_proxy, problem, what };
        }
        if uses_proxy {
            let (problem, what) = proxy_problem(what, is_in_tunnel);
            return TransportError::Proxy { problem, what };
        }
        match ignored_proxy(uri) {
            Some(name) => TransportError::Connection(format!(
                "{what}; {name} is set, but the exporter does not use it: set `api.proxy_url`"
            )),
            None => TransportError::Connection(what),
        }
    }

    fn certificate_problem(self, error: &rustls::Error) -> Option<CertificateProblem> {
        use CertificateError as E;
        let rustls::Error::InvalidCertificate(error) = error else { return None };
        Some(match error {
            // A signature is bad if the authority has another key than the trusted one of its name.
            E::UnknownIssuer | E::BadSignature => match self.roots {
                Roots::CaFile => CertificateProblem::NotInCaFile,
                Roots::System => CertificateProblem::UnknownIssuer,
                Roots::Nothing => CertificateProblem::NoRoots,
            },
            E::Expired | E::ExpiredContext { .. } => CertificateProblem::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => CertificateProblem::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => CertificateProblem::OtherName,
            // The type is of the crate that rustls checks certificates with.
            E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                CertificateProblem::Authority
            }
            _ => CertificateProblem::Other,
        })
    }
}

/// Returns the problem of a proxy and its description. The library's type is not public.
fn proxy_problem(what: String, is_in_tunnel: bool) -> (ProxyProblem, String) {
    let is = |text: &str| what.contains(text);
    match () {
        () if is("proxy authorization required") => {
            (ProxyProblem::Unauthorized, "it answered 407 Proxy Authentication Required".to_owned())
        }
        () if is("tunnel error: unsuccessful") => {
            (ProxyProblem::Refused, "it did not answer 200 to CONNECT".to_owned())
        }
        () if is_in_tunnel => (ProxyProblem::Broken, what),
        () => (ProxyProblem::Unreachable, what),
    }
}

/// True for this machine and its metadata service, to which no proxy leads.
pub(super) fn is_local(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        Err(_) => host == "localhost",
    }
}

/// Returns the name of a variable with a proxy that is not used for this request.
fn ignored_proxy(uri: &Uri) -> Option<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    PROXY_VARIABLES.into_iter().find(is_set).filter(|_| !is_local(uri))
}

/// Finds the error of the TLS library among the sources of an error.
fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error does not name the error in it as its source, but the source of that.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// Returns the text of an error with those of its sources. The last source has the actual problem,
/// such as "connection refused" or "invalid peer certificate".
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

//! Request signatures (SDK-HMAC-SHA256) as the gateway computes them.
//!
//! They are computed from the request as it was received, so a client must sign exactly what it
//! sends. `keys.rs` checks the key, the date and the security token.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};

use crate::wire::request::Request;

/// The only supported algorithm. The documents name others, for other deployments.
pub(super) const ALGORITHM: &str = "SDK-HMAC-SHA256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A parsed `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) access_key: String,
    /// Names of the signed headers in lower case, in signing order.
    headers: Vec<String>,
    signature: String,
}

impl Authorization {
    /// Parses `SDK-HMAC-SHA256 Access=..., SignedHeaders=a;b, Signature=...`.
    pub(super) fn parse(authorization: &str) -> Option<Self> {
        let rest = authorization.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = rest.split(',').map(str::trim);
        let mut next = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let access_key = next("Access")?.to_owned();
        let headers = next("SignedHeaders")?;
        let signature = next("Signature")?.to_owned();
        if access_key.is_empty() || parts.next().is_some() {
            return None;
        }
        let mut headers: Vec<_> = headers.split(';').map(str::to_ascii_lowercase).collect();
        headers.sort();
        Some(Self { access_key, headers, signature })
    }

    /// Reports whether a header is one of the signed headers.
    pub(super) fn includes(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header == name)
    }

    /// Reports whether the signature of the request is the one that this secret key gives.
    pub(super) fn is_valid(&self, secret_key: &str, request: &Request<'_>) -> bool {
        let text =
            string_to_sign(date(request).unwrap_or_default(), &self.canonical_request(request));
        sign(secret_key, &text) == self.signature
    }

    /// Builds the canonical request.
    pub(super) fn canonical_request(&self, request: &Request<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for line in [
            request.method.as_str(),
            &canonical_path(request.uri.path()),
            &canonical_query(request.uri.query().unwrap_or_default()),
        ] {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        for name in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(header_value(request, name).trim_ascii());
            out.push(b'\n');
        }
        let hash = payload_hash(request);
        out.extend_from_slice(format!("\n{}\n{hash}", self.headers.join(";")).as_bytes());
        out
    }
}

/// Returns the `X-Sdk-Date` header.
pub(super) fn date<'r>(request: &Request<'r>) -> Option<&'r str> {
    request.headers.get("x-sdk-date")?.to_str().ok()
}

fn header_value<'r>(request: &Request<'r>, name: &str) -> &'r [u8] {
    match request.headers.get(name) {
        Some(value) => value.as_bytes(),
        // A request that did not come over a connection has its host in the URI only.
        None if name == "host" => {
            request.uri.authority().map_or(&[], |authority| authority.as_str().as_bytes())
        }
        None => &[],
    }
}

/// Decodes and encodes each segment of the path, and adds the trailing slash that the path itself
/// lacks.
fn canonical_path(path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut out = String::new();
    for (number, segment) in decoded.split(|byte| *byte == b'/').enumerate() {
        if number > 0 {
            out.push('/');
        }
        out.extend(percent_encode(segment, RESERVED));
    }
    if !out.ends_with('/') {
        out.push('/');
    }
    out
}

/// Sorts the query by key and value (not as joined text). Pairs without a value get a `=` too.
fn canonical_query(query: &str) -> String {
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pieces
        .map(|piece| {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            (percent_decode_str(key).collect(), percent_decode_str(value).collect())
        })
        .collect();
    pairs.sort();
    let encoded = pairs.iter().map(|(key, value)| {
        format!("{}={}", percent_encode(key, RESERVED), percent_encode(value, RESERVED))
    });
    encoded.collect::<Vec<_>>().join("&")
}

fn payload_hash(request: &Request<'_>) -> String {
    let declared = request.headers.get("x-sdk-content-sha256");
    // The official Python SDK hashes an empty body whatever the header says.
    if !request.body.is_empty() && declared.is_some_and(|value| value == UNSIGNED_PAYLOAD) {
        return UNSIGNED_PAYLOAD.to_owned();
    }
    hex(&Sha256::digest(request.body))
}

fn string_to_sign(date: &str, canonical: &[u8]) -> String {
    format!("{ALGORITHM}\n{date}\n{}", hex(&Sha256::digest(canonical)))
}

fn sign(secret_key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a String cannot fail");
        out
    })
}

/// Signs a request, for tests.
#[cfg(test)]
pub(crate) fn authorization(
    (access_key, secret_key): (&str, &str),
    headers: &[&str],
    request: &Request<'_>,
) -> String {
    let head = format!("{ALGORITHM} Access={access_key}, SignedHeaders={}", headers.join(";"));
    let unsigned =
        Authorization::parse(&format!("{head}, Signature=")).expect("the header is complete");
    let canonical = unsigned.canonical_request(request);
    let text = string_to_sign(date(request).unwrap_or_default(), &canonical);
    format!("{head}, Signature={}", sign(secret_key, &text))
}

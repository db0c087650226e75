//! The signature of a request, SDK-HMAC-SHA256, as the gateway computes it from what arrived.
//!
//! It works on the request as it came over the wire, so that a client must have signed what it sent.
//! Whether the key is known, the moment right and the token valid is asked elsewhere.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};

use crate::wire::request::Request;

/// The one algorithm that is understood; the others of the documents are for other deployments.
pub(super) const ALGORITHM: &str = "SDK-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) access_key: String,
    /// In lower case, in the order in which they enter the signature.
    headers: Vec<String>,
    signature: String,
}

impl Signed {
    /// Reads `SDK-HMAC-SHA256 Access=..., SignedHeaders=a;b, Signature=...`.
    pub(super) fn read(authorization: &str) -> Option<Self> {
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

    /// Whether a header is part of what was signed.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header == name)
    }

    /// Whether this secret key signs the request so.
    pub(super) fn is_by(&self, secret_key: &str, request: &Request<'_>) -> bool {
        let text = string_to_sign(date(request).unwrap_or_default(), &self.canonical(request));
        sign(secret_key, &text) == self.signature
    }

    /// The request in the one form that is signed.
    pub(super) fn canonical(&self, request: &Request<'_>) -> Vec<u8> {
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
            out.extend_from_slice(value(request, name).trim_ascii());
            out.push(b'\n');
        }
        let hash = payload_hash(request);
        out.extend_from_slice(format!("\n{}\n{hash}", self.headers.join(";")).as_bytes());
        out
    }
}

/// `X-Sdk-Date` as it was sent.
pub(super) fn date<'r>(request: &Request<'r>) -> Option<&'r str> {
    request.headers.get("x-sdk-date")?.to_str().ok()
}

fn value<'r>(request: &Request<'r>, name: &str) -> &'r [u8] {
    match request.headers.get(name) {
        Some(value) => value.as_bytes(),
        // A request that never was on a wire has its host in its URI only.
        None if name == "host" => {
            request.uri.authority().map_or(&[], |authority| authority.as_str().as_bytes())
        }
        None => &[],
    }
}

/// Each segment encoded anew, with a slash at the end that the path on the wire does not have.
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

/// The pairs, sorted as pairs (not as joined texts), with `=` also where there is no value.
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
    let told = request.headers.get("x-sdk-content-sha256");
    // The official SDK in Python hashes an empty body whatever the header says.
    if !request.body.is_empty() && told.is_some_and(|told| told == UNSIGNED) {
        return UNSIGNED.to_owned();
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

/// Signs a request with these of its headers, for tests of what happens to signed requests.
#[cfg(test)]
pub(crate) fn authorization(
    (access_key, secret_key): (&str, &str),
    headers: &[&str],
    request: &Request<'_>,
) -> String {
    let head = format!("{ALGORITHM} Access={access_key}, SignedHeaders={}", headers.join(";"));
    let unsigned = Signed::read(&format!("{head}, Signature=")).expect("a test signs rightly");
    let canonical = unsigned.canonical(request);
    let text = string_to_sign(date(request).unwrap_or_default(), &canonical);
    format!("{head}, Signature={}", sign(secret_key, &text))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
    use serde_json::Value;

    use super::*;
    use crate::wire::request::Endpoint;

    /// A request as a vector describes it.
    struct Sent {
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: String,
    }

    impl Sent {
        fn read(vector: &Value) -> Self {
            let input = &vector["input"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let mut headers = HeaderMap::new();
            let added = vector["headers_added_before_signing"].as_object().into_iter().flatten();
            for (name, value) in input["headers"].as_object().unwrap().iter().chain(added) {
                headers.insert(
                    HeaderName::try_from(name).unwrap(),
                    HeaderValue::try_from(text(value)).unwrap(),
                );
            }
            if input["sign_host_header"].as_bool() == Some(true) {
                headers.insert("host", HeaderValue::try_from(text(&input["host"])).unwrap());
            }
            let target = vector["request_target"].as_str().map(str::to_owned);
            // The published vectors need no encoding.
            let target = target.unwrap_or_else(|| {
                let pairs = input["query"].as_array().unwrap().iter();
                let pairs = pairs.map(|pair| format!("{}={}", text(&pair[0]), text(&pair[1])));
                format!("{}?{}", text(&input["path"]), pairs.collect::<Vec<_>>().join("&"))
            });
            Self {
                method: text(&input["method"]).parse().unwrap(),
                // A space cannot be on the wire; the SDK's own target has one.
                uri: target.replace(' ', "%20").parse().unwrap(),
                headers,
                body: text(&input["body"]),
            }
        }

        fn request(&self) -> Request<'_> {
            Request {
                endpoint: Endpoint::Other,
                project: "",
                method: &self.method,
                uri: &self.uri,
                headers: &self.headers,
                body: self.body.as_bytes(),
            }
        }
    }

    /// Path and query with the pairs in the order in which the caller gave them, which is not the
    /// one that is signed.
    fn target_as_given(vector: &Value) -> Uri {
        let input = &vector["input"];
        let encoded = |value: &Value| {
            percent_encode(value.as_str().unwrap().as_bytes(), RESERVED).to_string()
        };
        let pairs = input["query"].as_array().unwrap().iter();
        let pairs: Vec<_> =
            pairs.map(|pair| format!("{}={}", encoded(&pair[0]), encoded(&pair[1]))).collect();
        let path = input["path"].as_str().unwrap().replace(' ', "%20");
        format!("{path}?{}", pairs.join("&")).parse().unwrap()
    }

    /// Every vector with its secret key.
    fn vectors() -> Vec<(Value, String)> {
        let text = include_str!("../../../../tests/fixtures/signing_vectors.json");
        let all: Value = serde_json::from_str(text).unwrap();
        let of = |part: &Value| {
            let secret = part["secret_key"].as_str().unwrap().to_owned();
            let vectors = part["vectors"].as_array().unwrap().clone();
            vectors.into_iter().map(move |vector| (vector, secret.clone())).collect::<Vec<_>>()
        };
        [of(&all), of(&all["published_cross_checks"])].concat()
    }

    #[test]
    fn every_known_answer_is_found_and_nothing_else_is_right() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 20);
        for (vector, secret) in vectors {
            let name = &vector["name"];
            let sent = Sent::read(&vector);
            let authorization = vector["authorization"].as_str().unwrap();
            let signed = Signed::read(authorization).unwrap();
            let canonical = signed.canonical(&sent.request());
            let text = String::from_utf8_lossy(&canonical).into_owned();
            assert_eq!(text, vector["canonical_request"], "{name}");
            let date = date(&sent.request()).unwrap();
            assert_eq!(string_to_sign(date, &canonical), vector["string_to_sign"], "{name}");
            assert!(signed.is_by(&secret, &sent.request()), "{name}");
            let mut unsorted = Sent::read(&vector);
            unsorted.uri = target_as_given(&vector);
            assert!(signed.is_by(&secret, &unsorted.request()), "{name}");

            assert!(!signed.is_by("another", &sent.request()), "{name}");
            let mut other = signed.clone();
            other.signature.replace_range(..1, "x");
            assert!(!other.is_by(&secret, &sent.request()), "{name}");
            for header in &signed.headers {
                let mut sent = Sent::read(&vector);
                let header = HeaderName::try_from(header).unwrap();
                sent.headers.insert(header, HeaderValue::from_static("changed"));
                assert!(!signed.is_by(&secret, &sent.request()), "{name}");
            }
            let mut other = Sent::read(&vector);
            other.uri = "/other".parse().unwrap();
            assert!(!signed.is_by(&secret, &other.request()), "{name}");
            let mut other = Sent::read(&vector);
            other.method = Method::DELETE;
            assert!(!signed.is_by(&secret, &other.request()), "{name}");
            let mut other = Sent::read(&vector);
            other.body.push('!');
            let unsigned = name == "unsigned-payload-octet-stream";
            assert_eq!(signed.is_by(&secret, &other.request()), unsigned, "{name}");
        }
    }

    #[test]
    fn a_request_that_was_never_on_a_wire_has_its_host_in_its_uri() {
        let (vector, secret) = &vectors()[9];
        let mut sent = Sent::read(vector);
        assert_eq!(sent.headers.remove("host").unwrap(), "127.0.0.1:18080");
        let signed = Signed::read(vector["authorization"].as_str().unwrap()).unwrap();
        assert!(!signed.is_by(secret, &sent.request()));
        sent.uri = format!("http://127.0.0.1:18080{}", sent.uri).parse().unwrap();
        assert!(signed.is_by(secret, &sent.request()));
    }

    #[test]
    fn an_authorization_of_another_form_is_none() {
        for wrong in [
            "",
            "Basic abc",
            "SDK-HMAC-SHA256",
            "SDK-HMAC-SHA256 Access=a",
            "SDK-HMAC-SHA256 Access=, SignedHeaders=host, Signature=00",
            "SDK-HMAC-SHA256 SignedHeaders=host, Access=a, Signature=00",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=00, More=1",
            "SDK-HMAC-SM3 Access=a, SignedHeaders=host, Signature=00",
        ] {
            assert_eq!(Signed::read(wrong), None, "{wrong}");
        }
    }
}

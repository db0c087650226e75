//! Known answers for signatures, and headers that are not signatures.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;

use super::*;
use crate::wire::request::Endpoint;

/// A request of a test vector.
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
            // The SDK's own target has a space, which is not allowed in a request line.
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

/// Path and query with the pairs in the caller's order, which is not the signing order.
fn target_as_given(vector: &Value) -> Uri {
    let input = &vector["input"];
    let encoded =
        |value: &Value| percent_encode(value.as_str().unwrap().as_bytes(), RESERVED).to_string();
    let pairs = input["query"].as_array().unwrap().iter();
    let pairs: Vec<_> =
        pairs.map(|pair| format!("{}={}", encoded(&pair[0]), encoded(&pair[1]))).collect();
    let path = input["path"].as_str().unwrap().replace(' ', "%20");
    format!("{path}?{}", pairs.join("&")).parse().unwrap()
}

/// Every vector with its secret key.
fn vectors() -> Vec<(Value, String)> {
    let text = include_str!("../../../../../tests/fixtures/signing_vectors.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let vectors_of = |part: &Value| {
        let secret = part["secret_key"].as_str().unwrap().to_owned();
        let vectors = part["vectors"].as_array().unwrap().clone();
        vectors.into_iter().map(move |vector| (vector, secret.clone())).collect::<Vec<_>>()
    };
    [vectors_of(&all), vectors_of(&all["published_cross_checks"])].concat()
}

#[test]
fn known_signatures_are_valid_and_changed_requests_are_not() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 20);
    for (vector, secret) in vectors {
        let name = &vector["name"];
        let sent = Sent::read(&vector);
        let authorization = vector["authorization"].as_str().unwrap();
        let signed = Authorization::parse(authorization).unwrap();
        let canonical = signed.canonical_request(&sent.request());
        let text = String::from_utf8_lossy(&canonical).into_owned();
        assert_eq!(text, vector["canonical_request"], "{name}");
        let date = date(&sent.request()).unwrap();
        assert_eq!(string_to_sign(date, &canonical), vector["string_to_sign"], "{name}");
        assert!(signed.is_valid(&secret, &sent.request()), "{name}");
        let mut unsorted = Sent::read(&vector);
        unsorted.uri = target_as_given(&vector);
        assert!(signed.is_valid(&secret, &unsorted.request()), "{name}");

        assert!(!signed.is_valid("another", &sent.request()), "{name}");
        let mut other = signed.clone();
        other.signature.replace_range(..1, "x");
        assert!(!other.is_valid(&secret, &sent.request()), "{name}");
        for header in &signed.headers {
            let mut sent = Sent::read(&vector);
            let header = HeaderName::try_from(header).unwrap();
            sent.headers.insert(header, HeaderValue::from_static("changed"));
            assert!(!signed.is_valid(&secret, &sent.request()), "{name}");
        }
        let mut other = Sent::read(&vector);
        other.uri = "/other".parse().unwrap();
        assert!(!signed.is_valid(&secret, &other.request()), "{name}");
        let mut other = Sent::read(&vector);
        other.method = Method::DELETE;
        assert!(!signed.is_valid(&secret, &other.request()), "{name}");
        let mut other = Sent::read(&vector);
        other.body.push('!');
        let unsigned = name == "unsigned-payload-octet-stream";
        assert_eq!(signed.is_valid(&secret, &other.request()), unsigned, "{name}");
    }
}

#[test]
fn the_host_is_read_from_the_uri_if_there_is_no_host_header() {
    let (vector, secret) = &vectors()[9];
    let mut sent = Sent::read(vector);
    assert_eq!(sent.headers.remove("host").unwrap(), "127.0.0.1:18080");
    let signed = Authorization::parse(vector["authorization"].as_str().unwrap()).unwrap();
    assert!(!signed.is_valid(secret, &sent.request()));
    sent.uri = format!("http://127.0.0.1:18080{}", sent.uri).parse().unwrap();
    assert!(signed.is_valid(secret, &sent.request()));
}

#[test]
fn other_authorization_headers_are_not_signatures() {
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
        assert_eq!(Authorization::parse(wrong), None, "{wrong}");
    }
}

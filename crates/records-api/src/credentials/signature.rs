//! Signs requests with an access key: the scheme SDK-HMAC-SHA256 of the API gateway.
//!
//! The signed headers are `host`, `x-sdk-date`, `x-project-id` and `x-security-token`, none of
//! which a proxy changes. Source of the rules: the signing guide of the API gateway, and the
//! official SDKs.

use std::fmt::Write;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::record::Timestamp;
use crate::secret::Secret;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// Time of the signature, such as `20240312T120201Z`.
const DATE: HeaderName = HeaderName::from_static("x-sdk-date");
const PROJECT: HeaderName = HeaderName::from_static("x-project-id");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");
/// If a request has this header, its value takes the place of the hash of the body.
const CONTENT_HASH: &str = "x-sdk-content-sha256";
/// All characters except the unreserved ones of RFC 3986 are encoded, as the rules for signatures
/// demand.
pub(crate) const UNRESERVED: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An access key; a temporary one has a security token.
#[derive(Debug, Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: Secret,
    pub(crate) secret: Secret,
    pub(crate) security_token: Option<Secret>,
}

/// Signs a request that is sent at `now` for a project.
///
/// # Errors
///
/// A text that names the part of the key that contains characters which are not allowed in a
/// header, without its value.
pub(crate) fn sign(
    request: &mut Request<Bytes>,
    key: &AccessKey,
    project_id: &str,
    now: Timestamp,
) -> Result<(), String> {
    let value = |text: &str, name: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| format!("{name} contains characters that are not allowed in a header"))
    };
    let time = DateTime::<Utc>::from_timestamp_millis(now.millis()).unwrap_or_default();
    let date = time.format("%Y%m%dT%H%M%SZ").to_string();
    let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let mut added = vec![
        (header::HOST, value(&host, "the host")?),
        (DATE, value(&date, "the date")?),
        (PROJECT, value(project_id, "the project ID")?),
    ];
    if let Some(token) = &key.security_token {
        let mut token = value(token.expose(), "the security token")?;
        token.set_sensitive(true);
        added.push((SECURITY_TOKEN, token));
    }
    let signed: Vec<(String, String)> = added
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let query = request.uri().query().unwrap_or_default();
    let to_sign = Canonical {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: &pairs(query),
        headers: &signed,
        body: request.body(),
    };
    let mut authorization = value(
        &to_sign.authorization(key.id.expose(), key.secret.expose(), &date),
        "the access key",
    )?;
    authorization.set_sensitive(true);
    let headers = request.headers_mut();
    headers.extend(added);
    headers.insert(header::AUTHORIZATION, authorization);
    Ok(())
}

/// Returns the decoded names and values of a query.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// The parts of a request that are signed.
struct Canonical<'r> {
    method: &'r str,
    /// The encoded path.
    path: &'r str,
    /// The decoded names and values.
    query: &'r [(String, String)],
    /// The headers that are signed.
    headers: &'r [(String, String)],
    body: &'r [u8],
}

impl Canonical<'_> {
    fn authorization(&self, id: &str, secret: &str, date: &str) -> String {
        let (_, names) = self.headers();
        let signature = signature(secret, &self.string_to_sign(date));
        format!("{ALGORITHM} Access={id}, SignedHeaders={names}, Signature={signature}")
    }

    fn string_to_sign(&self, date: &str) -> String {
        format!("{ALGORITHM}\n{date}\n{}", hash(self.request().as_bytes()))
    }

    fn request(&self) -> String {
        let (headers, names) = self.headers();
        let unsigned =
            self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(CONTENT_HASH));
        let body = unsigned.map_or_else(|| hash(self.body), |(_, value)| value.clone());
        let (path, query) = (self.path(), self.query());
        format!("{}\n{path}\n{query}\n{headers}\n{names}\n{body}", self.method)
    }

    /// Returns the path with each segment encoded, and with a slash at the end, which is not sent.
    fn path(&self) -> String {
        let decoded = percent_decode_str(self.path).decode_utf8_lossy();
        let segments: Vec<_> = decoded.split('/').map(encoded).collect();
        let path = segments.join("/");
        if path.ends_with('/') { path } else { path + "/" }
    }

    /// Returns the query sorted by name and then by value, not as text: `a=z` comes before `a-b=1`.
    fn query(&self) -> String {
        let mut query = self.query.to_vec();
        query.sort_unstable();
        let pairs =
            query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Returns the lines of the headers, and the list of their names.
    fn headers(&self) -> (String, String) {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            // The gateway ignores headers with an underscore in their name.
            .filter(|(name, _)| !name.contains('_'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .collect();
        headers.sort_unstable();
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: Vec<_> = headers.into_iter().map(|(name, _)| name).collect();
        (lines.concat(), names.join(";"))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &UNRESERVED).to_string()
}

fn signature(secret: &str, string_to_sign: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(string_to_sign.as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/signing_vectors.json"
    ));

    fn text<'v>(value: &'v Value, name: &str) -> &'v str {
        value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
    }

    fn own(text: &str) -> String {
        text.to_owned()
    }

    /// Compares a test vector with the results for its input; returns its name.
    fn check(vector: &Value, id: &str, secret: &str) -> String {
        let (name, input) = (text(vector, "name"), &vector["input"]);
        let query = input["query"].as_array().unwrap().iter();
        let query =
            query.map(|pair| (own(pair[0].as_str().unwrap()), own(pair[1].as_str().unwrap())));
        let mut headers: Vec<(String, String)> = Vec::new();
        for set in [&input["headers"], &vector["headers_added_before_signing"]] {
            let set = set.as_object().into_iter().flatten();
            headers.extend(set.map(|(name, value)| (name.clone(), own(value.as_str().unwrap()))));
        }
        let signs_host = input["sign_host_header"].as_bool() != Some(false);
        if signs_host && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            headers.push((own("host"), own(text(input, "host"))));
        }
        let date = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-sdk-date"));
        let date = date.unwrap_or_else(|| panic!("{name} has no date")).1.clone();
        let canonical = Canonical {
            method: text(input, "method"),
            path: text(input, "path"),
            query: &query.collect::<Vec<_>>(),
            headers: &headers,
            body: text(input, "body").as_bytes(),
        };
        assert_eq!(canonical.request(), text(vector, "canonical_request"), "{name}");
        assert_eq!(canonical.string_to_sign(&date), text(vector, "string_to_sign"), "{name}");
        let authorization = canonical.authorization(id, secret, &date);
        assert_eq!(authorization, text(vector, "authorization"), "{name}");
        own(name)
    }

    #[test]
    fn all_test_vectors_are_reproduced() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let mut names = Vec::new();
        for set in [&vectors, &vectors["published_cross_checks"]] {
            let (id, secret) = (text(set, "access_key"), text(set, "secret_key"));
            names.extend(set["vectors"].as_array().unwrap().iter().map(|v| check(v, id, secret)));
        }
        assert_eq!(names.len(), 20, "{names:?}");
    }

    #[test]
    fn the_headers_of_a_signed_request_are_set_and_not_shown() {
        let uri = "https://workspace.cn-north-4.myhuaweicloud.com/v2/089b2f9a3d80d3062f24c00ca4ed5cbd\
                   /screen-records?limit=10&start_time=2024-03-12%2012%3A02%3A01";
        let mut request = Request::get(uri).body(Bytes::new()).unwrap();
        let key = AccessKey {
            id: "HPUAEXAMPLEACCESSKEY".into(),
            secret: "ExAmPlEsEcReTkEy0123456789abcdefABCDEFGH".into(),
            security_token: Some("SECURITY-TOKEN-EXAMPLE".into()),
        };
        let now = Timestamp::parse("2024-03-12T12:02:01.999Z").unwrap();
        sign(&mut request, &key, "089b2f9a3d80d3062f24c00ca4ed5cbd", now).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("x-sdk-date"), "20240312T120201Z");
        assert_eq!(header("x-security-token"), "SECURITY-TOKEN-EXAMPLE");
        let authorization = header("authorization");
        let signed = "SignedHeaders=host;x-project-id;x-sdk-date;x-security-token";
        assert!(authorization.contains(signed), "{authorization}");
        let shown = format!("{request:?}");
        assert!(!shown.contains("SECURITY-TOKEN") && !shown.contains("Signature="), "{shown}");
    }
}

//! A gateway error that repeats the request's headers, as the real one does when a signature is
//! wrong.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::wire::error::ApiError;

/// The encoding of the repeated headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EchoEncoding {
    /// Unchanged
    Plain,
    /// Unchanged, with every `/` of the body written as `\/`
    JsonEscaped,
    /// Each value in base64
    Base64,
    /// All headers together in base64
    Base64All,
    /// Each value percent-encoded
    Url,
}

impl EchoEncoding {
    /// Every encoding with its name.
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("plain", Self::Plain),
        ("json-escaped", Self::JsonEscaped),
        ("base64", Self::Base64),
        ("base64-all", Self::Base64All),
        ("url", Self::Url),
    ];

    /// Escapes the slashes of a JSON body, without changing its meaning.
    pub(crate) fn escape(self, body: &mut Vec<u8>) {
        if self == Self::JsonEscaped {
            let text = String::from_utf8_lossy(body).replace('/', "\\/");
            *body = text.into_bytes();
        }
    }
}

/// Returns an error that repeats the method and the headers of a request.
pub(crate) fn echo_error(
    method: &Method,
    headers: &HeaderMap,
    status: u16,
    encoding: EchoEncoding,
) -> ApiError {
    let mut sent = method.to_string();
    for (name, value) in headers {
        let value = match encoding {
            EchoEncoding::Base64 => STANDARD.encode(value),
            EchoEncoding::Url => percent_encode(value.as_bytes(), NON_ALPHANUMERIC).to_string(),
            _ => value.to_str().unwrap_or("?").to_owned(),
        };
        write!(sent, "|{name}:{value}").expect("writing to a String cannot fail");
    }
    if encoding == EchoEncoding::Base64All {
        sent = STANDARD.encode(sent);
    }
    let mut refusal = ApiError::for_status(status);
    refusal.message = format!("verify aksk signature fail, canonicalRequest: {sent}");
    refusal
}

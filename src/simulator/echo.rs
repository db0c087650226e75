//! A gateway that repeats what it was sent, as one is known to do when a signature fails.

use http::HeaderMap;

use super::refusal::Refusal;

/// A 401 that gives away what it was sent.
pub(super) fn echo(headers: &HeaderMap) -> Refusal {
    let sent: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}", value.to_str().unwrap_or("?")))
        .collect();
    let message = format!("verify aksk signature fail, canonicalRequest: GET|{}", sent.join("|"));
    Refusal::new(401, "APIGW.0301", message)
}

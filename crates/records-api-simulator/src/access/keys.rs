//! Access keys, and the gateway's verification of signed requests.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::{
    lockout::{Lock, Lockout},
    signature::{self, Authorization},
};
use crate::wire::{error::ApiError, request::Request};

/// Maximum difference between `X-Sdk-Date` and the gateway's clock.
const MAX_CLOCK_DIFFERENCE: i64 = 15 * 60 * 1000;
/// Failures in a row before an access key is locked, and how long the lock lasts.
const ALLOWED_FAILURES: u32 = 5;
const LOCK_MILLIS: i64 = 5 * 60 * 1000;

struct Key {
    secret: String,
    /// The security token. A temporary key is not valid without it.
    token: Option<String>,
    expires: Option<i64>,
}

/// The access keys that exist, and their failed requests.
pub(super) struct AccessKeys {
    known: BTreeMap<String, Key>,
    /// The name of the configured key in `known`.
    configured: Option<String>,
    lockout: Lockout,
}

impl AccessKeys {
    pub(super) fn new() -> Self {
        let lockout = Lockout::new(ALLOWED_FAILURES, LOCK_MILLIS);
        Self { known: BTreeMap::new(), configured: None, lockout }
    }

    /// Replaces the configured key.
    pub(super) fn configure(
        &mut self,
        access_key: &str,
        secret_key: &str,
        security_token: Option<&str>,
    ) {
        if let Some(previous) = self.configured.replace(access_key.to_owned()) {
            self.known.remove(&previous);
        }
        let (secret, token) = (secret_key.to_owned(), security_token.map(str::to_owned));
        let key = Key { secret, token, expires: None };
        self.known.insert(access_key.to_owned(), key);
    }

    /// Adds a temporary key.
    pub(super) fn add(&mut self, access_key: String, secret: String, token: String, expires: i64) {
        let key = Key { secret, token: Some(token), expires: Some(expires) };
        self.known.insert(access_key, key);
    }

    pub(super) fn locks(&self) -> &[Lock] {
        self.lockout.locks()
    }

    /// Verifies a signed request. Every failure counts against the access key in the signature,
    /// even if the key is unknown or only the date is wrong; the documents do not say.
    pub(super) fn check(
        &mut self,
        authorization: &str,
        request: &Request<'_>,
        now: i64,
    ) -> Result<(), ApiError> {
        let Some(signed) = Authorization::parse(authorization) else {
            // Invented.
            return Err(ApiError::unauthenticated("the Authorization header cannot be read"));
        };
        if self.lockout.is_locked(&signed.access_key, now) {
            return Err(ApiError::unauthenticated(
                "AK access failed to reach the limit,forbidden.",
            ));
        }
        let verdict = self.verify(&signed, request, now);
        match verdict {
            Ok(()) => self.lockout.succeed(&signed.access_key),
            Err(_) => self.lockout.fail(&signed.access_key, now),
        }
        verdict
    }

    fn verify(
        &self,
        signed: &Authorization,
        request: &Request<'_>,
        now: i64,
    ) -> Result<(), ApiError> {
        let Some(key) = self.known.get(&signed.access_key) else {
            let access_key = &signed.access_key;
            return Err(ApiError::unauthenticated(&format!(
                "Get secretKey failed,ak:{access_key},err:ak not exist"
            )));
        };
        let sent_at = signature::date(request).and_then(parse_date);
        if sent_at.is_none_or(|sent_at| (now - sent_at).abs() > MAX_CLOCK_DIFFERENCE) {
            return Err(ApiError::unauthenticated("calc ak sk signature fail:signature expired"));
        }
        if !signed.includes("x-sdk-date") || !signed.is_valid(&key.secret, request) {
            // The real gateway repeats the whole canonical request, including header values.
            let canonical = signed.canonical_request(request);
            let one_line = String::from_utf8_lossy(&canonical).replace('\n', "|");
            return Err(ApiError::unauthenticated(&format!(
                "verify aksk signature fail, canonicalRequest:{one_line}"
            )));
        }
        let token = request.headers.get("x-security-token").map(http::HeaderValue::as_bytes);
        let token_matches = token == key.token.as_deref().map(str::as_bytes)
            && (token.is_none() || signed.includes("x-security-token"));
        if !token_matches {
            // Invented: the text is documented for X-Auth-Token.
            return Err(ApiError::unauthenticated("decrypt token fail"));
        }
        if key.expires.is_some_and(|expires| now >= expires) {
            // Invented.
            return Err(ApiError::unauthenticated("the security token has expired"));
        }
        Ok(())
    }
}

/// Parses `yyyyMMdd'T'HHmmss'Z'`.
fn parse_date(text: &str) -> Option<i64> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    // chrono also accepts signs and single digits.
    if shape != "00000000T000000Z" {
        return None;
    }
    let time = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    Some(time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_basic_format_of_a_date_is_parsed() {
        assert_eq!(parse_date("20240312T120201Z"), Some(1_710_244_921_000));
        for wrong in ["", "20240312T120201", "2024-03-12T12:02:01Z", "20240312T126201Z"] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }
}

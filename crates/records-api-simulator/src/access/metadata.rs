//! The metadata service of a cloud server: temporary keys of the agency that is attached to the
//! server.
//!
//! Texts and statuses without documentation are invented: 400 for an invalid token lifetime, 401
//! for a missing or expired token.

use http::HeaderMap;
use serde_json::json;

use super::{
    keys::AccessKeys,
    options::{AccessOptions, ImdsVersion},
    secret_generator::{ACCESS_KEY_ALPHABET, SECRET_KEY_ALPHABET, SecretGenerator, TOKEN_ALPHABET},
};
use crate::{
    time,
    wire::error::{ApiError, ErrorShape},
};

/// New keys appear this long before the old ones expire, but at most this share of the lifetime
/// before.
const RENEWAL_LEAD: i64 = 10 * 60 * 1000;
const RENEWAL_SHARE: i64 = 6;
/// Maximum lifetime of a token, in seconds.
const MAX_TOKEN_SECONDS: i64 = 21_600;
/// Older tokens are forgotten.
const MAX_TOKENS: usize = 1000;

/// The metadata service.
pub(super) struct Metadata {
    imds: ImdsVersion,
    has_agency: bool,
    key_lifetime: i64,
    /// The newest tokens with their expiry times, oldest first. `evicted` older ones came before
    /// them.
    tokens: Vec<(String, i64)>,
    evicted: u64,
    /// The answer with the newest keys, and when they expire.
    newest: Option<(Vec<u8>, i64)>,
    secrets: SecretGenerator,
}

impl Metadata {
    pub(super) fn new(options: &AccessOptions, seed: u64) -> Self {
        Self {
            imds: options.imds,
            has_agency: options.agency,
            key_lifetime: time::duration_millis(options.key_lifetime),
            tokens: Vec::new(),
            evicted: 0,
            newest: None,
            secrets: SecretGenerator::new(seed, 0x3d),
        }
    }

    pub(super) fn has_agency(&self) -> bool {
        self.has_agency
    }

    /// Issued keys stay valid until they expire.
    pub(super) fn set_agency(&mut self, has_agency: bool) {
        self.has_agency = has_agency;
    }

    /// Issues a token.
    pub(super) fn token(&mut self, headers: &HeaderMap, now: i64) -> Result<String, ApiError> {
        if self.imds == ImdsVersion::V1 {
            return Err(text_error(405, "Method Not Allowed"));
        }
        let seconds = headers.get("x-metadata-token-ttl-seconds").and_then(|value| {
            let seconds = value.to_str().ok()?.parse::<i64>().ok()?;
            (1..=MAX_TOKEN_SECONDS).contains(&seconds).then_some(seconds)
        });
        let Some(seconds) = seconds else {
            return Err(text_error(400, "X-Metadata-Token-Ttl-Seconds: expected 1 to 21600"));
        };
        let token = self.secrets.draw("", TOKEN_ALPHABET, 48);
        if self.tokens.len() == MAX_TOKENS {
            self.tokens.remove(0);
            self.evicted += 1;
        }
        self.tokens.push((token.clone(), now.saturating_add(seconds * 1000)));
        Ok(token)
    }

    /// Returns the newest keys. Older ones stay valid until they expire.
    pub(super) fn security_key(
        &mut self,
        keys: &mut AccessKeys,
        headers: &HeaderMap,
        now: i64,
    ) -> Result<Vec<u8>, ApiError> {
        if self.imds == ImdsVersion::V2 {
            let sent = token_of(headers);
            let known = self.tokens.iter().find(|(token, _)| Some(token.as_bytes()) == sent);
            if known.is_none_or(|(_, expires)| now >= *expires) {
                return Err(text_error(401, "Unauthorized"));
            }
        }
        if !self.has_agency {
            return Err(text_error(401, "Please configure Cloud Service Agency first"));
        }
        let lead = RENEWAL_LEAD.min(self.key_lifetime / RENEWAL_SHARE);
        match &self.newest {
            Some((answer, expires)) if now < expires - lead => Ok(answer.clone()),
            _ => Ok(self.renew(keys, now)),
        }
    }

    /// Returns the number of a token, in the order of issue, from 1.
    pub(super) fn number_of(&self, headers: &HeaderMap) -> Option<u64> {
        let sent = token_of(headers)?;
        let index = self.tokens.iter().position(|(token, _)| token.as_bytes() == sent)?;
        Some(self.evicted + index as u64 + 1)
    }

    fn renew(&mut self, keys: &mut AccessKeys, now: i64) -> Vec<u8> {
        let expires = now.saturating_add(self.key_lifetime);
        let access = self.secrets.draw("HST", ACCESS_KEY_ALPHABET, 20);
        let secret = self.secrets.draw("", SECRET_KEY_ALPHABET, 40);
        let token = self.secrets.draw("gQ", TOKEN_ALPHABET, 600);
        let answer = json!({"credential": {"access": access, "secret": secret,
            "securitytoken": token, "expires_at": time::iso_micros(expires)}});
        let answer = answer.to_string().into_bytes();
        keys.add(access, secret, token, expires);
        self.newest = Some((answer.clone(), expires));
        answer
    }
}

fn token_of(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("x-metadata-token").map(http::HeaderValue::as_bytes)
}

fn text_error(status: u16, message: &str) -> ApiError {
    ApiError { shape: ErrorShape::Text, ..ApiError::new(status, "", message) }
}

//! Credentials, and how a request carries them.

mod signature;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use sha2::{Digest, Sha256};

pub(crate) use signature::{AccessKey, UNRESERVED};

use crate::record::Timestamp;
use crate::secret::Secret;

const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-auth-token");

/// The credentials of a request.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// A token, sent as `X-Auth-Token`.
    Token(Secret),
    /// An access key, with which the request is signed.
    AccessKey(AccessKey),
    /// The identity of a user with the password, which is in the body of the request already.
    Password(String, Secret),
    /// None, because the metadata service identifies the server by its connection. It may require
    /// its own token, which is in the request already.
    Machine(Option<Secret>),
}

/// Part of a hash of credentials, with which refused credentials are recognised without keeping
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 8]);

impl Credentials {
    /// Adds the credentials to a request that is sent at `now` for a project.
    ///
    /// # Errors
    ///
    /// A text that names the part of the credentials that contains characters which are not allowed
    /// in a header, without its value.
    pub(crate) fn authorize(
        &self,
        request: &mut Request<Bytes>,
        project_id: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        match self {
            Self::Token(token) => {
                let mut header = HeaderValue::from_str(token.expose()).map_err(|_| {
                    "the token contains characters that are not allowed in a header".to_owned()
                })?;
                header.set_sensitive(true);
                request.headers_mut().insert(TOKEN_HEADER, header);
                Ok(())
            }
            Self::AccessKey(key) => signature::sign(request, key, project_id, now),
            Self::Password(..) | Self::Machine(_) => Ok(()),
        }
    }

    /// Returns the fingerprint of the credentials.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let identity = match self {
            Self::Password(identity, _) => identity.as_str(),
            _ => "",
        };
        Fingerprint::of(std::iter::once(identity).chain(self.secrets().map(Secret::expose)))
    }

    /// Returns all secret parts, which must not be shown.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let secrets = match self {
            Self::Token(secret) | Self::Password(_, secret) => [Some(secret), None, None],
            Self::AccessKey(AccessKey { id, secret, security_token }) => {
                [Some(id), Some(secret), security_token.as_ref()]
            }
            Self::Machine(token) => [token.as_ref(), None, None],
        };
        secrets.into_iter().flatten()
    }
}

impl Fingerprint {
    /// Returns the fingerprint of these parts.
    pub fn of<'p>(parts: impl Iterator<Item = &'p str>) -> Self {
        let mut hash = Sha256::new();
        // The length before each part makes the hashes of ab + c and a + bc differ.
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize()[..8]);
        Self(first)
    }

    /// Returns the bytes. They are as secret as the credentials, because a short password could be
    /// found by trial.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns a number from 0 to 1 that depends on the credentials, to spread what would otherwise
    /// happen at the same time for all.
    pub(crate) fn spread(self) -> f64 {
        f64::from(self.0[0]) / 255.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str, token: Option<&str>) -> Credentials {
        let security_token = token.map(Secret::from);
        Credentials::AccessKey(AccessKey { id: id.into(), secret: secret.into(), security_token })
    }

    #[test]
    fn different_credentials_have_different_fingerprints() {
        let all = [
            Credentials::Token("ab".into()),
            Credentials::Token("ac".into()),
            Credentials::Password("ab".into(), "c".into()),
            Credentials::Password("a".into(), "bc".into()),
            key("a", "bc", None),
            key("ab", "c", None),
            key("a", "b", Some("c")),
            Credentials::Machine(None),
        ];
        for (n, one) in all.iter().enumerate() {
            for (m, other) in all.iter().enumerate() {
                assert_eq!(one.fingerprint() == other.fingerprint(), n == m, "{n} {m}");
            }
        }
    }

    #[test]
    fn a_token_is_sent_but_not_shown() {
        let now = Timestamp::from_millis(0);
        let mut request = Request::new(Bytes::new());
        Credentials::Token("the-token".into()).authorize(&mut request, "p", now).unwrap();
        assert_eq!(request.headers()["x-auth-token"], "the-token");
        assert!(!format!("{request:?}").contains("the-token"));
        let error = Credentials::Token("two\nlines".into()).authorize(&mut request, "p", now);
        let error = error.unwrap_err();
        assert!(error.contains("not allowed in a header") && !error.contains("lines"), "{error}");
    }
}

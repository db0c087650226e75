//! What goes with a request to prove who asks.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use sha2::{Digest, Sha256};

use super::signature::{self, AccessKey};
use crate::record::Timestamp;
use crate::secret::Secret;

/// The header that carries a token.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-auth-token");

/// What goes with a request to prove who asks.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// A token, sent as `X-Auth-Token`.
    Token(Secret),
    /// An access key, by which the request is signed.
    AccessKey(AccessKey),
    /// A password; the request carries it already. Whose it is stands beside it.
    Password(String, Secret),
    /// The other side knows this machine, and may want its own token, which the request carries
    /// already.
    Machine(Option<Secret>),
}

/// Tells credentials apart without keeping them: a refusal holds for the same ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 8]);

impl Credentials {
    /// Adds what proves who asks to a request that goes out at `now` for a project.
    ///
    /// # Errors
    ///
    /// What of them no header can carry, without showing it.
    pub(crate) fn authorize(
        &self,
        request: &mut Request<Bytes>,
        project_id: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        match self {
            Self::Token(token) => {
                let mut header = HeaderValue::from_str(token.expose())
                    .map_err(|_| "the token has characters that no header can carry".to_owned())?;
                header.set_sensitive(true);
                request.headers_mut().insert(TOKEN_HEADER, header);
                Ok(())
            }
            Self::AccessKey(key) => signature::sign(request, key, project_id, now),
            Self::Password(..) | Self::Machine(_) => Ok(()),
        }
    }

    /// Tells them from others.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        let whose = match self {
            Self::Password(whose, _) => whose.as_str(),
            _ => "",
        };
        // The length of each part, so that no two lists of parts are the same bytes.
        for part in std::iter::once(whose).chain(self.secrets().map(Secret::expose)) {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize()[..8]);
        Fingerprint(first)
    }

    /// What nobody may see of them, and what an answer may not repeat.
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
    /// A number from 0 to 1 that differs from credentials to credentials: chance enough to spread
    /// what would otherwise happen to all at once.
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
    fn other_credentials_have_another_fingerprint() {
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
    fn a_token_is_sent_and_not_shown() {
        let now = Timestamp::from_millis(0);
        let mut request = Request::new(Bytes::new());
        Credentials::Token("the-token".into()).authorize(&mut request, "p", now).unwrap();
        assert_eq!(request.headers()["x-auth-token"], "the-token");
        assert!(!format!("{request:?}").contains("the-token"));
        let error = Credentials::Token("two\nlines".into()).authorize(&mut request, "p", now);
        let error = error.unwrap_err();
        assert!(error.contains("no header can carry") && !error.contains("lines"), "{error}");
    }
}

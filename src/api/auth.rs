//! How a request proves who asks.
//!
//! One variant a method. The others that the contract names sign the request or fetch a token of
//! their own; they come in here.

use bytes::Bytes;
use http::{HeaderValue, Request};
use sha2::{Digest, Sha256};

use crate::secret::Source;

/// Proves who asks.
#[derive(Debug)]
pub enum Auth {
    /// A token made elsewhere, sent as `X-Auth-Token`.
    Token(Source),
}

/// Tells credentials apart without keeping them: a refusal holds for the same ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 8]);

/// The header that carries a token.
pub(super) const TOKEN_HEADER: &str = "x-auth-token";

impl Auth {
    /// Adds what proves who asks to the request. The error says what is wrong, without a secret.
    pub(super) async fn authorize(
        &self,
        request: &mut Request<Bytes>,
    ) -> Result<Fingerprint, String> {
        let Self::Token(source) = self;
        let token = source.read().await?;
        let token = token.expose();
        let mut header = HeaderValue::from_str(token)
            .map_err(|_| "the token has characters that no header can carry".to_owned())?;
        header.set_sensitive(true);
        request.headers_mut().insert(TOKEN_HEADER, header);
        let digest = Sha256::digest(token.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Ok(Fingerprint(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    async fn header(auth: &Auth) -> Result<String, String> {
        let mut request = Request::new(Bytes::new());
        auth.authorize(&mut request).await?;
        let value = &request.headers()["x-auth-token"];
        assert_eq!(format!("{value:?}"), "Sensitive");
        Ok(value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_token_file_is_read_again_when_it_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "first\n").unwrap();
        let auth = Auth::Token(Source::File(file.path().to_owned()));
        assert_eq!(header(&auth).await, Ok("first".to_owned()));
        std::fs::write(file.path(), "second\r\n").unwrap();
        assert_eq!(header(&auth).await, Ok("second".to_owned()));
    }

    #[tokio::test]
    async fn what_no_header_can_carry_is_not_shown() {
        let auth = Auth::Token(Source::Value(Secret::from("two\nlines")));
        let error = header(&auth).await.unwrap_err();
        assert!(error.contains("no header can carry") && !error.contains("lines"), "{error}");
    }
}

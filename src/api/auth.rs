//! How a request proves who asks.
//!
//! One variant a method. The others that the contract names sign the request or fetch a token of
//! their own; they come in here.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Proves who asks.
#[derive(Debug)]
pub enum Auth {
    /// A token made elsewhere, sent as `X-Auth-Token`.
    Token(TokenSource),
}

/// Where a token stands.
#[derive(Debug)]
pub enum TokenSource {
    /// In the config or the environment.
    Value(SecretString),
    /// In a file, which is read again for every request, so that a new token counts at once.
    File(PathBuf),
}

/// Tells credentials apart without keeping them: a refusal holds for the same ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 8]);

/// The header that carries a token.
pub(super) const TOKEN_HEADER: &str = "x-auth-token";
/// The gateway's documents allow 64,000 characters.
const LONGEST_TOKEN_BYTES: usize = 64 * 1024;

impl Auth {
    /// Adds what proves who asks to the request. The error says what is wrong, without a secret.
    pub(super) async fn authorize(
        &self,
        request: &mut Request<Bytes>,
    ) -> Result<Fingerprint, String> {
        let Self::Token(source) = self;
        let token = source.read().await?;
        let token = token.expose_secret();
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

impl TokenSource {
    async fn read(&self) -> Result<SecretString, String> {
        let path = match self {
            Self::Value(token) => return Ok(token.clone()),
            Self::File(path) => path.clone(),
        };
        let shown = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || {
            use std::io::Read;
            let mut text = String::new();
            let limit = u64::try_from(LONGEST_TOKEN_BYTES + 2).unwrap_or(u64::MAX);
            std::fs::File::open(path)?.take(limit).read_to_string(&mut text).map(|_| text)
        })
        .await
        .map_err(|_| format!("reading the token file {shown} was interrupted"))?;
        let text =
            read.map_err(|error| format!("the token file {shown} is not readable: {error}"))?;
        let token = text.trim_end_matches(['\r', '\n']);
        if token.is_empty() {
            return Err(format!("the token file {shown} is empty"));
        }
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(format!("the token file {shown} is larger than a token can be"));
        }
        Ok(SecretString::from(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let auth = Auth::Token(TokenSource::File(file.path().to_owned()));
        assert_eq!(header(&auth).await, Ok("first".to_owned()));
        std::fs::write(file.path(), "second\r\n").unwrap();
        assert_eq!(header(&auth).await, Ok("second".to_owned()));
    }

    #[tokio::test]
    async fn what_cannot_be_a_token_is_named_without_showing_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let auth = Auth::Token(TokenSource::File(file.path().to_owned()));
        for (text, complaint) in [
            (String::new(), "is empty"),
            ("two\nlines".to_owned(), "no header can carry"),
            ("x".repeat(LONGEST_TOKEN_BYTES + 1), "larger than a token can be"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = header(&auth).await.unwrap_err();
            assert!(error.contains(complaint), "{error}");
            assert!(!error.contains("lines"), "{error}");
        }
        drop(file);
        assert!(header(&auth).await.unwrap_err().contains("not readable"));
    }
}

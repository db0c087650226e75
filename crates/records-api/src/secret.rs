//! Texts that must not be shown: tokens, passwords, keys.
//!
//! A [`Secret`] is wiped from memory when it is dropped, and is printed as [`REDACTED`]. Only
//! [`Secret::expose`] returns the text.

mod last_valid;
mod rules;
mod source;

pub use last_valid::LastValid;
pub use rules::{SecretRules, Spaces, is_printable};
pub use source::{FileError, SecretFile, Source};

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text that is shown in place of a secret.
pub const REDACTED: &str = "<redacted>";

/// A text that must not be shown.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Returns the text, to be sent only to its recipient.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

/// Compares values of the config only, so nobody outside can measure the time that it takes.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from("the-key");
        let json = serde_json::to_string(&[&secret]).unwrap();
        let all = format!("{secret} {secret:?} {json} {:?}", Some(secret.clone()));
        assert!(!all.contains("the-key"), "{all}");
        assert_eq!(secret.expose(), "the-key");
    }
}

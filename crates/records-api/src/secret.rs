//! A text that must not be seen: a token, a password, a key.
//!
//! It is wiped from memory when it goes, and shows as [`REDACTED`] wherever something prints it.
//! Whoever needs the text itself says so with [`Secret::expose`].

mod source;

pub use source::Source;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in for a secret.
pub const REDACTED: &str = "<redacted>";

/// A text that must not be seen.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text itself, to be sent to whom it is meant for and to nobody else.
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

/// Of two that came with the config: nobody from outside can measure how long it takes.
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
    fn nothing_that_prints_a_secret_shows_it() {
        let secret = Secret::from("the-key");
        let json = serde_json::to_string(&[&secret]).unwrap();
        let all = format!("{secret} {secret:?} {json} {:?}", Some(secret.clone()));
        assert!(!all.contains("the-key"), "{all}");
        assert_eq!(secret.expose(), "the-key");
    }
}

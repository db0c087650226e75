//! With what a request was sent, as far as may be told: names and numbers, never secrets.

use std::fmt;

/// What a request named itself with, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// Nothing.
    None,
    /// A signature with this access key.
    AccessKey(String),
    /// The token that IAM gave out as its first, second, ...
    Token(u64),
    /// The token of `--token`.
    StaticToken,
    /// A token that nobody knows.
    UnknownToken,
    /// The token that the metadata service gave out as its first, second, ...
    MetadataToken(u64),
    /// A user of IAM with a password.
    User(String),
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::AccessKey(key) => write!(f, "access key {key}"),
            Self::Token(number) => write!(f, "token {number}"),
            Self::StaticToken => f.write_str("static token"),
            Self::UnknownToken => f.write_str("unknown token"),
            Self::MetadataToken(number) => write!(f, "metadata token {number}"),
            Self::User(name) => write!(f, "user {name}"),
        }
    }
}

impl serde::Serialize for Credential {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

//! Credentials as the request log shows them: names and numbers, never secrets.

use std::fmt;

/// The credential that a request presented, valid or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// No credential.
    None,
    /// A signature with this access key.
    AccessKey(String),
    /// A token of IAM, numbered in the order of issue, from 1.
    Token(u64),
    /// The token of `--token`.
    StaticToken,
    /// A token that was never issued.
    UnknownToken,
    /// A token of the metadata service, numbered in the order of issue, from 1.
    MetadataToken(u64),
    /// An IAM user with a password.
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

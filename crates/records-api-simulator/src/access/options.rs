//! Which credentials are right. Each field's comment is its `--help`.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// The credentials that exist; without any, nothing is checked.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AccessOptions {
    /// Access key that signs requests (SDK-HMAC-SHA256)
    #[arg(long, value_name = "AK", requires = "secret_key")]
    pub access_key: Option<String>,
    /// Its secret key
    #[arg(long, value_name = "SK", requires = "access_key")]
    pub secret_key: Option<String>,
    /// Its security token, if it is a temporary key
    #[arg(long, value_name = "TOKEN", requires = "access_key")]
    pub security_token: Option<String>,
    /// Account of the IAM user who gets tokens for a password
    #[arg(long, value_name = "NAME", requires_all = ["iam_user", "iam_password"])]
    pub iam_domain: Option<String>,
    /// That user
    #[arg(long, value_name = "NAME", requires_all = ["iam_domain", "iam_password"])]
    pub iam_user: Option<String>,
    /// That user's password
    #[arg(long, value_name = "PASSWORD", requires_all = ["iam_domain", "iam_user"])]
    pub iam_password: Option<String>,
    /// The name of the project, for tokens; without it every name is right
    #[arg(long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// How long tokens of IAM are valid
    #[arg(long, value_name = "DURATION", default_value = "24h",
          value_parser = humantime::parse_duration)]
    pub token_lifetime: Duration,
    /// How long tokens of IAM are
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = token_bytes)]
    pub token_bytes: usize,
    /// The metadata service gives out temporary keys: the server has an agency
    #[arg(long)]
    pub agency: bool,
    /// The version of the metadata service
    #[arg(long, value_enum, default_value_t = ImdsVersion::V2)]
    pub imds: ImdsVersion,
    /// How long temporary keys are valid; new ones appear ten minutes before
    #[arg(long, value_name = "DURATION", default_value = "1h",
          value_parser = humantime::parse_duration)]
    pub key_lifetime: Duration,
}

/// The version of the metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImdsVersion {
    /// No tokens: asking for one is answered 405, and nothing needs one
    V1,
    /// Keys are given only for a token
    V2,
}

/// Fewer would not be unique, more would not fit into the headers of the simulator's own server.
fn token_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (32..=200_000).contains(&bytes) => Ok(bytes),
        _ => Err("expected a number from 32 to 200000".to_owned()),
    }
}

//! Flags for the valid credentials. The comment of each field is its `--help` text.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// The valid credentials. Without any, requests need none.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AccessOptions {
    /// Access key for signed requests (SDK-HMAC-SHA256)
    #[arg(long, value_name = "AK", requires = "secret_key")]
    pub access_key: Option<String>,
    /// Secret key of the access key
    #[arg(long, value_name = "SK", requires = "access_key")]
    pub secret_key: Option<String>,
    /// Security token of the access key, if it is a temporary one
    #[arg(long, value_name = "TOKEN", requires = "access_key")]
    pub security_token: Option<String>,
    /// Account (domain) of the IAM user who can get tokens with a password
    #[arg(long, value_name = "NAME", requires_all = ["iam_user", "iam_password"])]
    pub iam_domain: Option<String>,
    /// Name of the IAM user
    #[arg(long, value_name = "NAME", requires_all = ["iam_domain", "iam_password"])]
    pub iam_user: Option<String>,
    /// Password of the IAM user
    #[arg(long, value_name = "PASSWORD", requires_all = ["iam_domain", "iam_user"])]
    pub iam_password: Option<String>,
    /// Name of the project, for tokens. If not set, every name is accepted
    #[arg(long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Lifetime of IAM tokens
    #[arg(long, value_name = "DURATION", default_value = "24h",
          value_parser = humantime::parse_duration)]
    pub token_lifetime: Duration,
    /// Length of IAM tokens, from 32 to 200000 bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = token_bytes)]
    pub token_bytes: usize,
    /// Attach an agency to the server, so that the metadata service issues temporary keys
    #[arg(long)]
    pub agency: bool,
    /// Version of the metadata service
    #[arg(long, value_enum, default_value_t = ImdsVersion::V2)]
    pub imds: ImdsVersion,
    /// Lifetime of temporary keys. New ones appear ten minutes before the old ones expire
    #[arg(long, value_name = "DURATION", default_value = "1h",
          value_parser = humantime::parse_duration)]
    pub key_lifetime: Duration,
}

/// Version of the metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImdsVersion {
    /// No tokens: a request for one gets a 405, and keys need none
    V1,
    /// Keys require a token
    V2,
}

/// Parses the length of a token. Shorter ones would not be unique; longer ones would not fit into
/// the request headers that the simulator's own server accepts.
fn token_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (32..=200_000).contains(&bytes) => Ok(bytes),
        _ => Err("expected a number from 32 to 200000".to_owned()),
    }
}

//! The section `projects.auth`: the ways to sign in.

use std::path::PathBuf;

use toml::Value;
use url::Url;

use super::profile;
use crate::config::KEYS;
use crate::config::kind::Typed;
use crate::config::part::{Part, Section, Single, section};
use crate::config::reader::{Read, Reader, join};
use crate::config::secrets::secret_paths;
use records_api::secret::Source;

/// Authentication method with its keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// With a token from elsewhere.
    Token(Token),
    /// As a user, with a token from IAM.
    Password(Password),
    /// With an access key, which signs each request.
    AccessKey(AccessKey),
    /// With the temporary keys of the server that the exporter runs on.
    EcsAgency(EcsAgency),
    /// With the access key in a profile file.
    Profile(ProfileFile),
}

section! {
    /// The keys of the method `token`.
    pub struct Token {
        /// The token.
        pub token: Source,
    }
}

section! {
    /// The keys of the method `password`.
    pub struct Password {
        /// URL of IAM.
        pub iam_endpoint: Url,
        /// Name of the account.
        pub domain: String,
        /// Name of the user.
        pub username: String,
        /// The user's password.
        pub password: Source,
    }
}

section! {
    /// The keys of the method `aksk`.
    pub struct AccessKey {
        /// The access key.
        pub access_key: Source,
        /// Its secret key.
        pub secret_key: Source,
        /// The token of a temporary key.
        pub security_token: Option<Source>,
    }
}

section! {
    /// The keys of the method `ecs-agency`.
    pub struct EcsAgency {
        /// URL of the metadata service.
        pub metadata_endpoint: Url,
    }
}

section! {
    /// The keys of the method `profile`.
    pub struct ProfileFile {
        /// The file, which was a profile when the config was read.
        pub profile_file: PathBuf,
    }
}

impl Part for Auth {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        let method_path = join(path, "method");
        let method = match reader.read(&method_path) {
            Read::Accepted(Typed::Text(method)) => method,
            Read::Absent => {
                reader.miss(&method_path);
                return Self::stand_in();
            }
            _ => return Self::stand_in(),
        };
        refuse_keys_of_others(reader, path, &method);
        match method.as_str() {
            "token" => Self::Token(Token::read_fields(reader, path)),
            "password" => Self::Password(Password::read_fields(reader, path)),
            "aksk" => Self::AccessKey(AccessKey::read(reader, path)),
            "ecs-agency" => Self::EcsAgency(EcsAgency::read_fields(reader, path)),
            _ => profile::read(reader, path).map_or_else(Self::stand_in, |profile_file| {
                Self::Profile(ProfileFile { profile_file })
            }),
        }
    }

    fn show(&self, name: &str) -> Option<(String, Value)> {
        let (method, mut shown) = match self {
            Self::Token(token) => ("token", token.show_fields()),
            Self::Password(password) => ("password", password.show_fields()),
            Self::AccessKey(key) => ("aksk", key.show_fields()),
            Self::EcsAgency(agency) => ("ecs-agency", agency.show_fields()),
            Self::Profile(file) => ("profile", file.show_fields()),
        };
        shown.insert("method".to_owned(), method.into());
        Some((name.to_owned(), Value::Table(shown)))
    }
}

impl Auth {
    fn stand_in() -> Self {
        Self::Token(Token { token: Source::stand_in() })
    }
}

/// A key of another method would be ignored.
fn refuse_keys_of_others(reader: &mut Reader<'_>, path: &str, chosen: &str) {
    for key in KEYS {
        let Some(method) = key.method.filter(|method| *method != chosen) else { continue };
        let name = key.path.rsplit('.').next().unwrap_or_default();
        for path in secret_paths(&join(path, name)) {
            if reader.value(&path).is_some() {
                let text = format!(
                    "belongs to method = {method:?}; remove it, or choose that method in place of \
                     {chosen:?}"
                );
                reader.problem(&path, text);
            }
        }
    }
}

impl AccessKey {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        let keys = ["access_key", "secret_key"].map(|name| join(path, name));
        let is_of_tools = !keys.iter().any(|path| reader.has_secret(path));
        let [access_key, secret_key] = keys.map(|path| Part::read(reader, &path));
        let path = join(path, "security_token");
        let token = match reader.read_secret_of_config(&path) {
            // A token belongs to one key: with another it would be refused, and count as a failure.
            Read::Absent if is_of_tools => reader.read_secret_of_tools(&path),
            read => read,
        };
        let security_token = match token {
            Read::Accepted(token) => Some(token),
            Read::Absent | Read::Refused => None,
        };
        Self { access_key, secret_key, security_token }
    }
}

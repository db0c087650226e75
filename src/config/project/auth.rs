//! The section `projects.auth`. What stands here may be a secret at the wrong key, so little of it
//! is shown.

mod profile;
mod tools;

use std::path::PathBuf;

use url::Url;

use super::endpoint::{self, Surroundings};
use super::section::Section;
use crate::config::keys::{self, edit_distance};
use crate::config::reader::NOT_SHOWN;
use crate::config::secrets::{Wanted, is_printable, is_visible};
use records_api::profile::Profile;
use records_api::secret::{Secret, Source};

/// How to sign in.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// With a token made elsewhere.
    Token(Source),
    /// As a user, with a token from IAM.
    #[expect(missing_docs, reason = "the names of the keys")]
    Password { iam_endpoint: Url, domain: String, username: String, password: Source },
    /// With an access key, which signs each request; a temporary one has a security token.
    #[expect(missing_docs, reason = "the names of the keys")]
    AccessKey { access_key: Source, secret_key: Source, security_token: Option<Source> },
    /// With the temporary keys of the server that the exporter runs on.
    #[expect(missing_docs, reason = "the name of the key")]
    EcsAgency { metadata_endpoint: Url },
    /// With the access key in a profile file.
    Profile {
        /// The file, which was a profile when the config was read.
        file: PathBuf,
    },
}

/// A way to sign in: its name, and the keys that belong to it.
struct Method {
    name: &'static str,
    keys: &'static [&'static str],
    read: fn(&mut Section<'_, '_>, &Surroundings<'_>) -> Option<Read>,
}

/// What was read: how to sign in, and the profile if that is the way.
pub(super) type Read = (Auth, Option<Profile>);

static METHODS: [Method; 5] = [
    Method { name: "token", keys: &["token"], read: token },
    Method {
        name: "password",
        keys: &["iam_endpoint", "domain", "username", "password"],
        read: password,
    },
    Method {
        name: "aksk",
        keys: &["access_key", "secret_key", "security_token"],
        read: tools::access_key,
    },
    Method { name: "ecs-agency", keys: &["metadata_endpoint"], read: ecs_agency },
    Method { name: "profile", keys: &["profile_file"], read: profile::read },
];

const TOKEN: Wanted = Wanted {
    key: "projects.auth.token",
    path: "auth.token",
    noun: "token",
    accepts: is_visible,
    is_exact: false,
};

const PASSWORD: Wanted = Wanted {
    key: "projects.auth.password",
    path: "auth.password",
    noun: "password",
    accepts: is_printable,
    is_exact: true,
};

/// How to sign in; what is wrong is noted, and a stand-in is returned in its place.
pub(super) fn read(section: &mut Section<'_, '_>, surroundings: &Surroundings<'_>) -> Read {
    let read = method(section).and_then(|method| {
        refuse_keys_of_others(section, method);
        (method.read)(section, surroundings)
    });
    read.unwrap_or_else(|| (Auth::Token(Source::Value(Secret::from(""))), None))
}

fn method(section: &mut Section<'_, '_>) -> Option<&'static Method> {
    let path = "auth.method";
    let Some(value) = section.value(path) else {
        section.required(path, |_| true);
        return None;
    };
    let word = value.as_str().map(str::trim);
    let method = METHODS.iter().find(|method| Some(method.name) == word);
    if method.is_none() {
        // Shown only if it is a slip of the pen: any other word may be a secret.
        let is_near = |word: &str| METHODS.iter().any(|m| edit_distance(word, m.name) <= 2);
        match word.filter(|word| is_near(word)) {
            Some(word) => section.refuse_as(path, &format!("{word:?}")),
            None => section.refuse_as(path, NOT_SHOWN),
        }
    }
    method
}

/// A key of another method would be ignored.
fn refuse_keys_of_others(section: &mut Section<'_, '_>, chosen: &Method) {
    for method in METHODS.iter().filter(|method| method.name != chosen.name) {
        let keys = method
            .keys
            .iter()
            .flat_map(|key| ["", "_file", "_env"].map(|ending| format!("auth.{key}{ending}")));
        let text = format!(
            "belongs to method = {:?}; remove it, or choose that method in place of {:?}",
            method.name, chosen.name
        );
        for path in keys {
            let is_key = keys::find(&format!("projects.{path}")).is_some();
            if is_key && section.value(&path).is_some() {
                section.problem(&path, &text);
            }
        }
    }
}

fn token(section: &mut Section<'_, '_>, _: &Surroundings<'_>) -> Option<Read> {
    Some((Auth::Token(TOKEN.required(section)?), None))
}

fn password(section: &mut Section<'_, '_>, surroundings: &Surroundings<'_>) -> Option<Read> {
    let iam_endpoint = endpoint::IAM.read(section, surroundings);
    let domain = section.required("auth.domain", is_printable);
    let username = section.required("auth.username", is_printable);
    let password = PASSWORD.required(section)?;
    Some((Auth::Password { iam_endpoint, domain, username, password }, None))
}

fn ecs_agency(section: &mut Section<'_, '_>, _: &Surroundings<'_>) -> Option<Read> {
    let metadata_endpoint = endpoint::metadata(section)?;
    Some((Auth::EcsAgency { metadata_endpoint }, None))
}

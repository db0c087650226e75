//! Access keys, of the config or else of the variables that the cloud's own tools read.

use super::{Auth, Read};
use crate::config::keys;
use crate::config::project::endpoint::Surroundings;
use crate::config::project::section::Section;
use crate::config::reader::{NOT_SHOWN, not_accepted};
use crate::config::secrets::{Found, Wanted, is_visible};
use records_api::secret::{Secret, Source};

const ACCESS_KEY: Wanted = Wanted {
    key: "projects.auth.access_key",
    path: "auth.access_key",
    noun: "access key",
    accepts: is_visible,
    is_exact: false,
};

const SECRET_KEY: Wanted = Wanted {
    key: "projects.auth.secret_key",
    path: "auth.secret_key",
    noun: "secret key",
    ..ACCESS_KEY
};

const SECURITY_TOKEN: Wanted = Wanted {
    key: "projects.auth.security_token",
    path: "auth.security_token",
    noun: "security token",
    ..ACCESS_KEY
};

pub(super) fn access_key(section: &mut Section<'_, '_>, _: &Surroundings<'_>) -> Option<Read> {
    let is_of_tools = !ACCESS_KEY.is_given(section) && !SECRET_KEY.is_given(section);
    let access_key = required(section, &ACCESS_KEY);
    let secret_key = required(section, &SECRET_KEY);
    let security_token = match SECURITY_TOKEN.read(section) {
        // A token belongs to one key: with another it would be refused, and count as a failure.
        Found::Nothing if is_of_tools => of_tools(section, &SECURITY_TOKEN),
        found => found,
    };
    let security_token = match security_token {
        Found::Nothing => None,
        Found::Refused => return None,
        Found::Here(source) => Some(source),
    };
    let (access_key, secret_key) = (access_key?, secret_key?);
    Some((Auth::AccessKey { access_key, secret_key, security_token }, None))
}

fn required(section: &mut Section<'_, '_>, wanted: &Wanted) -> Option<Source> {
    let found = match wanted.read(section) {
        Found::Nothing => of_tools(section, wanted),
        found => found,
    };
    match found {
        Found::Here(source) => Some(source),
        Found::Refused => None,
        Found::Nothing => {
            wanted.miss(section);
            None
        }
    }
}

/// What the tools' variable holds.
fn of_tools(section: &mut Section<'_, '_>, wanted: &Wanted) -> Found {
    let Some((name, text)) = section.variable_of_tools(wanted.key) else { return Found::Nothing };
    if (wanted.accepts)(text) {
        return Found::Here(Source::Value(Secret::from(text)));
    }
    let text = not_accepted(NOT_SHOWN, keys::accepts(wanted.key));
    section.problem_at(name, wanted.path, &text);
    Found::Refused
}

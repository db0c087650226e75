//! The profile file: which it is, and whether it can be used.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Auth, Read};
use crate::config::keys;
use crate::config::project::endpoint::Surroundings;
use crate::config::project::section::Section;
use crate::config::secrets::show_path;
use records_api::file;
use records_api::profile::{MAX_BYTES, Profile};
use records_api::secret::Secret;

const PATH: &str = "auth.profile_file";
const KEY: &str = "projects.auth.profile_file";

pub(super) fn read(section: &mut Section<'_, '_>, _: &Surroundings<'_>) -> Option<Read> {
    let (origin, path) = find(section)?;
    let (shown, hint) = if origin.is_default {
        (format!("the file {:?}", path.display().to_string()), String::new())
    } else {
        show_path(&path, || "; keys themselves are for method = \"aksk\"".to_owned())
    };
    let complaint = match parse(&path) {
        Ok(profile) => return Some((Auth::Profile { file: path }, Some(profile))),
        Err(Complaint::Unreadable(what)) => format!("{shown} {what}{hint}"),
        Err(Complaint::NoProfile(what)) => {
            format!("{shown} {what}. Accepted is {}", keys::accepts(KEY))
        }
    };
    match origin.variable {
        Some(name) => section.problem_at(name, PATH, &complaint),
        None => section.problem(PATH, &complaint),
    }
    None
}

/// What names the file: a key, a variable of the cloud's own tools, or nothing.
struct Origin {
    variable: Option<&'static str>,
    is_default: bool,
}

fn find(section: &mut Section<'_, '_>) -> Option<(Origin, PathBuf)> {
    let key = keys::find(KEY)?;
    let (text, origin) = if section.value(PATH).is_some() {
        let text = section.text(PATH, |_| true)?;
        (text, Origin { variable: None, is_default: false })
    } else if let Some((name, text)) = section.variable_of_tools(KEY) {
        (text.to_owned(), Origin { variable: Some(name), is_default: false })
    } else {
        let text = key.default_text().unwrap_or_default();
        (text.to_owned(), Origin { variable: None, is_default: true })
    };
    let Some(below) = text.strip_prefix("~/") else { return Some((origin, text.into())) };
    let home = section.reader.environment.get("HOME").filter(|home| !home.is_empty());
    let Some(home) = home else {
        let text = "lies in the home directory, and HOME is not set. Give the path of the file";
        section.problem(PATH, text);
        return None;
    };
    Some((origin, Path::new(home).join(below)))
}

enum Complaint {
    Unreadable(String),
    NoProfile(String),
}

/// Reads the file, and checks that there is a key in it.
fn parse(path: &Path) -> Result<Profile, Complaint> {
    if file::is_pipe(path) {
        let text = "is a pipe, which cannot be read again. Put the profile into a plain file";
        return Err(Complaint::Unreadable(text.to_owned()));
    }
    let text = file::read_text(path, MAX_BYTES).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => Complaint::NoProfile("is not UTF-8 text".to_owned()),
        _ => Complaint::Unreadable(format!("cannot be read: {error}. Create it, or name another")),
    })?;
    let profile = Profile::parse(Secret::from(text).expose()).map_err(Complaint::NoProfile)?;
    profile.keys().map_err(Complaint::NoProfile)?;
    Ok(profile)
}

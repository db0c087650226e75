//! The profile file: where it is, and whether it can be used.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::kind::Typed;
use crate::config::names::is_id;
use crate::config::node::Value;
use crate::config::problem::{Place, Problem};
use crate::config::reader::{Given, NOT_SHOWN, Read, Reader, join, not_accepted};
use records_api::file;
use records_api::profile::{MAX_BYTES, Profile};
use records_api::secret::Secret;

/// Reads the path of the profile file, and checks the file.
pub(super) fn read(reader: &mut Reader<'_>, auth: &str) -> Option<PathBuf> {
    let path = join(auth, "profile_file");
    let Read::Accepted(Typed::Path(file)) = reader.read(&path) else { return None };
    let variable = reader.variable_of_tools(&path).filter(|_| reader.value(&path).is_none());
    let place = match variable {
        Some((name, _)) => Place::of(name),
        None => reader.place(&path).clone(),
    };
    let text = match in_home(reader, file) {
        Some(file) => match parse(&file) {
            Ok(_) => return Some(file),
            Err(what) => format!("the file {:?} {what}", file.display().to_string()),
        },
        None => {
            "is in the home directory, and HOME is not set. Set the path of the file".to_owned()
        }
    };
    reader.note(Problem::of_key(&place, &path, text));
    None
}

/// Gives a project without an id the one of its profile.
pub(super) fn provide_project_id(reader: &mut Reader<'_>, project: &str) {
    let path = join(project, "project_id");
    let auth = join(project, "auth");
    let method = reader.value(&join(&auth, "method"));
    let is_profile =
        method.and_then(|given| given.value.as_text()).is_some_and(|m| m.trim() == "profile");
    if !is_profile || reader.value(&path).is_some() {
        return;
    }
    let id = match find(reader, &auth) {
        Some((file, profile)) => match profile.project_id {
            Some(id) if is_id(&id) => id,
            Some(_) => {
                // The value is not shown: a line away there are keys.
                let what = format!("{NOT_SHOWN} in the file {:?}", file.display().to_string());
                let text = not_accepted(&what, &reader.key(&path).accepts());
                reader.problem(&path, text);
                stand_in()
            }
            None => return,
        },
        // The error of the profile is noted when it is read. The profile may contain the id.
        None => stand_in(),
    };
    let place = reader.place(project).clone();
    reader.add(&path, Given { place, value: Value::Text(id) });
}

fn stand_in() -> String {
    "0".to_owned()
}

/// The profile, if it can be used. Errors are not noted.
fn find(reader: &Reader<'_>, auth: &str) -> Option<(PathBuf, Profile)> {
    let path = join(auth, "profile_file");
    let text = match reader.value(&path) {
        Some(given) => given.value.as_text()?.to_owned(),
        None => match reader.variable_of_tools(&path) {
            Some((_, text)) => text,
            None => reader.key(&path).default_text()?.to_owned(),
        },
    };
    let file = in_home(reader, PathBuf::from(text))?;
    let profile = parse(&file).ok()?;
    Some((file, profile))
}

/// The path with the home directory in place of `~`.
fn in_home(reader: &Reader<'_>, file: PathBuf) -> Option<PathBuf> {
    let Ok(below) = file.strip_prefix("~") else { return Some(file) };
    let home = reader.environment.get("HOME").filter(|home| !home.is_empty())?;
    Some(Path::new(home).join(below))
}

/// Reads the file, and checks that it has a key. The error says what is wrong with the file.
fn parse(path: &Path) -> Result<Profile, String> {
    if file::is_pipe(path) {
        let remedy = "Put the profile into a regular file";
        return Err(format!("is a pipe, which cannot be read again. {remedy}"));
    }
    let accepted = |what: String| {
        format!("{what}. Accepted is a file with a section [basic] that has ak and sk")
    };
    let text = file::read_text(path, MAX_BYTES).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => accepted("is not UTF-8 text".to_owned()),
        _ => format!("cannot be read: {error}. Create it, or set another path"),
    })?;
    let profile = Profile::parse(Secret::from(text).expose()).map_err(accepted)?;
    profile.keys().map_err(accepted)?;
    Ok(profile)
}

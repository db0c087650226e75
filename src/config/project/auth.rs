//! The section `projects.auth`. What stands here may be a secret at the wrong key, so little of it
//! is shown.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::section::Section;
use crate::config::file;
use crate::config::keys::edit_distance;
use crate::config::reader::NOT_SHOWN;
use crate::secret::{Secret, Source};

/// How to sign in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// With a token made elsewhere.
    Token(Source),
}

const LARGEST_SECRET_FILE_BYTES: u64 = 64 * 1024;

impl Auth {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        if !is_token_method(section) {
            return stand_in();
        }
        let paths = ["auth.token", "auth.token_file", "auth.token_env"];
        let given = |is_given: &dyn Fn(&str) -> bool| -> Vec<&str> {
            paths.into_iter().filter(|path| is_given(path)).collect()
        };
        // The environment beats the file, whichever of the three stands there.
        let mut found = given(&|path| section.variable(path).is_some());
        if found.is_empty() {
            found = given(&|path| section.value(path).is_some());
        }
        match found.as_slice() {
            ["auth.token"] => token_value(section),
            ["auth.token_file"] => token_file(section),
            ["auth.token_env"] => token_variable(section),
            [] => {
                let text = "is missing. Give token, token_file (a path) or token_env (the name of \
                            an environment variable)";
                section.problem("auth.token", text);
                stand_in()
            }
            [first, ..] => {
                let names: Vec<_> = found.iter().map(|path| path.replace("auth.", "")).collect();
                let text = format!("the token is given by {}; keep one", names.join(" and by "));
                section.problem(first, &text);
                stand_in()
            }
        }
    }
}

fn stand_in() -> Auth {
    Auth::Token(Source::Value(Secret::from("")))
}

const METHODS: [&str; 5] = ["token", "password", "aksk", "ecs-agency", "profile"];

fn is_token_method(section: &mut Section<'_, '_>) -> bool {
    let path = "auth.method";
    let Some(value) = section.value(path) else {
        section.required(path, |_| true);
        return false;
    };
    // Shown only if it is a slip of the pen: any other word may be a secret.
    let is_misspelt = |word: &str| METHODS.iter().any(|method| edit_distance(word, method) <= 2);
    match value.as_str() {
        Some("token") => return true,
        Some(method) if METHODS.contains(&method) => {
            let text = format!("{method:?} is not built yet in this version; use \"token\"");
            section.problem(path, &text);
        }
        Some(word) if is_misspelt(word) => {
            section.refuse_as(path, &format!("{word:?}"));
        }
        _ => section.refuse_as(path, NOT_SHOWN),
    }
    false
}

fn token_value(section: &mut Section<'_, '_>) -> Auth {
    let token = section.text("auth.token", is_token).unwrap_or_default();
    Auth::Token(Source::Value(Secret::from(token)))
}

fn token_file(section: &mut Section<'_, '_>) -> Auth {
    let path = "auth.token_file";
    let Some(text) = section.text(path, |_| true) else { return stand_in() };
    let file = PathBuf::from(&text);
    let (shown, hint) = if is_surely_path(&file) {
        (format!("the file {text:?}"), "")
    } else {
        ("the file of this name (not shown)".to_owned(), MAYBE_TOKEN)
    };
    if file::is_pipe(&file) {
        let text = "is a pipe, which cannot be read again. Put the token into a plain file";
        section.problem(path, &format!("{shown} {text}"));
        return stand_in();
    }
    let read = file::read(&file, LARGEST_SECRET_FILE_BYTES).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "no text"))
    });
    match read {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            section.problem(path, &format!("{shown} {HOLDS_NO_TOKEN}"));
        }
        Err(error) => {
            let text = format!("{shown} cannot be read: {error}. Create it, or name another{hint}");
            section.problem(path, &text);
        }
        Ok(text) if !is_token(text.trim_end_matches(['\r', '\n'])) => {
            section.problem(path, &format!("{shown} {HOLDS_NO_TOKEN}"));
        }
        Ok(_) => {}
    }
    Auth::Token(Source::File(file))
}

fn token_variable(section: &mut Section<'_, '_>) -> Auth {
    let path = "auth.token_env";
    let Some(name) = section.text(path, |_| true) else { return stand_in() };
    let (shown, hint) = if is_surely_variable(&name) {
        (format!("the environment variable {name:?}"), "")
    } else {
        ("the environment variable of this name (not shown)".to_owned(), MAYBE_TOKEN)
    };
    match section.reader.environment.get(&name).map(|text| text.trim()) {
        None => {
            section.problem(path, &format!("{shown} is not set. Set it, or name another{hint}"));
        }
        Some(token) if is_token(token) => {
            return Auth::Token(Source::Value(Secret::from(token)));
        }
        Some(_) => section.problem(path, &format!("{shown} {HOLDS_NO_TOKEN}")),
    }
    stand_in()
}

const HOLDS_NO_TOKEN: &str =
    "holds no token. Accepted is one line of visible characters without spaces";

const MAYBE_TOKEN: &str = "; if this is the token itself, its key is token";

/// What a header can carry.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this is no token that was written where the path of its file belongs.
fn is_surely_path(path: &Path) -> bool {
    let parent = path.parent().filter(|folder| folder.parent().is_some());
    path.starts_with(".")
        || path.starts_with("..")
        || path.exists()
        || parent.is_some_and(Path::is_dir)
}

/// Whether this is no token that was written where the name of its variable belongs.
fn is_surely_variable(name: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 64 && name.contains('_') && name.chars().all(is_usual)
}

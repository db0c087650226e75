//! A secret, which can be given as itself, by the file that holds it or by the environment variable
//! that holds it. What stands at the two other keys may be the secret too, by mistake, so of these
//! only what is surely a path or a name is shown.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use figment::value::Value;

use super::keys;
use records_api::file;
use records_api::secret::{Secret, Source};

/// Where the keys of a secret are looked for.
pub(super) trait Place {
    /// Whether one of our variables sets the key.
    fn is_overridden(&self, path: &str) -> bool;
    /// The value of a key.
    fn value(&self, path: &str) -> Option<Value>;
    /// The environment.
    fn environment(&self) -> &BTreeMap<String, String>;
    /// Notes what is wrong with a key.
    fn problem(&mut self, path: &str, text: &str);
    /// Notes a value that is not accepted.
    fn refuse(&mut self, path: &str, value: &Value);
}

/// A secret that the config may give.
pub(super) struct Wanted {
    /// Its entry in the table of keys.
    pub(super) key: &'static str,
    /// Its key within the place.
    pub(super) path: &'static str,
    /// What people call it.
    pub(super) noun: &'static str,
    /// What can be it.
    pub(super) accepts: fn(&str) -> bool,
    /// Whether spaces around it belong to it.
    pub(super) is_exact: bool,
}

/// What was found of a secret.
pub(super) enum Found {
    /// It is not given.
    Nothing,
    /// It is given, but not so that it can be used; that is noted.
    Refused,
    /// It is given.
    Here(Source),
}

/// A token of 64,000 characters is the largest there is.
const LARGEST_FILE_BYTES: u64 = 64 * 1024;

impl Wanted {
    /// Its keys: itself, its file, its variable.
    fn paths(&self) -> [String; 3] {
        ["", "_file", "_env"].map(|ending| format!("{}{ending}", self.path))
    }

    /// Its three keys as people write them.
    fn names(&self) -> [String; 3] {
        self.paths().map(|path| last(&path).to_owned())
    }

    /// The text without what does not belong to it.
    fn trim<'t>(&self, text: &'t str) -> &'t str {
        if self.is_exact { without_line_end(text) } else { text.trim() }
    }

    /// What holds it, said of a file or variable that does not.
    fn holds_none(&self) -> String {
        let accepts = keys::accepts(self.key).trim_start_matches("a text: ");
        format!("holds no {}. Accepted is {accepts}", self.noun)
    }

    /// What is said of a path or name that may be the secret.
    fn maybe_itself(&self) -> String {
        format!("; if this is the {} itself, its key is {}", self.noun, last(self.path))
    }

    /// Whether any of its three keys is given.
    pub(super) fn is_given(&self, place: &impl Place) -> bool {
        self.paths().iter().any(|path| place.value(path).is_some())
    }

    /// Reads it where it is given.
    pub(super) fn read(&self, place: &mut impl Place) -> Found {
        let paths = self.paths();
        let given = |is_given: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..paths.len()).filter(|at| is_given(&paths[*at])).collect()
        };
        // The environment beats the file, whichever of the three stands there.
        let mut found = given(&|path| place.is_overridden(path));
        if found.is_empty() {
            found = given(&|path| place.value(path).is_some());
        }
        match found.as_slice() {
            [] => Found::Nothing,
            [0] => self.itself(place, &paths[0]),
            [1] => self.file(place, &paths[1]),
            [2] => self.variable(place, &paths[2]),
            [first, ..] => {
                let names = self.names();
                let names: Vec<_> = found.iter().map(|at| names[*at].as_str()).collect();
                let names = names.join(" and by ");
                let text = format!("the {} is given by {names}; keep one", self.noun);
                place.problem(&paths[*first], &text);
                Found::Refused
            }
        }
    }

    /// Reads it, or notes that it is missing.
    pub(super) fn required(&self, place: &mut impl Place) -> Option<Source> {
        match self.read(place) {
            Found::Here(source) => Some(source),
            Found::Refused => None,
            Found::Nothing => {
                self.miss(place);
                None
            }
        }
    }

    /// Notes that it is missing.
    pub(super) fn miss(&self, place: &mut impl Place) {
        place.problem(self.path, &self.is_missing());
    }

    /// What is said of it where it is missing.
    pub(super) fn is_missing(&self) -> String {
        let [itself, file, variable] = self.names();
        format!(
            "is missing. Give {itself}, {file} (a path) or {variable} (the name of an environment \
             variable){}",
            keys::otherwise(self.key)
        )
    }

    fn itself(&self, place: &mut impl Place, path: &str) -> Found {
        let Some(value) = place.value(path) else { return Found::Nothing };
        let text = value.as_str().map(|text| self.trim(text));
        if let Some(text) = text.filter(|text| (self.accepts)(text)) {
            return Found::Here(Source::Value(Secret::from(text)));
        }
        place.refuse(path, &value);
        Found::Refused
    }

    fn file(&self, place: &mut impl Place, path: &str) -> Found {
        let Some(text) = text(place, path) else { return Found::Refused };
        let file = PathBuf::from(&text);
        let (shown, hint) = show_path(&file, || self.maybe_itself());
        if file::is_pipe(&file) {
            let text = format!(
                "{shown} is a pipe, which cannot be read again. Put the {} into a plain file",
                self.noun
            );
            place.problem(path, &text);
            return Found::Refused;
        }
        match file::read_text(&file, LARGEST_FILE_BYTES) {
            Ok(text) if (self.accepts)(without_line_end(&text)) => {
                return Found::Here(Source::File(file));
            }
            Err(error) if error.kind() != ErrorKind::InvalidData => {
                let text = format!("cannot be read: {error}. Create it, or name another{hint}");
                place.problem(path, &format!("{shown} {text}"));
            }
            _ => place.problem(path, &format!("{shown} {}", self.holds_none())),
        }
        Found::Refused
    }

    fn variable(&self, place: &mut impl Place, path: &str) -> Found {
        let Some(name) = text(place, path) else { return Found::Refused };
        let (shown, hint) = if is_surely_variable(&name) {
            (format!("the environment variable {name:?}"), String::new())
        } else {
            let shown = "the environment variable of this name (not shown)";
            (shown.to_owned(), self.maybe_itself())
        };
        let held = place.environment().get(&name).map(|text| self.trim(text));
        match held.map(|text| (self.accepts)(text).then(|| Secret::from(text))) {
            Some(Some(secret)) => return Found::Here(Source::Value(secret)),
            Some(None) => place.problem(path, &format!("{shown} {}", self.holds_none())),
            None => {
                let text = format!("{shown} is not set. Set it, or name another{hint}");
                place.problem(path, &text);
            }
        }
        Found::Refused
    }
}

/// The path or name at a key.
fn text(place: &mut impl Place, path: &str) -> Option<String> {
    let value = place.value(path)?;
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    if text.is_none() {
        place.refuse(path, &value);
    }
    text
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// A file as an error shows it, and what to add if its path may be a secret.
pub(super) fn show_path(path: &Path, hint: impl Fn() -> String) -> (String, String) {
    if is_surely_path(path) {
        return (format!("the file {:?}", path.display().to_string()), String::new());
    }
    ("the file of this name (not shown)".to_owned(), hint())
}

/// Whether this is no secret that was written where the path of its file belongs.
fn is_surely_path(path: &Path) -> bool {
    let parent = path.parent().filter(|folder| folder.parent().is_some());
    path.starts_with(".")
        || path.starts_with("..")
        || path.exists()
        || parent.is_some_and(Path::is_dir)
}

/// Whether this is no secret that was written where the name of its variable belongs.
fn is_surely_variable(name: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 64 && name.contains('_') && name.chars().all(is_usual)
}

/// What a header can carry.
pub(super) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// One line of what people can type.
pub(super) fn is_printable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

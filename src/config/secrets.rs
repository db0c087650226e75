//! A secret, which is given as itself, by the file or by the environment variable that contains it.
//!
//! The value of `<key>_file` or `<key>_env` may be the secret itself, by mistake. So an error shows it
//! only if it looks like a path or the name of a variable.

use std::path::{Path, PathBuf};

use super::kind::Kind;
use super::node::Value;
use super::reader::{Given, NOT_SHOWN, Read, Reader, not_accepted};
use records_api::secret::{FileError, REDACTED, Secret, SecretFile, SecretRules, Source, Spaces};

impl Reader<'_> {
    /// Reads a secret, or else a variable of the cloud's own tools.
    pub(crate) fn read_secret(&mut self, path: &str) -> Read<Source> {
        match self.read_secret_of_config(path) {
            Read::Absent => self.read_secret_of_tools(path),
            read => read,
        }
    }

    /// Reads a secret from the config alone.
    pub(crate) fn read_secret_of_config(&mut self, path: &str) -> Read<Source> {
        let rules = self.rules(path);
        let paths = secret_paths(path);
        let is_given = |path: &&String| self.value(path).is_some();
        let mut given: Vec<_> = paths.iter().filter(is_given).cloned().collect();
        // A variable overrides the file, whichever of the three each of them sets.
        let is_variable = |path: &String| self.value(path).is_some_and(|v| v.place.is_variable);
        if given.iter().any(is_variable) {
            given.retain(is_variable);
        }
        match given.as_slice() {
            [] => Read::Absent,
            [one] if *one == paths[0] => self.secret_itself(one, &rules),
            [one] if *one == paths[1] => self.secret_file(one, &rules),
            [one] => self.secret_variable(one, &rules),
            [first, ..] => {
                let names: Vec<_> = given.iter().map(|path| last(path)).collect();
                let text =
                    format!("the {} is set by {}; keep one", rules.noun, names.join(" and by "));
                let first = first.clone();
                self.problem(&first, text);
                Read::Refused
            }
        }
    }

    /// Reads a secret from the variable of the cloud's own tools alone.
    pub(crate) fn read_secret_of_tools(&mut self, path: &str) -> Read<Source> {
        let Some((name, text)) = self.variable_of_tools(path) else { return Read::Absent };
        if self.rules(path).accepts(&text) {
            return Read::Accepted(Source::Value(Secret::from(text)));
        }
        let place =
            super::problem::Place { source: name.to_owned(), line: None, is_variable: true };
        self.refuse(path, &Given { place, value: Value::Text(text) }, None);
        Read::Refused
    }

    /// True if a secret is given in one of the three ways.
    pub(crate) fn has_secret(&self, path: &str) -> bool {
        secret_paths(path).iter().any(|path| self.value(path).is_some())
    }

    fn rules(&self, path: &str) -> SecretRules {
        match self.key(path).kind {
            Kind::Secret(rules) => rules,
            _ => panic!("{path} is a secret in the table of keys"),
        }
    }

    fn secret_itself(&mut self, path: &str, rules: &SecretRules) -> Read<Source> {
        let Some(given) = self.value(path).cloned() else { return Read::Absent };
        // Accepted, it would be tried as a secret, and the API would lock the account.
        if given.value.as_text().is_some_and(|text| text.trim() == REDACTED) {
            let noun = rules.noun;
            let text = format!("{REDACTED} is what `check` prints; replace it by the {noun}");
            self.problem(path, text);
            return Read::Refused;
        }
        if let Some(value) = given.value.as_text().and_then(|text| parse(rules, text).ok()) {
            return Read::Accepted(Source::Value(value));
        }
        self.refuse(path, &given, None);
        Read::Refused
    }

    fn secret_file(&mut self, path: &str, rules: &SecretRules) -> Read<Source> {
        let Some(text) = self.reference(path, "the path of a file") else { return Read::Refused };
        let path_of_file = PathBuf::from(&text);
        let (shown, hint) = if looks_like_path(&path_of_file) {
            (format!("the file {text:?}"), String::new())
        } else {
            ("the file of this name (not shown)".to_owned(), maybe_itself(rules, path, "_file"))
        };
        let file = SecretFile::new(path_of_file, *rules);
        let Err(error) = file.read() else { return Read::Accepted(Source::File(file)) };
        let remedy = match error {
            FileError::Unreadable(_) => format!(". Create it, or set another path{hint}"),
            FileError::Pipe(_) | FileError::Content(_) => String::new(),
        };
        self.problem(path, error.message(&shown) + &remedy);
        Read::Refused
    }

    fn secret_variable(&mut self, path: &str, rules: &SecretRules) -> Read<Source> {
        let Some(name) = self.reference(path, "the name of an environment variable") else {
            return Read::Refused;
        };
        let (shown, hint) = if looks_like_variable(&name) {
            (format!("the environment variable {name:?}"), String::new())
        } else {
            let shown = "the environment variable of this name (not shown)";
            (shown.to_owned(), maybe_itself(rules, path, "_env"))
        };
        let remedy = "Set it, or use the name of another";
        let text = match self.environment.get(&name).map(String::as_str) {
            None => format!("{shown} is not set. {remedy}{hint}"),
            Some("") => format!("{shown} is empty, which counts as not set. {remedy}{hint}"),
            Some(text) => match parse(rules, text) {
                Ok(value) => return Read::Accepted(Source::Value(value)),
                Err(what) => format!("{shown} {what}"),
            },
        };
        self.problem(path, text);
        Read::Refused
    }

    /// The path or the name at `<key>_file` or `<key>_env`.
    fn reference(&mut self, path: &str, accepts: &str) -> Option<String> {
        let text = self.value(path)?.value.as_text().map(str::trim);
        if let Some(text) = text.filter(|text| !text.is_empty() && !text.contains('\0')) {
            return Some(text.to_owned());
        }
        self.problem(path, not_accepted(NOT_SHOWN, accepts));
        None
    }
}

/// The secret in a text of the config or of a variable, where spaces around it mean nothing unless they
/// can be part of it.
fn parse(rules: &SecretRules, text: &str) -> Result<Secret, String> {
    rules.parse(if rules.spaces == Spaces::Everywhere { text } else { text.trim() })
}

/// The addition to an error about a path or a name that may be the secret.
fn maybe_itself(rules: &SecretRules, path: &str, ending: &str) -> String {
    let key = last(path).trim_end_matches(ending);
    format!("; if this is the {} itself, its key is {key}", rules.noun)
}

/// The three keys of a secret.
pub(crate) fn secret_paths(path: &str) -> [String; 3] {
    ["", "_file", "_env"].map(|ending| format!("{path}{ending}"))
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// True if a path is not a secret that was written at the wrong key.
fn looks_like_path(path: &Path) -> bool {
    let parent = path.parent().filter(|folder| folder.parent().is_some());
    let is_usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._/~-".contains(c);
    let text = path.to_str().unwrap_or_default();
    let has_folder = text.trim_start_matches('/').contains('/');
    let has_extension = path.extension().is_some_and(|extension| extension.len() <= 5);
    path.starts_with(".")
        || path.starts_with("..")
        || path.exists()
        || parent.is_some_and(Path::is_dir)
        || (has_folder || has_extension) && text.chars().all(is_usual)
}

/// True if a name is not a secret that was written at the wrong key.
fn looks_like_variable(name: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 64 && name.contains('_') && name.chars().all(is_usual)
}

//! The sources of a config: the file, variables and flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::document::{parse_toml, read_file};
use super::keys::KEYS;
use super::kind::Kind;
use super::node::{Node, Value};
use super::problem::{ConfigError, Place, Problem};
use super::reader::{Given, LIST, Reader};
use super::schema::{Meaning, Schema};

/// Everything that a config is read from. Nothing else is read: the environment comes in here.
#[derive(Clone, Default)]
pub struct Sources {
    /// The config file; without one, the defaults and the other sources.
    pub file: Option<PathBuf>,
    /// The environment, of which only `SCREEN_RECORDS_EXPORTER__...`, the variables that `_env` keys
    /// name, those in the table of keys and `HOME` are read.
    pub environment: BTreeMap<String, String>,
    /// Values from the command line.
    pub flags: Flags,
    /// True if a config without projects is an error.
    pub needs_projects: bool,
}

/// Values from the command line: the path of the key, the flag, the values.
pub type Flags = Vec<(&'static str, &'static str, Vec<String>)>;

/// Start of the names of variables that set keys. Those with a single underscore there (`..._PORT`,
/// `..._SERVICE_HOST`), as Kubernetes injects them, are left alone.
pub const VARIABLE_PREFIX: &str = "SCREEN_RECORDS_EXPORTER__";

const SCHEMA: Schema = Schema(KEYS);

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only the names of the environment: values may be secrets.
        formatter
            .debug_struct("Sources")
            .field("file", &self.file)
            .field("environment", &self.environment.keys())
            .field("flags", &self.flags)
            .field("needs_projects", &self.needs_projects)
            .finish()
    }
}

impl Sources {
    /// A reader with all values. A later source overrides an earlier one.
    pub(super) fn reader(&self) -> Result<Reader<'_>, ConfigError> {
        let mut reader = Reader::new(SCHEMA, &self.environment);
        if let Some(path) = &self.file {
            let text = read_file(path, "--config.file");
            let place = Place::of(path.display().to_string());
            let root = text.and_then(|text| parse_toml(&text, &place));
            reader.add_file(&place, &root.map_err(|problem| ConfigError(vec![problem]))?);
        }
        self.add_variables(&mut reader);
        self.add_flags(&mut reader);
        Ok(reader)
    }

    fn add_variables(&self, reader: &mut Reader<'_>) {
        let mut earlier = BTreeMap::new();
        for (name, text) in &self.environment {
            let Some(path) = name.strip_prefix(VARIABLE_PREFIX) else { continue };
            let path = path.to_lowercase().replace("__", ".");
            let place = Place { source: name.clone(), line: None, is_variable: true };
            if let Some(first) = earlier.insert(path.clone(), name) {
                let text = format!("is set by {first} too; keep one");
                reader.note(Problem::of_key(&place, &path, text));
                continue;
            }
            let shown = with_number(&path);
            let is_project = shown != path;
            match (meaning(&path, &shown), is_project) {
                (Ok(kind), _) if !is_project || reader.has_section(section(&shown)) => {
                    reader.add(&shown, Given { place, value: kind.value_of(text) });
                }
                (Ok(_), _) => {
                    let text = format!(
                        "unknown project: the file has {}, counted from 0",
                        reader.list_len()
                    );
                    reader.note(Problem::of_key(&place, &shown, text));
                }
                (Err(text), _) if path.is_empty() => reader.note(Problem::of_file(&place, text)),
                (Err(text), _) => reader.note(Problem::of_key(&place, &shown, text)),
            }
        }
    }

    fn add_flags(&self, reader: &mut Reader<'_>) {
        for (key, flag, texts) in &self.flags {
            let text = |text: &String| Value::Text(text.clone());
            let value = match (SCHEMA.exactly(key).map(|key| key.kind), texts.as_slice()) {
                (Some(Kind::List { .. }), texts) => {
                    let node = |value| Node { line: None, value };
                    Value::List(texts.iter().map(text).map(node).collect())
                }
                (_, texts) => texts.last().map_or(Value::Nothing, text),
            };
            reader.add(key, Given { place: Place::of(*flag), value });
        }
    }
}

/// `projects.0.auth.token` as `projects[0].auth.token`.
fn with_number(path: &str) -> String {
    let number = || {
        let (digits, key) = path.strip_prefix(LIST)?.strip_prefix('.')?.split_once('.')?;
        let index: usize = digits.parse().ok()?;
        (index.to_string() == digits && !key.is_empty()).then(|| format!("{LIST}[{digits}].{key}"))
    };
    number().unwrap_or_else(|| path.to_owned())
}

/// `projects[0]` of `projects[0].auth.token`.
fn section(shown: &str) -> &str {
    shown.split('.').next().unwrap_or_default()
}

/// Returns the accepted values of a variable's key, or the reason why the key does not exist.
fn meaning(path: &str, shown: &str) -> Result<Kind, String> {
    let key = match shown.find(']') {
        Some(at) => format!("{LIST}{}", &shown[at + 1..]),
        None => path.to_owned(),
    };
    if path.is_empty() {
        return Err("is the prefix of a variable; a section and a key must follow".to_owned());
    }
    if shown == path && (path == LIST || path.starts_with(&format!("{LIST}."))) {
        return Err(format!(
            "is a list; set one key of one project, such as {VARIABLE_PREFIX}PROJECTS__0__NAME"
        ));
    }
    match SCHEMA.meaning(&key) {
        // The path of a secret's file and the name of its variable are texts.
        Meaning::Key => Ok(SCHEMA.exactly(&key).map_or(Kind::Directory, |key| key.kind)),
        Meaning::Section => Err("is a section, not a value; set its keys one by one".to_owned()),
        Meaning::Unknown => Err(SCHEMA.unknown(&key)),
    }
}

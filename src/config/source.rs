//! Where values come from: defaults, the file, the environment, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::keys::{self, KEYS};
use super::reader::Problem;

/// What a config is read from. Nothing else is looked at: the environment comes in here.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The config file; without one, defaults and the rest.
    pub file: Option<PathBuf>,
    /// The environment, of which only `SCREEN_RECORDS_EXPORTER__...` and what a `_env` key names
    /// is read.
    pub environment: BTreeMap<String, String>,
    /// Values from the command line.
    pub flags: Flags,
    /// Whether a config without projects is an error.
    pub needs_projects: bool,
}

/// Values from the command line, by key, with the flag that gave them.
pub type Flags = Vec<(&'static str, &'static str, Vec<String>)>;

/// Variables without the second underscore pair (`..._PORT`, `..._SERVICE_HOST`), as Kubernetes
/// injects them, are left alone.
const PREFIX: &str = "SCREEN_RECORDS_EXPORTER__";
/// More than any config needs; less than a wrong path can hold.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

impl Sources {
    /// All sources, the higher ones over the lower.
    pub(super) fn merge(&self) -> Result<Figment, Problem> {
        let mut figment = Figment::from(Layer::defaults());
        if let Some(path) = &self.file {
            figment = figment.merge(Layer::file(path)?);
        }
        for (name, value) in &self.environment {
            if let Some(layer) = Layer::variable(name, value) {
                figment = figment.merge(layer);
            }
        }
        for (key, flag, values) in &self.flags {
            let value = match values.as_slice() {
                [one] if *key != "web.listen_addresses" => Value::from(one.as_str()),
                many => Value::from(many.to_vec()),
            };
            figment = figment.merge(Layer::single(flag.to_string(), key, value));
        }
        Ok(figment)
    }

    /// Variables that set a key of a project: index, path in the project, variable, value.
    pub(super) fn project_variables(&self) -> Vec<(usize, String, &str, &str)> {
        let variables = self.environment.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
            let (index, rest) = path.strip_prefix("projects.")?.split_once('.')?;
            Some((index.parse().ok()?, rest.to_owned(), name.as_str(), value.as_str()))
        });
        variables.collect()
    }
}

/// Values with the name of where they stand.
struct Layer {
    name: String,
    data: Dict,
}

impl Layer {
    fn single(name: String, key: &str, value: Value) -> Self {
        let nested = figment::util::nest(key, value);
        Self { name, data: nested.into_dict().unwrap_or_default() }
    }

    fn defaults() -> Self {
        let with_default = KEYS.iter().filter(|key| !key.path.starts_with("projects."));
        let lines: String = with_default
            .filter_map(|key| Some(format!("{} = {}\n", key.path, key.default?)))
            .collect();
        let table: toml::Table = toml::from_str(&lines).expect("the table of keys is valid TOML");
        Self { name: "the defaults".to_owned(), data: dict(table) }
    }

    fn file(path: &Path) -> Result<Self, Problem> {
        let shown = path.display().to_string();
        let problem = |text: String| Problem::of_file(&shown, text);
        let unreadable = |error: std::io::Error| {
            problem(format!("cannot be read: {error}. Name another with --config.file"))
        };
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(problem(
                "is a directory. Name the file in it with --config.file".to_owned(),
            ));
        }
        if metadata.len() > LARGEST_FILE_BYTES {
            return Err(problem(format!(
                "is larger than a config can be ({LARGEST_FILE_BYTES} bytes)"
            )));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| problem("is not UTF-8 text. Save it as UTF-8".to_owned()))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| {
            // The message only: the library would print the line, and it may hold a secret.
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let before = &text.as_bytes()[..at];
            let line = before.split(|byte| *byte == b'\n').count();
            let column =
                at - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |n| n + 1) + 1;
            let message = error.message().lines().next().unwrap_or("").to_owned();
            problem(format!("is no valid TOML at line {line}, column {column}: {message}"))
        })?;
        Ok(Self { name: shown, data: dict(table) })
    }

    fn variable(name: &str, value: &str) -> Option<Self> {
        let path = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
        if path.starts_with("projects.") {
            return None;
        }
        // A list stands between commas. Nothing else is parsed: `0123` must keep its zero.
        let is_list = keys::find(&path).is_some_and(|key| key.accepts.starts_with("a list"));
        let value = if is_list {
            Value::from(value.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        } else {
            Value::from(value)
        };
        Some(Self::single(name.to_owned(), &path, value))
    }
}

fn dict(table: toml::Table) -> Dict {
    match Value::serialize(table) {
        Ok(Value::Dict(_, dict)) => dict,
        _ => unreachable!("a table is a dict"),
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.data.clone()))
    }
}

/// Where a value stands, for people.
pub(super) fn origin(figment: &Figment, tag: Tag) -> String {
    figment
        .get_metadata(tag)
        .map_or_else(|| "the config".to_owned(), |known| known.name.to_string())
}

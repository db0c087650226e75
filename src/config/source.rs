//! Where values come from: defaults, the file, the environment, flags.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::keys::{self, KEYS, Kind};
use super::problem::{Problem, unknown};
use super::value::show_message;
use records_api::file;

/// What a config is read from. Nothing else is looked at: the environment comes in here.
#[derive(Clone, Default)]
pub struct Sources {
    /// The config file; without one, defaults and the rest.
    pub file: Option<PathBuf>,
    /// The environment, of which only `SCREEN_RECORDS_EXPORTER__...`, what a `_env` key names, the
    /// variables in the table of keys and `HOME` are read.
    pub environment: BTreeMap<String, String>,
    /// Values from the command line.
    pub flags: Flags,
    /// Whether a config without projects is an error.
    pub needs_projects: bool,
}

/// Values from the command line, by key, with the flag that gave them.
pub type Flags = Vec<(&'static str, &'static str, Vec<String>)>;

/// How the names of variables that set keys begin. Those with a single underscore there
/// (`..._PORT`, `..._SERVICE_HOST`), as Kubernetes injects them, are left alone.
pub const VARIABLE_PREFIX: &str = "SCREEN_RECORDS_EXPORTER__";
/// More than any config needs; less than a wrong path can hold.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

/// A variable that sets a key of a project.
pub(super) struct ProjectVariable<'s> {
    /// Name of the variable.
    pub(super) name: &'s str,
    /// Which project, from 0.
    pub(super) index: usize,
    /// Path of the key within the project.
    pub(super) path: String,
    /// Its value.
    pub(super) value: Value,
}

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of the environment the names only: values may be secrets.
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
    /// The defaults, and the file over them.
    pub(super) fn written(&self) -> Result<Figment, Problem> {
        let figment = Figment::from(Layer::defaults());
        match &self.file {
            Some(path) => Ok(figment.merge(Layer::file(path)?)),
            None => Ok(figment),
        }
    }

    /// All sources, the higher ones over the lower.
    pub(super) fn merge(&self, written: Figment) -> Figment {
        let mut figment = written;
        for (name, path, value) in self.variables() {
            if !path.starts_with("projects.") && keys::find(&path).is_some() {
                figment =
                    figment.merge(Layer::single(name.to_owned(), &path, text_as(&path, value)));
            }
        }
        for (key, flag, values) in &self.flags {
            let value = match values.as_slice() {
                [one] if *key != "web.listen_addresses" => Value::from(one.as_str()),
                many => Value::from(many.to_vec()),
            };
            figment = figment.merge(Layer::single(flag.to_string(), key, value));
        }
        figment
    }

    /// Our variables: name, path of the key, value.
    fn variables(&self) -> impl Iterator<Item = (&str, String, &str)> {
        self.environment.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(VARIABLE_PREFIX)?.to_lowercase().replace("__", ".");
            Some((name.as_str(), path, value.as_str()))
        })
    }

    /// Variables that set a key of a project.
    pub(super) fn project_variables(&self) -> Vec<ProjectVariable<'_>> {
        let variables = self.variables().filter_map(|(name, path, value)| {
            let (index, path) = project_path(&path)?;
            let value = text_as(&format!("projects.{path}"), value);
            Some(ProjectVariable { name, index, path: path.to_owned(), value })
        });
        variables.collect()
    }

    /// Variables that look like ours and set nothing that is built; those of projects that exist
    /// are judged with their project. Also those that set the same key in another spelling.
    pub(super) fn misnamed_variables(&self) -> Vec<Problem> {
        let mut earlier = BTreeMap::new();
        let twice = self.variables().filter_map(|(name, path, _)| {
            let first = *earlier.entry(path.clone()).or_insert(name);
            let text = format!("is set by {first} too; keep one");
            (first != name).then(|| Problem::of_key(name, &path, text))
        });
        let problem = |(name, path, _): (&str, String, &str)| {
            let is_key = keys::find(&path).is_some();
            if is_key && !path.starts_with("projects.") || project_path(&path).is_some() {
                return None;
            }
            if path.is_empty() {
                let text = "is the prefix of a variable; a section and a key must follow";
                return Some(Problem::of_file(name, text));
            }
            let text = match path.as_str() {
                path if path == "projects" || path.starts_with("projects.") => {
                    PROJECT_VARIABLE.to_owned()
                }
                _ if keys::is_section(&path) => {
                    "is a section, not a value; set its keys one by one".to_owned()
                }
                _ => unknown(&path, false),
            };
            Some(Problem::of_key(name, &path, text))
        };
        twice.chain(self.variables().filter_map(problem)).collect()
    }
}

const PROJECT_VARIABLE: &str = "is a list; set one key of one project, \
                                SCREEN_RECORDS_EXPORTER__PROJECTS__0__NAME for instance";

/// Index and key of `projects.0.auth.token`.
fn project_path(path: &str) -> Option<(usize, &str)> {
    let (digits, key) = path.strip_prefix("projects.")?.split_once('.')?;
    let index: usize = digits.parse().ok()?;
    (index.to_string() == digits && !key.is_empty()).then_some((index, key))
}

/// A text from the environment as the key takes it. Nothing else is parsed: of a text, `0123`
/// must keep its zero.
pub(super) fn text_as(path: &str, text: &str) -> Value {
    let trimmed = text.trim();
    match keys::find(path).map(|key| key.kind) {
        Some(Kind::Number) => match (trimmed.parse::<i64>(), trimmed.parse::<f64>()) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) => Value::from(number),
            _ => Value::from(text),
        },
        Some(Kind::Flag) => trimmed.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        // A list stands between commas.
        Some(Kind::List) => {
            Value::from(text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        }
        _ => Value::from(text),
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
        let bytes = file::read(path, LARGEST_FILE_BYTES).map_err(|error| match error.kind() {
            ErrorKind::IsADirectory => {
                problem("is a directory. Name the file in it with --config.file".to_owned())
            }
            ErrorKind::FileTooLarge => problem(format!(
                "is larger than a config can be ({LARGEST_FILE_BYTES} bytes). Name another with \
                 --config.file"
            )),
            _ => problem(format!("cannot be read: {error}. Name another with --config.file")),
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| problem("is not UTF-8 text. Save it as UTF-8".to_owned()))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| {
            // The message only: the library would print the line, and it may hold a secret.
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or(&text);
            let line = before.split('\n').count();
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            let message = show_message(error.message());
            problem(format!("is no valid TOML at line {line}, column {column}: {message}"))
        })?;
        Ok(Self { name: shown, data: dict(table) })
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

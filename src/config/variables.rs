//! Variables that set keys: `SCREEN_RECORDS_EXPORTER__POLL__WINDOW` sets `poll.window`.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::KEYS;
use super::kind::Kind;
use super::node::Value;
use super::problem::{Place, Problem};
use super::reader::{Given, LIST, Reader};
use super::schema::{Meaning, Schema};
use super::service_links::ServiceLinks;
use super::variable_name::{VARIABLE_PREFIX, variable_name};

/// The constant labels of a project, whose names are not in the table of keys.
const LABELS: &str = "projects.labels.";

const SCHEMA: Schema = Schema(KEYS);

/// A variable with [`VARIABLE_PREFIX`], which sets a key unless it is misspelt.
struct Variable<'e> {
    name: &'e str,
    text: &'e str,
    /// The path of the key, with a number for a project: `projects[0].name`.
    path: String,
    /// The number of the project.
    project: Option<usize>,
    /// Accepted values, `None` for a text that is taken as it is; or the reason why the key does not exist.
    meaning: Result<Option<Kind>, String>,
}

impl<'e> Variable<'e> {
    fn new(name: &'e str, text: &'e str) -> Option<Self> {
        let written = name.strip_prefix(VARIABLE_PREFIX)?.to_lowercase().replace("__", ".");
        let (path, key, project) = match with_number(&written) {
            Some((number, rest)) => {
                let rest = match rest.strip_prefix("labels.") {
                    // Two underscores in the name of a label are not a level.
                    Some(label) => format!("labels.{}", label.replace('.', "__")),
                    None => rest.to_owned(),
                };
                (format!("{LIST}[{number}].{rest}"), format!("{LIST}.{rest}"), Some(number))
            }
            None => (written.clone(), written, None),
        };
        let meaning = meaning(&key, project.is_some());
        let meaning = meaning.map_err(|text| match meant(name) {
            Some(meant) => format!("unknown key; did you mean {meant}?"),
            None => text,
        });
        Some(Self { name, text, path, project, meaning })
    }

    fn place(&self) -> Place {
        Place { source: self.name.to_owned(), line: None, is_variable: true }
    }
}

/// Takes the values of variables. An empty variable counts as not set.
pub(super) fn add_variables(environment: &BTreeMap<String, String>, reader: &mut Reader<'_>) {
    let links = ServiceLinks::find(environment);
    let given = environment.iter().filter(|(_, text)| !text.is_empty());
    let variables = given.filter_map(|(name, text)| Variable::new(name, text));
    let is_ours =
        |variable: &Variable<'_>| variable.meaning.is_ok() || !links.contains(variable.name);
    let variables: Vec<_> = variables.filter(is_ours).collect();
    add_projects(&variables, reader);
    let mut earlier = BTreeMap::new();
    for variable in variables {
        let place = variable.place();
        let Variable { name, text, path, project, meaning } = variable;
        if let Some(first) = earlier.insert(path.clone(), name) {
            let text = format!("is set by {first} too; keep one");
            reader.note(Problem::of_key(&place, &path, text));
            continue;
        }
        let projects = reader.list_len();
        let problem = match meaning {
            Ok(_) if project.is_some_and(|number| number >= projects) => format!(
                "unknown project: there are {projects}, counted from 0; the next one has the number \
                 {projects}"
            ),
            Ok(kind) => {
                let as_text = || Value::Text(text.to_owned());
                let value = kind.map_or_else(as_text, |kind| kind.value_of(text));
                reader.add(&path, Given { place, value });
                continue;
            }
            Err(text) => text,
        };
        reader.note(Problem::of_key(&place, &path, problem));
    }
}

/// Adds the projects that only variables describe. They are numbered after those in the file.
fn add_projects(variables: &[Variable<'_>], reader: &mut Reader<'_>) {
    let numbers: BTreeSet<_> = variables.iter().filter_map(|variable| variable.project).collect();
    for number in numbers {
        if number == reader.list_len() {
            reader.add_section_of_variables();
        }
    }
}

/// Returns the variables that are not read because their levels are separated by a single underscore, each
/// with the one that was meant.
pub(super) fn misnamed(environment: &BTreeMap<String, String>) -> Vec<(&str, String)> {
    let links = ServiceLinks::find(environment);
    let is_other = |name: &str| !name.starts_with(VARIABLE_PREFIX) && !links.contains(name);
    let given = environment.iter().filter(|(name, text)| !text.is_empty() && is_other(name));
    given.filter_map(|(name, _)| Some((name.as_str(), meant(name)?))).collect()
}

/// Returns the variable of a key whose name consists of the same words as a name.
fn meant(name: &str) -> Option<String> {
    let rest = name.strip_prefix(VARIABLE_PREFIX.strip_suffix('_')?)?.to_lowercase();
    let words: Vec<_> = rest.split('_').filter(|word| !word.is_empty()).collect();
    let words = words.join("_");
    let project = words.strip_prefix(LIST).and_then(|rest| rest.strip_prefix('_'));
    let (number, words) = match project.and_then(|rest| rest.split_once('_')) {
        Some((number, rest)) => (Some(parse_number(number)?), format!("{LIST}_{rest}")),
        None => (None, words),
    };
    let as_words = |path: &str| path.replace('.', "_");
    let label = words.strip_prefix(&as_words(LABELS)).filter(|label| !label.is_empty());
    let path = match label {
        Some(label) => format!("{LABELS}{label}"),
        None => SCHEMA.keys().into_iter().find(|path| as_words(path) == words)?,
    };
    let path = match (path.strip_prefix(LIST), number) {
        (Some(rest), Some(number)) => format!("{LIST}[{number}]{rest}"),
        (None, None) => path,
        _ => return None,
    };
    Some(variable_name(&path)).filter(|meant| meant != name)
}

/// `0` and `auth.token` of `projects.0.auth.token`.
fn with_number(path: &str) -> Option<(usize, &str)> {
    let (digits, key) = path.strip_prefix(LIST)?.strip_prefix('.')?.split_once('.')?;
    parse_number(digits).filter(|_| !key.is_empty()).map(|number| (number, key))
}

/// A number as it is written without a sign or zeros before it.
fn parse_number(digits: &str) -> Option<usize> {
    digits.parse().ok().filter(|number: &usize| number.to_string() == digits)
}

/// Returns the accepted values of a variable's key, `None` for a text, or the reason why the key does not
/// exist.
fn meaning(key: &str, has_number: bool) -> Result<Option<Kind>, String> {
    if key.is_empty() {
        return Err("is the prefix of a variable; a section and a key must follow".to_owned());
    }
    let example = |key: &str| variable_name(&format!("{LIST}[0].{key}"));
    if !has_number && (key == LIST || key.starts_with(&format!("{LIST}."))) {
        let example = example("name");
        return Err(format!("is a list; set one key of one project, such as {example}"));
    }
    if has_number && key.len() > LABELS.len() && key.starts_with(LABELS) {
        return Ok(None);
    }
    match SCHEMA.meaning(key) {
        // The path of a secret's file and the name of its variable are texts.
        Meaning::Key => match SCHEMA.exactly(key).map(|key| key.kind) {
            Some(Kind::Table(_)) => {
                let example = example("labels.site");
                Err(format!("is a table; set one label, such as {example}"))
            }
            kind => Ok(kind),
        },
        Meaning::Section => Err("is a section, not a value; set its keys one by one".to_owned()),
        Meaning::Unknown => Err(SCHEMA.unknown(key)),
    }
}

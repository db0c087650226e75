//! Reads values by their keys from everything that a config consists of, and collects the errors.
//!
//! One reader serves TOML, YAML, variables and flags. It knows how a value is found, checked and
//! refused; the table of keys defines the accepted values.

use std::collections::BTreeMap;

use super::kind::{Kind, Typed, listed};
use super::node::{Entry, Node, Value, is_plain_name, show_name};
use super::problem::{ConfigError, Place, Problem};
use super::schema::{Meaning, Schema, Secrecy};
use super::variable_name::variable_name;

/// The only list of sections.
pub(crate) const LIST: &str = "projects";
/// Source of a project that only variables describe.
const ENVIRONMENT: &str = "the environment";
/// Stands for a value that may be a secret.
pub(crate) const NOT_SHOWN: &str = "the value (not shown)";

/// A value of a config, not checked yet.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// The result of reading a key.
#[derive(Debug)]
pub(crate) enum Read<T> {
    Accepted(T),
    Absent,
    /// Not accepted. The error is noted.
    Refused,
}

/// The values of a config, and the errors so far. Reading goes on after an error, with a stand-in for
/// the value.
pub(crate) struct Reader<'a> {
    schema: Schema,
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// By path, in which elements of lists have a number: `projects[0].name`.
    values: BTreeMap<String, Given>,
    sections: BTreeMap<String, Place>,
    /// The number of elements in [`LIST`].
    list_len: usize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(schema: Schema, environment: &'a BTreeMap<String, String>) -> Self {
        let sections = BTreeMap::from([(String::new(), Place::of("the config"))]);
        let (values, problems) = (BTreeMap::new(), Vec::new());
        Self { schema, environment, values, sections, list_len: 0, problems }
    }

    /// # Errors
    ///
    /// All errors that were noted.
    pub(crate) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }

    pub(crate) fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// True if an error at a key was noted.
    pub(crate) fn has_problem(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| problem.is_about(path))
    }

    /// Notes an error at a key, or at its section if the key is absent.
    pub(crate) fn problem(&mut self, path: &str, text: impl Into<String>) {
        let place = self.place_of_problem(path, path);
        self.note(Problem::of_key(&place, path, text));
    }

    /// The place of `from`; in a project of variables, the one that sets `path`.
    fn place_of_problem(&self, from: &str, path: &str) -> Place {
        let place = self.place(from).clone();
        if place.source == ENVIRONMENT {
            Place { source: variable_name(path), ..place }
        } else {
            place
        }
    }

    /// Takes the values of a file, and refuses names that are not keys.
    pub(crate) fn add_file(&mut self, place: &Place, root: &Node) {
        let place = place.at(root.line);
        self.sections.insert(String::new(), place.clone());
        match &root.value {
            Value::Table(entries) => self.add_entries("", "", &place, entries),
            Value::Nothing => {}
            _ => {
                let names = listed(&self.schema.names_in(""), "and");
                let text = format!("is not a table of keys. Accepted are {names}");
                self.note(Problem::of_file(&Place { line: None, ..place }, text));
            }
        }
    }

    /// `path` is the section's path in the table of keys, `shown` its path in messages.
    fn add_entries(&mut self, path: &str, shown: &str, place: &Place, entries: &[Entry]) {
        for Entry { name, line, node } in entries {
            let place = place.at(*line);
            let key = join(path, name);
            let shown = join(shown, &self.shown_name(path, name));
            // It would pass for the key or section that its path resembles, and be ignored.
            if name.is_empty() || name.contains('.') {
                let text = "the name of a key has no dot and is not empty; remove the quotes";
                self.note(Problem::of_key(&place, &shown, text));
                continue;
            }
            let text = match (self.schema.meaning(&key), &node.value) {
                // Nothing after the colon is nothing at all.
                (Meaning::Key | Meaning::Section, Value::Nothing) => continue,
                (Meaning::Key, value) => {
                    self.values.insert(shown, Given { place, value: value.clone() });
                    continue;
                }
                (Meaning::Section, Value::List(list)) if key == LIST => {
                    self.add_list(&key, &place, list);
                    continue;
                }
                (Meaning::Section, _) if key == LIST => {
                    self.sections.insert(key, place.clone());
                    "is not a list; write [[projects]] above its keys".to_owned()
                }
                (Meaning::Section, Value::Table(entries)) => {
                    self.sections.insert(shown.clone(), place.clone());
                    self.add_entries(&key, &shown, &place, entries);
                    continue;
                }
                (Meaning::Section, _) => {
                    let names = listed(&self.schema.names_in(&key), "and");
                    format!("is a section, not a value. Accepted in it are {names}")
                }
                (Meaning::Unknown, _) => self.schema.unknown(&key),
            };
            self.note(Problem::of_key(&place, &shown, text));
        }
    }

    fn add_list(&mut self, path: &str, place: &Place, list: &[Node]) {
        self.list_len = list.len();
        for (index, node) in list.iter().enumerate() {
            let (shown, place) = (format!("{path}[{index}]"), place.at(node.line));
            if let Value::Table(entries) = &node.value {
                self.sections.insert(shown.clone(), place.clone());
                self.add_entries(path, &shown, &place, entries);
            } else {
                let text = "is not a table; write [[projects]] above its keys";
                self.note(Problem::of_key(&place, &shown, text));
            }
        }
    }

    /// A name from a file for an error message, unless it may be a secret in the wrong place.
    fn shown_name(&self, section: &str, name: &str) -> String {
        let is_near = self.schema.nearest(&join(section, name)).is_some();
        let may_be_secret = match self.schema.secrecy(section) {
            Secrecy::Secrets => true,
            Secrecy::Pem => !is_plain_name(name),
            Secrecy::None => false,
        };
        if may_be_secret && !is_near {
            return "(name not shown)".to_owned();
        }
        show_name(name)
    }

    /// Takes one value in place of what a file says.
    pub(crate) fn add(&mut self, path: &str, given: Given) {
        self.values.insert(path.to_owned(), given);
    }

    /// Adds a section to the list whose keys only variables set.
    pub(crate) fn add_section_of_variables(&mut self) {
        let place = Place { source: ENVIRONMENT.to_owned(), line: None, is_variable: true };
        self.sections.insert(format!("{LIST}[{}]", self.list_len), place);
        self.list_len += 1;
    }

    /// The values that were taken one by one for the entries of a table, by their names.
    pub(crate) fn entries(&self, table: &str) -> Vec<(String, Value)> {
        let prefix = format!("{table}.");
        let below = self.values.range(prefix.clone()..);
        let names = below.map_while(|(path, given)| Some((path.strip_prefix(&prefix)?, given)));
        names.map(|(name, given)| (name.to_owned(), given.value.clone())).collect()
    }

    /// The number of elements in the list of sections.
    pub(crate) fn list_len(&self) -> usize {
        self.list_len
    }

    pub(crate) fn value(&self, path: &str) -> Option<&Given> {
        self.values.get(path)
    }

    pub(crate) fn has_section(&self, path: &str) -> bool {
        self.sections.contains_key(path)
    }

    /// The place of a key or section, or else of the section that it belongs to.
    pub(crate) fn place(&self, path: &str) -> &Place {
        let mut path = path;
        loop {
            let given = self.values.get(path).map(|given| &given.place);
            if let Some(place) = given.or_else(|| self.sections.get(path)) {
                return place;
            }
            path = path.rsplit_once('.').map_or("", |(section, _)| section);
        }
    }

    /// Reads a key: what is given, or else a variable of the cloud's own tools, or else its default.
    pub(crate) fn read(&mut self, path: &str) -> Read<Typed> {
        let key = self.key(path);
        let Some(given) = self.values.get(path).cloned() else {
            return match self.variable_of_tools(path) {
                Some((name, text)) => self.read_variable_of_tools(path, name, &text),
                None => self.read_default(path),
            };
        };
        match key.kind.parse(&given.value) {
            Ok(typed) => Read::Accepted(typed),
            Err(element) => {
                self.refuse(path, &given, element);
                Read::Refused
            }
        }
    }

    /// The entry of a path in the table of keys.
    pub(crate) fn key(&self, path: &str) -> &'static super::Key {
        let found = self.schema.find(&without_numbers(path));
        found.unwrap_or_else(|| panic!("{path} is in the table of keys"))
    }

    /// The variable of the cloud's own tools for a key. An empty one counts as absent.
    pub(crate) fn variable_of_tools(&self, path: &str) -> Option<(&'static str, String)> {
        let name = self.key(path).variable?;
        let text = self.environment.get(name)?.trim();
        (!text.is_empty()).then(|| (name, text.to_owned()))
    }

    fn read_variable_of_tools(&mut self, path: &str, name: &str, text: &str) -> Read<Typed> {
        let place = Place { source: name.to_owned(), line: None, is_variable: true };
        let given = Given { place, value: Value::Text(text.to_owned()) };
        match self.key(path).kind.parse(&given.value) {
            Ok(typed) => Read::Accepted(typed),
            Err(element) => {
                self.refuse(path, &given, element);
                Read::Refused
            }
        }
    }

    fn read_default(&mut self, path: &str) -> Read<Typed> {
        let key = self.key(path);
        let Some(default) = key.default else { return Read::Absent };
        let default = if default.contains("{region}") {
            let section = path.split('.').next().unwrap_or_default();
            let region = join(section, "region");
            let Some(given) = self.values.get(&region) else {
                self.problem(path, "is missing, and so is region; set one of them");
                return Read::Refused;
            };
            match self.key(&region).kind.parse(&given.value) {
                Ok(Typed::Text(region)) => default.replace("{region}", &region),
                // Reading the region itself notes that it is refused.
                _ => return Read::Refused,
            }
        } else {
            default.to_owned()
        };
        let table: toml::Table =
            format!("x = {default}").parse().expect("the table of keys has defaults in TOML");
        let value = super::document::node(table["x"].clone()).value;
        Read::Accepted(key.kind.parse(&value).expect("a key accepts its own default"))
    }

    /// Notes that a value is not accepted.
    pub(crate) fn refuse(&mut self, path: &str, given: &Given, element: Option<&Node>) {
        let key = self.key(path);
        let place = given.place.at(element.and_then(|node| node.line));
        let value = element.map_or(&given.value, |node| &node.value);
        let accepts = match (&key.kind, element) {
            (Kind::List { element, .. }, Some(_)) => (element.accepts)().into_owned(),
            _ => key.accepts(),
        };
        let shown = match key.kind {
            _ if !key.is_public => NOT_SHOWN.to_owned(),
            Kind::Url | Kind::ExternalUrl => value.show_url(),
            _ => value.show(),
        };
        // A number, true or false in quotes.
        let is_quoted = value.as_text().is_some_and(|text| {
            !matches!(key.kind.value_of(text), Value::Text(_) | Value::List(_))
        });
        let remedy = if is_quoted && !place.is_variable { "; remove the quotes" } else { "" };
        let text = format!("{}{remedy}", not_accepted(&shown, &accepts));
        self.note(Problem::of_key(&place, path, text));
    }

    /// Notes that a key is missing.
    pub(crate) fn miss(&mut self, path: &str) {
        self.miss_for(path, path);
    }

    /// Notes that a key is missing that the value of another one needs.
    pub(crate) fn miss_for(&mut self, needed_by: &str, path: &str) {
        let key = self.key(path);
        let remedy = match &key.kind {
            Kind::Secret(_) => {
                let name = path.rsplit('.').next().unwrap_or(path);
                format!(
                    "Set {name}, {name}_file (a path) or {name}_env (the name of an environment \
                     variable)"
                )
            }
            _ => format!("Accepted is {}", key.accepts()),
        };
        let variable = key.variable.map_or_else(String::new, |name| format!("; or set {name}"));
        let place = self.place_of_problem(needed_by, path);
        self.note(Problem::of_key(&place, path, format!("is missing. {remedy}{variable}")));
    }
}

pub(crate) fn not_accepted(shown: &str, accepts: &str) -> String {
    format!("{shown} is not accepted. Accepted is {accepts}")
}

pub(crate) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// `projects[0].name` as the table of keys has it: `projects.name`.
fn without_numbers(path: &str) -> String {
    match (path.find('['), path.find(']')) {
        (Some(from), Some(to)) => format!("{}{}", &path[..from], &path[to + 1..]),
        _ => path.to_owned(),
    }
}

//! Reads values by key out of the document, and collects what is wrong with them.
//!
//! Knows how a value is judged and what is said of it, not which keys there are.

use super::document::{Entry, Node, Value};
use super::problem::Problem;

const LONGEST_VALUE_CHARS: usize = 80;
const LONGEST_NAME_CHARS: usize = 40;

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) problems: Vec<Problem>,
}

/// A table, of which the keys are known by name.
pub(super) struct Section<'d> {
    /// Path of the table; empty for the document.
    path: &'static str,
    /// Where it begins, for what is missing in it.
    pub(super) line: u64,
    entries: &'d [Entry],
}

/// A value that stands there, with its key's whole path.
pub(super) struct Found<'d> {
    pub(super) key: String,
    pub(super) line: u64,
    value: &'d Value,
}

impl<'d> Section<'d> {
    /// The value of a key; `None` where nothing stands.
    pub(super) fn find(&self, name: &str) -> Option<Found<'d>> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        let is_given = !matches!(entry.node.value, Value::Nothing);
        is_given.then(|| Found {
            key: join(self.path, name),
            line: entry.line,
            value: &entry.node.value,
        })
    }

    /// The path of a key, for saying that it is missing.
    pub(super) fn key(&self, name: &str) -> String {
        join(self.path, name)
    }

    /// Every value, for a table whose keys are names of the administrator's.
    pub(super) fn entries(&self) -> &'d [Entry] {
        self.entries
    }
}

impl Found<'_> {
    /// A value that may be shown, refused.
    pub(super) fn refuse(&self, accepted: &str) -> Problem {
        let shown = match self.value {
            // Several lines are a key or a certificate in the wrong place.
            Value::Text(text) if text.contains('\n') => "a text of several lines".to_owned(),
            Value::Text(text) => shorten(format!("{text:?}"), LONGEST_VALUE_CHARS),
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Nothing => "nothing".to_owned(),
            Value::Fraction => "the number".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a section".to_owned(),
        };
        self.problem(format!("{shown} is not accepted. Accepted is {accepted}"))
    }

    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::of_key(self.line, &self.key, text)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text, or a number as the text that it would be in quotes.
    pub(super) fn text_or_number(&self) -> Option<String> {
        self.text().map(str::to_owned).or_else(|| Some(self.number()?.to_string()))
    }

    pub(super) fn number(&self) -> Option<i128> {
        match self.value {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl Reading {
    pub(super) fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The document as a section of known keys.
    pub(super) fn document<'d>(&mut self, node: &'d Node, known: &[&str]) -> Option<Section<'d>> {
        match &node.value {
            Value::Nothing => None,
            Value::Table(entries) => {
                let section = Section { path: "", line: node.line, entries };
                self.check_names(&section, known);
                Some(section)
            }
            _ => {
                let text = format!("holds no keys. Accepted are {}", listed(known));
                self.note(Problem::of_file(text));
                None
            }
        }
    }

    /// A section of known keys; of any keys, where none are named.
    pub(super) fn section<'d>(
        &mut self,
        within: &Section<'d>,
        path: &'static str,
        known: &[&str],
    ) -> Option<Section<'d>> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let found = within.find(name)?;
        let Value::Table(entries) = found.value else {
            // What stands in this place may hold a secret.
            let text = match known {
                [] => "is a section of names with values".to_owned(),
                known => format!("is a section. Accepted in it are {}", listed(known)),
            };
            self.note(found.problem(text));
            return None;
        };
        let section = Section { path, line: found.line, entries };
        if !known.is_empty() {
            self.check_names(&section, known);
        }
        Some(section)
    }

    fn check_names(&mut self, section: &Section<'_>, known: &[&str]) {
        for entry in section.entries.iter().filter(|entry| !known.contains(&&*entry.name)) {
            let key = section.key(&shown_name(&entry.name));
            let text = format!("there is no such key. Accepted are {}", listed(known));
            self.note(Problem::of_key(entry.line, &key, text));
        }
    }

    /// A text of one line, if it is given.
    pub(super) fn text<'d>(
        &mut self,
        section: &Section<'d>,
        name: &str,
        accepted: &str,
    ) -> Option<(Found<'d>, &'d str)> {
        let found = section.find(name)?;
        match found.value {
            Value::Text(text) if !text.is_empty() && !text.contains(['\0', '\n']) => {
                Some((found, text))
            }
            _ => {
                self.note(found.refuse(accepted));
                None
            }
        }
    }

    /// True or false, if it is given.
    pub(super) fn flag(&mut self, section: &Section<'_>, name: &str) -> Option<bool> {
        let found = section.find(name)?;
        if let Value::Flag(flag) = found.value {
            return Some(*flag);
        }
        self.note(found.refuse("true or false"));
        None
    }

    /// What each text of a list means, if the list is given. An empty one is refused.
    pub(super) fn list<T>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        accepted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let found = section.find(name)?;
        let Value::List(nodes) = found.value else {
            self.note(found.refuse(&format!("a list, each element {accepted}")));
            return None;
        };
        if nodes.is_empty() {
            let text = "an empty list is not accepted; remove it, or name something in it";
            self.note(found.problem(text));
        }
        let mut list = Vec::new();
        for node in nodes {
            let element = Found { key: found.key.clone(), line: node.line, value: &node.value };
            match element.text().and_then(&read) {
                Some(read) => list.push(read),
                None => self.note(element.refuse(accepted)),
            }
        }
        Some(list)
    }
}

/// `one, two or three`.
pub(super) fn any_of(names: &[impl AsRef<str>]) -> String {
    together(names, "or")
}

fn listed(names: &[&str]) -> String {
    together(names, "and")
}

fn together(names: &[impl AsRef<str>], last: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., end] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", first.join(", "), end.as_ref())
        }
    }
}

/// The name of a key as it was written, unless it may be something else in the wrong place.
fn shown_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= LONGEST_NAME_CHARS && name.chars().all(is_plain) {
        return name.to_owned();
    }
    "(name not shown)".to_owned()
}

fn shorten(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most).chain("...".chars()).collect()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

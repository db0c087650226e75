//! One project of the list: its values from the file and the environment.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use crate::config::keys;
use crate::config::problem::{Problem, unknown};
use crate::config::reader::{NOT_SHOWN, Reader, hint, not_accepted};
use crate::config::secrets::Place;
use crate::config::source::ProjectVariable;
use crate::config::value::{below, show};

pub(super) struct Section<'s, 'r> {
    pub(super) reader: &'s mut Reader<'r>,
    /// Where the project stands.
    pub(super) origin: String,
    pub(super) index: usize,
    pub(super) dict: &'s Dict,
    pub(super) variables: &'s [ProjectVariable<'s>],
}

impl<'s, 'r> Section<'s, 'r> {
    /// Refuses keys that do not exist.
    pub(super) fn check_keys(&mut self) {
        let shown = format!("projects[{}]", self.index);
        for (name, value) in self.dict {
            self.reader.check_value("projects", &shown, name, value);
        }
        for variable in self.variables.iter().filter(|variable| variable.index == self.index) {
            let path = format!("projects.{}", variable.path);
            if keys::find(&path).is_none() {
                let text = unknown(&path, false);
                let problem = Problem::of_key(variable.name, &self.shown(&variable.path), text);
                self.reader.note(problem);
            }
        }
    }

    fn shown(&self, path: &str) -> String {
        format!("projects[{}].{path}", self.index)
    }

    /// The variable that sets a key.
    pub(super) fn variable(&self, path: &str) -> Option<&'s ProjectVariable<'s>> {
        self.variables.iter().find(|known| known.index == self.index && known.path == path)
    }

    /// A variable of the cloud's own tools that stands in for a key; an empty one is none.
    pub(super) fn variable_of_tools(&self, key: &str) -> Option<(&'static str, &'r str)> {
        let name = keys::find(key)?.variable?;
        let text = self.reader.environment.get(name)?.trim();
        (!text.is_empty()).then_some((name, text))
    }

    pub(super) fn problem(&mut self, path: &str, text: &str) {
        let variable = self.variable(path).map(|variable| variable.name);
        let origin = variable.unwrap_or(&self.origin).to_owned();
        self.problem_at(&origin, path, text);
    }

    /// Notes a problem of what stands elsewhere, and in for the key.
    pub(super) fn problem_at(&mut self, origin: &str, path: &str, text: &str) {
        let problem = Problem::of_key(origin, &self.shown(path), text);
        self.reader.note(problem);
    }

    /// The value of a key: a variable's before the file's.
    pub(super) fn value(&self, path: &str) -> Option<Value> {
        match self.variable(path) {
            Some(variable) => Some(variable.value.clone()),
            None => below(self.dict, path).cloned(),
        }
    }

    pub(super) fn refuse(&mut self, path: &str, value: &Value) {
        let path_of_key = format!("projects.{path}");
        let Some(key) = keys::find(&path_of_key) else { return };
        let what = if key.is_public() { show(value) } else { NOT_SHOWN.to_owned() };
        let text = not_accepted(&what, keys::accepts(&path_of_key)) + hint(&path_of_key, value);
        self.problem(path, &text);
    }

    /// Refuses a value, shown as `what`.
    pub(super) fn refuse_as(&mut self, path: &str, what: &str) {
        let accepts = keys::accepts(&format!("projects.{path}"));
        self.problem(path, &not_accepted(what, accepts));
    }

    /// A text, if it is given and `accepts` it.
    pub(super) fn text(&mut self, path: &str, accepts: impl Fn(&str) -> bool) -> Option<String> {
        let value = self.value(path)?;
        let text = value.as_str().map(str::trim);
        let text = text.filter(|text| !text.is_empty() && accepts(text)).map(str::to_owned);
        if text.is_none() {
            self.refuse(path, &value);
        }
        text
    }

    pub(super) fn required(&mut self, path: &str, accepts: impl Fn(&str) -> bool) -> String {
        if self.value(path).is_none() {
            self.miss(path);
        }
        self.text(path, accepts).unwrap_or_default()
    }

    /// Notes that a key is missing.
    pub(super) fn miss(&mut self, path: &str) {
        let path_of_key = format!("projects.{path}");
        let (accepts, otherwise) = (keys::accepts(&path_of_key), keys::otherwise(&path_of_key));
        self.problem(path, &format!("is missing. Accepted is {accepts}{otherwise}"));
    }

    /// Yes or no; the default is in the table of keys.
    pub(super) fn flag(&mut self, path: &str) -> bool {
        let default = keys::find(&format!("projects.{path}")).and_then(|key| key.default);
        let default = default == Some("true");
        let Some(value) = self.value(path) else { return default };
        value.to_bool().unwrap_or_else(|| {
            self.refuse(path, &value);
            default
        })
    }
}

impl Place for Section<'_, '_> {
    fn is_overridden(&self, path: &str) -> bool {
        self.variable(path).is_some()
    }

    fn value(&self, path: &str) -> Option<Value> {
        self.value(path)
    }

    fn environment(&self) -> &BTreeMap<String, String> {
        self.reader.environment
    }

    fn problem(&mut self, path: &str, text: &str) {
        self.problem(path, text);
    }

    fn refuse(&mut self, path: &str, value: &Value) {
        self.refuse(path, value);
    }
}

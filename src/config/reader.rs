//! Reads values by key, and collects what is wrong with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::value::Value;

use super::certificates;
use super::keys::{self, Key, Kind};
use super::problem::{ConfigError, Problem, unknown};
use super::secrets::{Found, Place, Wanted};
use super::source::{Sources, VARIABLE_PREFIX, origin, text_as};
use super::units::Bytes;
use super::value::{show, show_name, table};
use records_api::secret::Source;

/// A value that is wrong is noted, and a stand-in goes on in its place until the end.
pub(super) struct Reader<'a> {
    /// The defaults and the file alone. A section that is written as a text, `poll = "scrape"`,
    /// is seen only here: a variable or flag of the section takes the place of the whole of it,
    /// defaults included.
    written: Figment,
    figment: Figment,
    pub(super) environment: &'a BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// Pages that are not metrics.
const OTHER_PAGES: [&str; 7] = ["/", "/-", "/probe", "/failures", "/api", "/sd", "/favicon.ico"];
/// One request in 1000 seconds. Far less, and the time between two is no `Duration` any more.
const SLOWEST_RATE: f64 = 0.001;

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Result<Self, ConfigError> {
        let written = sources.written().map_err(|problem| ConfigError(vec![problem]))?;
        let figment = sources.merge(written.clone());
        Ok(Self { written, figment, environment: &sources.environment, problems: Vec::new() })
    }

    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }

    pub(super) fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn value(&self, path: &str) -> Option<Value> {
        self.figment.find_value(path).ok()
    }

    pub(super) fn origin(&self, value: &Value) -> String {
        origin(&self.figment, value.tag())
    }

    /// Refuses keys that do not exist; those of projects by the projects.
    pub(super) fn check_keys(&mut self, sources: &Sources) {
        for problem in sources.misnamed_variables() {
            self.note(problem);
        }
        let Ok(Value::Dict(_, root)) = self.written.find_value("") else { return };
        for (name, value) in root.iter().filter(|(name, _)| *name != "projects") {
            self.check_value("", "", name, value);
        }
    }

    /// Checks the key `name` of a section and what stands below it. `shown` is how people know
    /// the section.
    pub(super) fn check_value(&mut self, section: &str, shown: &str, name: &str, value: &Value) {
        let path = join(section, name);
        // Under auth a name that is like no key may be a secret on the wrong side of the `=`.
        let is_shown = section != "projects.auth" || keys::nearest(&path).is_some();
        let shown =
            join(shown, &if is_shown { show_name(name) } else { "(name not shown)".to_owned() });
        let origin = self.origin(value);
        let problem = if name.contains('.') {
            // Found by no path, it would pass for the key that it looks like and be ignored.
            "no key holds a dot; remove the quotes".to_owned()
        } else if keys::find(&path).is_some() {
            return;
        } else if let (Some(dict), true) = (table(value), keys::is_section(&path)) {
            for (name, value) in dict {
                self.check_value(&path, &shown, name, value);
            }
            return;
        } else if keys::is_section(&path) {
            format!("is a section, not a value; write [{path}] above its keys")
        } else {
            unknown(&path, table(value).is_some())
        };
        self.note(Problem::of_key(&origin, &shown, problem));
    }

    /// Notes a value that is not accepted. A secret's is not shown.
    pub(super) fn refuse(&mut self, key: &Key, shown: &str, value: &Value) {
        let origin = self.origin(value);
        let what = if key.is_public() { show(value) } else { NOT_SHOWN.to_owned() };
        let text = not_accepted(&what, key.accepts) + hint(shown, value);
        self.note(Problem::of_key(&origin, shown, text));
    }

    /// Reads a value, which has a default, or notes that it is refused.
    fn read<T>(
        &mut self,
        path: &'static str,
        fallback: T,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> T {
        let (Some(value), Some(key)) = (self.value(path), keys::find(path)) else {
            return fallback;
        };
        read(&value).unwrap_or_else(|| {
            self.refuse(key, path, &value);
            fallback
        })
    }

    pub(super) fn number<T: TryFrom<i128> + PartialOrd + Copy>(
        &mut self,
        path: &'static str,
        range: RangeInclusive<T>,
    ) -> T {
        self.read(path, *range.start(), |value| {
            let number = T::try_from(value.to_i128()?).ok()?;
            range.contains(&number).then_some(number)
        })
    }

    pub(super) fn flag(&mut self, path: &'static str) -> bool {
        self.read(path, false, Value::to_bool)
    }

    pub(super) fn rate(&mut self, path: &'static str) -> f64 {
        self.read(path, 1.0, |value| {
            let number = value.to_f64().or_else(|| Some(value.to_i128()? as f64))?;
            (SLOWEST_RATE..=1000.0).contains(&number).then_some(number)
        })
    }

    pub(super) fn duration(
        &mut self,
        path: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.read(path, *range.start(), |value| {
            let text = value.as_str()?.trim();
            // humantime takes a bare 0.
            let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
            let duration = humantime::parse_duration(text).ok().filter(|_| has_unit)?;
            range.contains(&duration).then_some(duration)
        })
    }

    pub(super) fn bytes(&mut self, path: &'static str, range: RangeInclusive<Bytes>) -> Bytes {
        self.read(path, *range.start(), |value| {
            Bytes::parse(value.as_str()?).filter(|bytes| range.contains(bytes))
        })
    }

    /// A directory; `None` for an empty text.
    pub(super) fn directory(&mut self, path: &'static str) -> Option<PathBuf> {
        self.read(path, None, |value| {
            let text = value.as_str()?;
            let is_path = !text.contains('\0');
            is_path.then(|| Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
        })
    }

    /// A file, if one is named.
    pub(super) fn file(&mut self, path: &'static str) -> Option<PathBuf> {
        let is_path = |text: &&str| !text.is_empty() && !text.contains('\0');
        self.read(path, None, |value| {
            Some(value.as_str().filter(is_path).map(PathBuf::from)).filter(Option::is_some)
        })
    }

    /// A file of certificates, if one is named.
    pub(super) fn certificates(&mut self, path: &'static str) -> Option<PathBuf> {
        let file = self.file(path)?;
        match certificates::check(Path::new(&file)) {
            Ok(()) => Some(file),
            Err(text) => {
                self.problem(path, &text);
                None
            }
        }
    }

    /// A secret that may be left out.
    pub(super) fn secret(&mut self, wanted: &Wanted) -> Option<Source> {
        match wanted.read(self) {
            Found::Here(source) => Some(source),
            Found::Nothing | Found::Refused => None,
        }
    }

    /// A secret that the value at `path` asks for.
    pub(super) fn secret_for(&mut self, path: &str, wanted: &Wanted) -> Option<Source> {
        match wanted.read(self) {
            Found::Here(source) => Some(source),
            Found::Refused => None,
            Found::Nothing => {
                let origin = self.value(path).map(|value| self.origin(&value)).unwrap_or_default();
                self.note(Problem::of_key(&origin, wanted.path, wanted.is_missing()));
                None
            }
        }
    }

    pub(super) fn choice<T: Copy>(&mut self, path: &'static str, names: &[(&str, T)]) -> T {
        self.read(path, names[0].1, |value| {
            let text = value.as_str()?;
            names.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
        })
    }

    pub(super) fn addresses(&mut self, path: &'static str) -> Vec<SocketAddr> {
        self.read(path, Vec::new(), |value| {
            let list = value.as_array()?;
            let addresses: Option<Vec<SocketAddr>> =
                list.iter().map(|value| address(value.as_str()?)).collect();
            addresses.filter(|addresses| !addresses.is_empty())
        })
    }

    pub(super) fn telemetry_path(&mut self, path: &'static str) -> String {
        self.read(path, String::new(), |value| {
            let text = value.as_str()?;
            let taken = OTHER_PAGES
                .iter()
                .any(|page| text == *page || *page != "/" && text.starts_with(&format!("{page}/")));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
            // Who asks for /a/../b is given /b.
            let valid = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(plain);
            let is_path = text.strip_prefix('/')?.split('/').all(valid);
            (is_path && !taken && text.len() <= 200).then(|| text.to_owned())
        })
    }
}

/// Sections that stand once.
impl Place for Reader<'_> {
    fn is_overridden(&self, path: &str) -> bool {
        let is_variable = |name: &String| {
            name.starts_with(VARIABLE_PREFIX) && self.environment.contains_key(name)
        };
        Reader::value(self, path).is_some_and(|value| is_variable(&self.origin(&value)))
    }

    fn value(&self, path: &str) -> Option<Value> {
        Reader::value(self, path)
    }

    fn environment(&self) -> &BTreeMap<String, String> {
        self.environment
    }

    fn problem(&mut self, path: &str, text: &str) {
        let value = Reader::value(self, path);
        let origin = value.map_or_else(|| "the config".to_owned(), |value| self.origin(&value));
        self.note(Problem::of_key(&origin, path, text));
    }

    fn refuse(&mut self, path: &str, value: &Value) {
        let Some(key) = keys::find(path) else { return };
        let accepts = keys::accepts(path);
        self.refuse(&Key { accepts, ..*key }, path, value);
    }
}

/// Stands for a value that may hold a secret.
pub(super) const NOT_SHOWN: &str = "the value (not shown)";

pub(super) fn not_accepted(what: &str, accepts: &str) -> String {
    format!("{what} is not accepted. Accepted is {accepts}")
}

/// The remedy where a number, true or false stands in quotes.
pub(super) fn hint(path: &str, value: &Value) -> &'static str {
    let is_text = |value: &Value| matches!(value, Value::String(..));
    let is_quoted = value.as_str().is_some_and(|text| !is_text(&text_as(path, text)));
    let takes_list = keys::find(path).is_some_and(|key| key.kind == Kind::List);
    if is_quoted && !takes_list { "; remove the quotes" } else { "" }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// An address, or a port alone (`:10047`) as Prometheus' own programs take it: on all addresses.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    match text.strip_prefix(':') {
        Some(port) => format!("[::]:{port}").parse().ok(),
        None => text.replace("localhost:", "127.0.0.1:").parse().ok(),
    }
}

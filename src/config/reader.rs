//! Reads values by key, and collects what is wrong with them.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use figment::Figment;
use figment::value::{Dict, Value};

use super::keys::{self, Key};
use super::source::{Sources, origin};
use super::units::Bytes;

/// One thing that is wrong: where, what, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    pub(super) fn of_file(file: &str, text: impl fmt::Display) -> Self {
        Self(format!("{file} {text}"))
    }

    pub(super) fn of_key(origin: &str, key: &str, text: impl fmt::Display) -> Self {
        Self(format!("{origin}: {key}: {text}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// A value that is wrong is noted, and a stand-in goes on in its place until the end.
pub(super) struct Reader<'a> {
    figment: Figment,
    pub(super) environment: &'a std::collections::BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// Pages that are not metrics.
const OTHER_PAGES: [&str; 7] = ["/", "/-", "/probe", "/failures", "/api", "/sd", "/favicon.ico"];

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Result<Self, ConfigError> {
        let figment = sources.merge().map_err(|problem| ConfigError(vec![problem]))?;
        Ok(Self { figment, environment: &sources.environment, problems: Vec::new() })
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

    /// Refuses keys that do not exist or are not built; those of projects by the projects.
    pub(super) fn check_keys(&mut self) {
        let Ok(Value::Dict(_, root)) = self.figment.find_value("") else { return };
        for (name, value) in root.iter().filter(|(name, _)| *name != "projects") {
            self.check_value(name, name, value);
        }
    }

    /// Checks one key and what stands below it. `shown` is how people know the path.
    pub(super) fn check_value(&mut self, path: &str, shown: &str, value: &Value) {
        let origin = self.origin(value);
        match (keys::find(path), value) {
            (Some(key), _) if !key.is_built => {
                self.note(Problem::of_key(
                    &origin,
                    shown,
                    "is not built yet in this version; remove it",
                ));
            }
            (Some(_), _) => {}
            (None, Value::Dict(_, dict)) if keys::is_section(path) => {
                for (name, value) in dict {
                    self.check_value(&format!("{path}.{name}"), &format!("{shown}.{name}"), value);
                }
            }
            (None, _) if keys::is_section(path) => {
                self.note(Problem::of_key(&origin, shown, "is a section, not a value"));
            }
            (None, _) => {
                let hint = keys::nearest(path)
                    .map_or_else(String::new, |near| format!("; did you mean {near}?"));
                self.note(Problem::of_key(&origin, shown, format!("there is no such key{hint}")));
            }
        }
    }

    /// Notes a value that is not accepted. A secret's is not shown.
    pub(super) fn refuse(&mut self, key: &Key, shown: &str, value: &Value) {
        let origin = self.origin(value);
        let text = if key.is_secret {
            format!("the value (not shown) is not accepted. Accepted is {}", key.accepts)
        } else {
            format!("{} is not accepted. Accepted is {}", show(value), key.accepts)
        };
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
            let number = match value {
                Value::String(_, text) => text.trim().parse().ok()?,
                Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
                    (Some(number), _) => number,
                    (None, Some(number)) => i128::try_from(number).ok()?,
                    (None, None) => return None,
                },
                _ => return None,
            };
            T::try_from(number).ok().filter(|number| range.contains(number))
        })
    }

    pub(super) fn rate(&mut self, path: &'static str) -> f64 {
        self.read(path, 1.0, |value| {
            let number = match value {
                Value::String(_, text) => text.trim().parse().ok()?,
                Value::Num(_, number) => {
                    number.to_f64().or_else(|| Some(number.to_i128()? as f64))?
                }
                _ => return None,
            };
            (number > 0.0 && number <= 1000.0).then_some(number)
        })
    }

    pub(super) fn duration(
        &mut self,
        path: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.read(path, *range.start(), |value| {
            let duration = humantime::parse_duration(value.as_str()?.trim()).ok()?;
            range.contains(&duration).then_some(duration)
        })
    }

    pub(super) fn bytes(&mut self, path: &'static str, range: RangeInclusive<Bytes>) -> Bytes {
        self.read(path, *range.start(), |value| {
            Bytes::parse(value.as_str()?).filter(|bytes| range.contains(bytes))
        })
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
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
            let valid = text.starts_with('/') && text.chars().all(plain) && text.len() <= 200;
            (valid && !taken && !text.contains("//") && !text.ends_with('/'))
                .then(|| text.to_owned())
        })
    }
}

/// An address, or a port alone (`:10047`) as Prometheus' own programs take it: on all addresses.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    match text.strip_prefix(':') {
        Some(port) => format!("[::]:{port}").parse().ok(),
        None => text.replace("localhost:", "127.0.0.1:").parse().ok(),
    }
}

/// A value for an error message, on one line and not too long.
pub(super) fn show(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, c) => format!("{c:?}"),
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_f64().map(|number| number.to_string()))
            .unwrap_or_else(|| "a number".to_owned()),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(_, list) => {
            format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", "))
        }
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain("...".chars()).collect()
}

/// The value at a path below a dict.
pub(super) fn below<'v>(dict: &'v Dict, path: &str) -> Option<&'v Value> {
    match path.split_once('.') {
        None => dict.get(path),
        Some((first, rest)) => below(dict.get(first)?.as_dict()?, rest),
    }
}

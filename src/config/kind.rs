//! Accepted values of a key: their kind and range.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::node::{Entry, Node, Value};
use super::units::{Bytes, show_duration};
use super::url::{parse_base, parse_external};
use records_api::secret::SecretRules;

/// Accepted values of a key.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// True or false.
    Flag,
    /// True or false, also as `yes`, `no`, `on` and `off`, which the exporter-toolkit accepts as YAML 1.1.
    YamlFlag,
    /// A whole number.
    Integer {
        /// Minimum.
        min: u64,
        /// Maximum.
        max: u64,
    },
    /// A number.
    Number {
        /// Minimum.
        min: f64,
        /// Maximum.
        max: f64,
    },
    /// A duration with a unit, such as `30s`.
    Duration {
        /// Minimum.
        min: Duration,
        /// Maximum.
        max: Duration,
    },
    /// A duration, or 0 without a unit for no limit.
    DurationOrZero {
        /// Maximum.
        max: Duration,
    },
    /// A size in bytes with a unit, such as `32MiB`.
    Size {
        /// Minimum.
        min: Bytes,
        /// Maximum.
        max: Bytes,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text on one line.
    Text(Text),
    /// A number or a text, as YAML reads the value of a header. An empty one counts as absent.
    Header(Text),
    /// A list of texts.
    List {
        /// Every element.
        element: Text,
        /// Minimum number of elements.
        min: usize,
        /// Maximum number of elements.
        max: usize,
    },
    /// The path of a file: what the file contains.
    File(&'static str),
    /// The path of a directory; empty for none.
    Directory,
    /// A URL without user, path, query and fragment, to which paths are appended.
    Url,
    /// The URL of the exporter itself, which may have a path.
    ExternalUrl,
    /// Names with values: what they are.
    Table(&'static str),
    /// A text in PEM form, on several lines.
    Pem,
    /// A secret, which can also be given as `<key>_file` and `<key>_env`.
    Secret(SecretRules),
}

/// A text that a key accepts.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Description of the accepted texts.
    pub accepts: fn() -> Cow<'static, str>,
    /// True if a text, which is not empty, is accepted.
    pub check: fn(&str) -> bool,
}

/// A value that was accepted.
#[derive(Debug, Clone)]
pub(crate) enum Typed {
    Flag(bool),
    Integer(u64),
    Number(f64),
    Duration(Duration),
    Size(Bytes),
    Text(String),
    List(Vec<String>),
    Path(PathBuf),
    Url(Url),
    Table(Vec<Entry>),
}

impl Kind {
    /// Returns a description of the accepted values. Of the kinds whose text contains the default, see [`super::Key`].
    pub(super) fn accepts(&self) -> String {
        match self {
            Self::Flag | Self::YamlFlag => "true or false".to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::DurationOrZero { max } => {
                let max = show_duration(*max);
                format!("a duration such as \"1s\" or \"100ms\", up to {max}, or 0 for no limit")
            }
            Self::Choice(names) => any_of(names),
            Self::Text(text) | Self::Header(text) => (text.accepts)().into_owned(),
            Self::List { element, min, max } => {
                let element = (element.accepts)();
                match min {
                    0 => format!("a list of at most {max} elements, each {element}"),
                    _ => format!("a list that is not empty, each element {element}"),
                }
            }
            Self::File(what) => format!("the path of {what}"),
            Self::ExternalUrl => "a URL such as \"https://monitoring.example.org/screen-records\", with \
                                  http:// or https://, without user, query and fragment, and with a \
                                  path of letters, digits, - _ . and ~ only"
                .to_owned(),
            Self::Directory => "a path, or \"\" to keep the state in memory only".to_owned(),
            Self::Table(what) => (*what).to_owned(),
            Self::Pem => "a text in PEM form".to_owned(),
            Self::Secret(rules) => (rules.accepts)().into_owned(),
            // Their texts contain the default.
            Self::Duration { .. } | Self::Size { .. } | Self::Url => String::new(),
        }
    }

    /// Checks a value. The error is the element that is not accepted, if it is one of a list.
    pub(crate) fn parse<'v>(&self, value: &'v Value) -> Result<Typed, Option<&'v Node>> {
        if let (Self::List { element, min, max }, Value::List(list)) = (self, value) {
            let accepted = |node: &'v Node| element.parse(&node.value).ok_or(Some(node));
            let texts: Vec<_> = list.iter().map(accepted).collect::<Result<_, _>>()?;
            return if (*min..=*max).contains(&texts.len()) {
                Ok(Typed::List(texts))
            } else {
                Err(None)
            };
        }
        self.parse_one(value).ok_or(None)
    }

    fn parse_one(&self, value: &Value) -> Option<Typed> {
        let text = value.as_text();
        let path = |text: &str| !text.contains(['\0', '\n']);
        match self {
            Self::Flag => as_flag(value).map(Typed::Flag),
            Self::YamlFlag => as_yaml_flag(value).map(Typed::Flag),
            Self::Integer { min, max } => {
                let Value::Integer(number) = value else { return None };
                let number = u64::try_from(*number).ok()?;
                (*min..=*max).contains(&number).then_some(Typed::Integer(number))
            }
            Self::Number { min, max } => {
                let number = as_number(value)?;
                (*min..=*max).contains(&number).then_some(Typed::Number(number))
            }
            Self::Duration { min, max } => {
                let text = text?.trim();
                // humantime accepts a 0 without a unit.
                let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
                let duration = humantime::parse_duration(text).ok().filter(|_| has_unit)?;
                (*min..=*max).contains(&duration).then_some(Typed::Duration(duration))
            }
            Self::DurationOrZero { max } => {
                let duration = match value {
                    Value::Integer(0) => Duration::ZERO,
                    _ => humantime::parse_duration(text?).ok()?,
                };
                (duration <= *max).then_some(Typed::Duration(duration))
            }
            Self::Size { min, max } => {
                let size = Bytes::parse(text?)?;
                (*min..=*max).contains(&size).then_some(Typed::Size(size))
            }
            Self::Choice(names) => {
                let text = text?.trim();
                names.contains(&text).then(|| Typed::Text(text.to_owned()))
            }
            Self::Text(accepted) => accepted.parse(value).map(Typed::Text),
            Self::Header(accepted) => {
                let text = as_header(value)?;
                (text.is_empty() || (accepted.check)(&text)).then_some(Typed::Text(text))
            }
            Self::File(_) => text
                .filter(|text| !text.is_empty() && path(text))
                .map(|text| Typed::Path(text.into())),
            Self::Directory => {
                text.filter(|text| !text.contains('\0')).map(|text| Typed::Path(text.into()))
            }
            Self::Url => parse_base(text?.trim()).map(Typed::Url),
            Self::ExternalUrl => parse_external(text?.trim()).map(Typed::Url),
            Self::Pem => text.map(|text| Typed::Text(text.to_owned())),
            Self::Table(_) => match value {
                Value::Table(entries) => Some(Typed::Table(entries.clone())),
                _ => None,
            },
            // Secrets are given in three ways, lists are parsed element by element.
            Self::Secret(_) | Self::List { .. } => None,
        }
    }

    /// A text from the environment as the key accepts it. Nothing else is parsed: in a text, `0123`
    /// must keep its zero.
    pub(crate) fn value_of(&self, text: &str) -> Value {
        let trimmed = text.trim();
        let as_text = || Value::Text(text.to_owned());
        match self {
            Self::Integer { .. } | Self::Number { .. } => {
                match (trimmed.parse(), trimmed.parse()) {
                    (Ok(number), _) => Value::Integer(number),
                    (_, Ok(number)) => Value::Fraction(number),
                    _ => as_text(),
                }
            }
            Self::Flag | Self::YamlFlag => trimmed.parse().map_or_else(|_| as_text(), Value::Flag),
            Self::List { .. } => {
                let element =
                    |part: &str| Node { line: None, value: Value::Text(part.trim().to_owned()) };
                Value::List(text.split(',').map(element).collect())
            }
            // An empty variable is not set, so this key needs another way to write its empty text.
            Self::Directory if trimmed == "\"\"" => Value::Text(String::new()),
            _ => as_text(),
        }
    }
}

impl Text {
    fn parse(&self, value: &Value) -> Option<String> {
        let text = value.as_text()?.trim();
        (!text.is_empty() && (self.check)(text)).then(|| text.to_owned())
    }
}

/// `one, two or three`.
pub(crate) fn any_of(names: &[impl AsRef<str>]) -> String {
    listed(names, "or")
}

/// `one, two and three`, with another word for `and`.
pub(crate) fn listed(names: &[impl AsRef<str>], last: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., end] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", first.join(", "), end.as_ref())
        }
    }
}

fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Flag(flag) => Some(*flag),
        _ => None,
    }
}

fn as_yaml_flag(value: &Value) -> Option<bool> {
    as_flag(value).or_else(|| match value.as_text()? {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    })
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Fraction(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

/// Returns the text of a header, which YAML may have read as a number.
fn as_header(value: &Value) -> Option<String> {
    match value {
        Value::Integer(number) => Some(number.to_string()),
        _ => value.as_text().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yaml_flag_has_the_words_of_yaml_1_1() {
        let parse = |text: &str| Kind::YamlFlag.parse(&Value::Text(text.to_owned())).ok();
        for (text, expected) in [("yes", true), ("On", true), ("NO", false), ("off", false)] {
            assert!(matches!(parse(text), Some(Typed::Flag(flag)) if flag == expected), "{text}");
            assert!(Kind::Flag.parse(&Value::Text(text.to_owned())).is_err(), "{text}");
        }
        assert!(parse("oui").is_none());
    }
}

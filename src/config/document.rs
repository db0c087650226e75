//! Files as trees of values: TOML and YAML.

use std::io::ErrorKind;
use std::path::Path;

use super::node::{Entry, Node, Value, shorten};
use super::problem::{Place, Problem};
use records_api::file;

/// More than any config needs, less than a wrong path can hold.
const MAX_FILE_BYTES: u64 = 1 << 20;
const MAX_MESSAGE_CHARS: usize = 200;

/// Reads a file. `remedy` names the ways to set its path.
pub(crate) fn read_file(path: &Path, remedy: &str) -> Result<String, Problem> {
    let place = Place::of(path.display().to_string());
    file::read_text(path, MAX_FILE_BYTES).map_err(|error| {
        let text = match error.kind() {
            ErrorKind::IsADirectory => format!("is a directory. Name a file with {remedy}"),
            ErrorKind::InvalidData => "is not UTF-8 text. Save it as UTF-8".to_owned(),
            _ => format!("cannot be read: {error}. Name another file with {remedy}"),
        };
        Problem::of_file(&place, text)
    })
}

/// Parses TOML. The lines of its values are not known.
pub(crate) fn parse_toml(text: &str, place: &Place) -> Result<Node, Problem> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        // Only the message: the library would print the line, which may contain a secret.
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.split('\n').count();
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        // The name of a key that is given twice may be a secret in the wrong place.
        let message = match error.message() {
            message if message.starts_with("duplicate key") => "duplicate key".to_owned(),
            message => on_one_line(message),
        };
        let text = format!("not valid TOML at column {column}: {message}");
        Problem::of_file(&place.at(Some(line)), text)
    })?;
    Ok(node(toml::Value::Table(table)))
}

/// A value of TOML.
pub(crate) fn node(value: toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Integer(number.into()),
        toml::Value::Float(number) => Value::Fraction(number),
        toml::Value::Boolean(flag) => Value::Flag(flag),
        toml::Value::Datetime(date) => Value::Date(date.to_string()),
        toml::Value::Array(list) => Value::List(list.into_iter().map(node).collect()),
        toml::Value::Table(table) => {
            let entry = |(name, value)| Entry { line: None, name, node: node(value) };
            Value::Table(table.into_iter().map(entry).collect())
        }
    };
    Node { line: None, value }
}

/// The message of the TOML library without control characters: it repeats names of the file.
fn on_one_line(message: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let lines: Vec<_> = message.lines().collect();
    let plain = lines.join(", ").chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    shorten(plain, MAX_MESSAGE_CHARS)
}

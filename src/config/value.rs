//! Values before they are understood: how they are found, and how they are shown.

use figment::value::{Dict, Value};

/// How the TOML library hands over a date.
const DATE: &str = "$__toml_private_datetime";
const LONGEST_VALUE_CHARS: usize = 80;
const LONGEST_NAME_CHARS: usize = 60;
const LONGEST_MESSAGE_CHARS: usize = 200;

/// A value for an error message, on one line and not too long.
pub(super) fn show(value: &Value) -> String {
    let text = match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, c) => format!("{c:?}"),
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            // With the point: 64.0 is refused where 64 is not.
            .or_else(|| number.to_f64().map(|number| format!("{number:?}")))
            .unwrap_or_else(|| "the number".to_owned()),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(_, dict) => match dict.get(DATE).and_then(Value::as_str) {
            Some(date) => date.to_owned(),
            None => "a table".to_owned(),
        },
        Value::Array(_, list) => {
            format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", "))
        }
    };
    shorten(text, LONGEST_VALUE_CHARS)
}

/// The name of a key as it was written, for an error message: in quotes if TOML wants them.
pub(super) fn show_name(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) {
        return shorten(name.to_owned(), LONGEST_NAME_CHARS);
    }
    shorten(format!("{name:?}"), LONGEST_NAME_CHARS)
}

/// What the TOML library says, on one line and not too long: it repeats names as they came.
pub(super) fn show_message(message: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let lines: Vec<_> = message.lines().collect();
    let plain = lines.join(", ").chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    shorten(plain, LONGEST_MESSAGE_CHARS)
}

fn shorten(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most).chain("...".chars()).collect()
}

/// The entries of a table. A date is none, though it is handed over as one.
pub(super) fn table(value: &Value) -> Option<&Dict> {
    value.as_dict().filter(|dict| !dict.contains_key(DATE))
}

/// The value at a path below a dict.
pub(super) fn below<'v>(dict: &'v Dict, path: &str) -> Option<&'v Value> {
    match path.split_once('.') {
        None => dict.get(path),
        Some((first, rest)) => below(dict.get(first)?.as_dict()?, rest),
    }
}

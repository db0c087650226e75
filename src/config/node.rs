//! A value as it was read, before it is checked, and as an error message shows it.

use super::url::without_user_info;

const MAX_VALUE_CHARS: usize = 80;
const MAX_NAME_CHARS: usize = 40;

/// A value and the line on which it begins, where that is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Counted from 1.
    pub(crate) line: Option<usize>,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// YAML: nothing after the colon.
    Nothing,
    Flag(bool),
    Integer(i128),
    Fraction(f64),
    Text(String),
    /// TOML: a date or a time. No key accepts one.
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A name in a table, with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The line of the name.
    pub(crate) line: Option<usize>,
    pub(crate) name: String,
    pub(crate) node: Node,
}

impl Value {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value for an error message: on one line, and not too long.
    pub(crate) fn show(&self) -> String {
        shorten(self.describe(), MAX_VALUE_CHARS)
    }

    /// The same of a value that may be a URL, without the user and the password in it.
    pub(crate) fn show_url(&self) -> String {
        shorten(without_user_info(&self.describe()), MAX_VALUE_CHARS)
    }

    fn describe(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            // With the point: 64.0 is refused where 64 is accepted.
            Self::Fraction(number) => format!("{number:?}"),
            // A private key in the wrong place.
            Self::Text(text) if is_pem(text) => "a text in PEM form".to_owned(),
            Self::Text(text) => format!("{text:?}"),
            Self::Date(date) => date.clone(),
            Self::Table(_) => "a table".to_owned(),
            Self::List(list) => {
                let list: Vec<_> = list.iter().map(|node| node.value.describe()).collect();
                format!("[{}]", list.join(", "))
            }
        }
    }
}

/// True if a text is a certificate or a key in PEM form.
pub(crate) fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN")
}

/// The name of a key for an error message: in quotes if TOML requires them.
pub(crate) fn show_name(name: &str) -> String {
    // The URL of a proxy or a database may stand in the place of its key, with a password before the host or as
    // a parameter.
    let without_parameters = name.split('?').next().unwrap_or_default();
    let shown = if is_bare(name) {
        name.to_owned()
    } else {
        format!("{:?}", without_user_info(without_parameters))
    };
    shorten(shown, MAX_NAME_CHARS)
}

/// True if a name looks like the name of a key: a line of a private key is longer.
pub(crate) fn is_plain_name(name: &str) -> bool {
    is_bare(name) && name.len() <= MAX_NAME_CHARS
}

fn is_bare(name: &str) -> bool {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(is_bare)
}

pub(crate) fn shorten(text: String, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text;
    }
    text.chars().take(max_chars).chain("...".chars()).collect()
}

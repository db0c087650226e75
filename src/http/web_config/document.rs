//! YAML as a tree that knows its lines, so that what is wrong can be shown where it stands.
//!
//! Knows nothing of the keys. The library's own messages repeat what stands in the file, which may
//! be a key or a hash: only the place and the kind of an error are taken from them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Spanned};

use super::problem::Problem;

/// A value and the line on which it begins.
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

/// What can stand in the file.
pub(super) enum Value {
    /// Nothing behind the colon.
    Nothing,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Number(i128),
    /// Another number: nothing takes one.
    Fraction,
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values.
    Table(Vec<Entry>),
}

/// A key with its value.
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) name: String,
    pub(super) node: Node,
}

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! { with_snippet: false };
    let parsed = serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options);
    parsed.map(Node::from).map_err(|error| problem(&error))
}

fn problem(error: &Error) -> Problem {
    let line = error.location().map(|location| location.line());
    let text = match error.without_snippet() {
        Error::DuplicateMappingKey { .. } => "a key stands twice; remove one of them",
        Error::MultipleDocuments { .. } => "a second document begins here; remove it",
        Error::Budget { .. } => "it is nested or repeated too often for such a file",
        _ => "it is no valid YAML; look at quotes, colons and indentation near this line",
    };
    Problem { line, key: String::new(), text: text.to_owned() }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { line: spanned.referenced.line(), value: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Fraction)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Fraction)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = access.next_element::<Spanned<Value>>()? {
            list.push(element.into());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let node = access.next_value::<Spanned<Value>>()?.into();
            table.push(Entry { line: key.referenced.line(), name: key.value, node });
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node) -> String {
        let line = node.line;
        match &node.value {
            Value::Nothing => format!("{line}:nothing"),
            Value::Flag(flag) => format!("{line}:{flag}"),
            Value::Number(number) => format!("{line}:{number}"),
            Value::Fraction => format!("{line}:fraction"),
            Value::Text(text) => format!("{line}:{text:?}"),
            Value::List(list) => format!("{line}:{:?}", list.iter().map(show).collect::<Vec<_>>()),
            Value::Table(table) => {
                let entry =
                    |entry: &Entry| format!("{}:{}={}", entry.line, entry.name, show(&entry.node));
                format!("{{{}}}", table.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn a_document_is_read_with_its_lines() {
        for (text, expected) in [
            ("", "1:nothing"),
            ("# only a comment\n", "2:nothing"),
            (
                "a:\n  b: x\n\n  c: [1, 'two']\nd: true\n123: ~\nf: 1.5\ng: -1\nno: yes\n",
                "{1:a={2:b=2:\"x\" 4:c=4:[\"4:1\", \"4:\\\"two\\\"\"]} 5:d=5:true 6:123=6:nothing \
                 7:f=7:fraction 8:g=8:-1 9:no=9:true}",
            ),
            ("k: |\n  one\n  two\n", "{1:k=2:\"one\\ntwo\\n\"}"),
            ("alice: $2y$10$abc\n", "{1:alice=1:\"$2y$10$abc\"}"),
        ] {
            let node = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
            assert_eq!(show(&node), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_refused_by_its_line_without_its_content() {
        for (text, line, words) in [
            ("a: 1\nhush: 2\nhush: 3\n", 3, "stands twice"),
            ("a: 1\n b: hush\n", 2, "no valid YAML"),
            ("a: [hush\n", 1, "no valid YAML"),
            ("a: 1\n---\nhush: 2\n", 3, "second document"),
            ("a: *hush\n", 1, "no valid YAML"),
        ] {
            let problem = parse(text).err().unwrap();
            assert!(problem.text.contains(words), "{text}: {problem:?}");
            assert!(!format!("{problem:?}").contains("hush"), "{problem:?}");
            assert_eq!(problem.line, Some(line), "{text}");
        }
    }
}

//! YAML as a tree of values that knows its lines.
//!
//! One document, whose scalars follow the core schema of YAML 1.2. Of an error only the line and the
//! kind are shown: the text near it may be a key or a hash.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::node::{Entry, Node, Value};
use super::problem::{Place, Problem};

/// A file of a megabyte has fewer, unless its aliases multiply them.
const MAX_NODES: usize = 250_000;
/// Limits the stack that reading and dropping the tree take.
const MAX_DEPTH: usize = 64;

/// Parses YAML.
pub(crate) fn parse_yaml(text: &str, place: &Place) -> Result<Node, Problem> {
    let mut reader =
        TreeReader { events: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    reader.document().map_err(|(line, text)| Problem::of_file(&place.at(Some(line)), text))
}

/// A line and what is wrong with it.
type Error = (usize, &'static str);

struct TreeReader<'t> {
    events: Parser<'t, StrInput<'t>>,
    /// Complete nodes by the number of their anchor, each with its number of nodes.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

const INVALID: &str = "not valid YAML; look at quotes, colons and indentation near this line";

impl<'t> TreeReader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, usize), Error> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, line(&span))),
            Some(Err(error)) => Err((error.marker().line(), INVALID)),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn document(&mut self) -> Result<Node, Error> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, line) => {
                    return Ok(root.unwrap_or(Node { line: Some(line), value: Value::Nothing }));
                }
                (Event::DocumentStart(..), line) if root.is_some() => {
                    return Err((line, "a second document starts here; remove it"));
                }
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                (event, line) => root = Some(self.node(event, line, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, line: usize, depth: usize) -> Result<Node, Error> {
        let before = self.nodes;
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err((line, "nested or repeated too often"));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                // A tag decides before the style: `!!bool "true"` is not a text.
                let is_plain = match tag {
                    Some(tag) => !tag.is_yaml_core_schema_tag("str"),
                    None => style == ScalarStyle::Plain,
                };
                (if is_plain { scalar(&text) } else { Value::Text(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.table(depth)?, anchor),
            Event::Alias(anchor) => {
                // An anchor within its own node is not complete yet.
                let (node, nodes) = self.anchors.get(&anchor).ok_or((line, INVALID))?.clone();
                self.nodes += nodes;
                return Ok(node);
            }
            _ => return Err((line, INVALID)),
        };
        let node = Node { line: Some(line), value };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Error> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(list)),
                (event, line) => list.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn table(&mut self, depth: usize) -> Result<Value, Error> {
        let (mut entries, mut merged) = (Vec::new(), Vec::new());
        loop {
            let (name, line) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(name, style, ..), line) => {
                    self.nodes += 1;
                    ((name.into_owned(), style), line)
                }
                (_, line) => return Err((line, INVALID)),
            };
            let (event, value_line) = self.next()?;
            let node = self.node(event, value_line, depth + 1)?;
            if name == ("<<".to_owned(), ScalarStyle::Plain) {
                merged.extend(merge(node)?);
                continue;
            }
            if entries.iter().any(|entry: &Entry| entry.name == name.0) {
                return Err((line, "a key occurs twice; remove one of them"));
            }
            entries.push(Entry { line: Some(line), name: name.0, node });
        }
        for entry in merged {
            if entries.iter().all(|known| known.name != entry.name) {
                entries.push(entry);
            }
        }
        Ok(Value::Table(entries))
    }
}

/// The entries that a merge key `<<` adds.
fn merge(node: Node) -> Result<Vec<Entry>, Error> {
    match node.value {
        Value::Table(entries) => Ok(entries),
        Value::List(list) => {
            let lists: Result<Vec<_>, _> = list.into_iter().map(merge).collect();
            lists.map(|lists| lists.into_iter().flatten().collect())
        }
        _ => Err((node.line.unwrap_or(1), INVALID)),
    }
}

fn line(span: &Span) -> usize {
    span.start.line()
}

/// A scalar without quotes.
fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Nothing,
        "true" | "True" | "TRUE" => return Value::Flag(true),
        "false" | "False" | "FALSE" => return Value::Flag(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Fraction(f64::NAN),
        _ if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF") => {
            return Value::Fraction(f64::INFINITY);
        }
        _ => {}
    }
    let in_base = |prefix: &str, base| {
        let digits = text.strip_prefix(prefix)?;
        let is_number = digits.chars().all(|c| c.is_digit(base));
        i128::from_str_radix(digits, base).ok().filter(|_| is_number)
    };
    if let Some(number) =
        text.parse().ok().or_else(|| in_base("0x", 16)).or_else(|| in_base("0o", 8))
    {
        return Value::Integer(number);
    }
    let is_number = text.chars().any(|c| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    match text.parse() {
        Ok(number) if is_number => Value::Fraction(number),
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, Problem> {
        parse_yaml(text, &Place::of("FILE"))
    }

    fn show(node: &Node) -> String {
        let line = node.line.unwrap();
        match &node.value {
            Value::List(list) => format!("{line}:{:?}", list.iter().map(show).collect::<Vec<_>>()),
            Value::Table(table) => {
                let entry = |entry: &Entry| {
                    format!("{}:{}={}", entry.line.unwrap(), entry.name, show(&entry.node))
                };
                format!("{{{}}}", table.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
            value => format!("{line}:{}", value.show()),
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
                 7:f=7:1.5 8:g=8:-1 9:no=9:\"yes\"}",
            ),
            ("k: |\n  one\n  two\n", "{1:k=2:\"one\\ntwo\\n\"}"),
            ("alice: $2y$10$abc\n", "{1:alice=1:\"$2y$10$abc\"}"),
            (
                "a: '1'\nb: !!str 1\nc: 0x10\nd: 1e3\ne: -.inf\n",
                "{1:a=1:\"1\" 2:b=2:\"1\" 3:c=3:16 4:d=4:1000.0 5:e=5:inf}",
            ),
            (
                "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n",
                "{1:a={1:b=1:1} 2:c={1:b=1:1} 3:d={3:e=3:2 1:b=1:1}}",
            ),
        ] {
            let node = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
            assert_eq!(show(&node), expected, "{text}");
        }
    }

    #[test]
    fn invalid_yaml_is_refused_by_its_line_without_its_content() {
        let bomb: Vec<_> =
            (1..30).map(|n| format!("k{n}: &k{n} [*k{0}, *k{0}]\n", n - 1)).collect();
        let bomb = bomb.concat();
        let deep = format!("a: {}hush{}", "[".repeat(100), "]".repeat(100));
        for (text, line, words) in [
            ("a: 1\nhush: 2\nhush: 3\n", 3, "occurs twice"),
            ("a: 1\n b: hush\n", 2, "not valid YAML"),
            ("a: [hush\n", 1, "not valid YAML"),
            ("a: 1\n---\nhush: 2\n", 2, "second document"),
            ("a: *hush\n", 1, "not valid YAML"),
            ("a: &hush [*hush]\n", 1, "not valid YAML"),
            ("? [hush]\n: 1\n", 1, "not valid YAML"),
            (&format!("k0: &k0 hush\n{bomb}"), 17, "repeated too often"),
            (&deep, 1, "nested or repeated too often"),
        ] {
            let problem = parse(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
            let shown = problem.to_string();
            assert!(shown.contains(words) && !shown.contains("hush"), "{text}: {shown}");
            assert!(shown.starts_with(&format!("FILE: line {line}: ")), "{text}: {shown}");
        }
    }
}

//! Parses sections of `key = value` like Python's `configparser` with its defaults.

use std::collections::BTreeMap;

/// The section with the defaults of all others.
const DEFAULT_SECTION: &str = "DEFAULT";

/// One section with the defaults.
pub(super) struct Section<'t> {
    entries: BTreeMap<String, Entry<'t>>,
}

/// The lines of a value, and the number of the first.
struct Entry<'t> {
    at: usize,
    lines: Vec<&'t str>,
}

/// Returns the section with this name; `None` if there is none.
pub(super) fn section<'t>(text: &'t str, wanted: &str) -> Result<Option<Section<'t>>, String> {
    let mut parser = Parser::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(lines(text)) {
        parser.line(number, line)?;
    }
    let Some(mut entries) = parser.sections.remove(wanted) else { return Ok(None) };
    for (key, entry) in parser.sections.remove(DEFAULT_SECTION).unwrap_or_default() {
        entries.entry(key).or_insert(entry);
    }
    Ok(Some(Section { entries }))
}

/// Splits at `\n`, `\r\n` and `\r`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

#[derive(Default)]
struct Parser<'t> {
    sections: BTreeMap<&'t str, BTreeMap<String, Entry<'t>>>,
    /// The current section, and the key in it whose value may continue on the next line.
    section: Option<&'t str>,
    key: Option<String>,
    /// Indentation of the line with that key.
    indent: usize,
}

impl<'t> Parser<'t> {
    fn line(&mut self, number: usize, line: &'t str) -> Result<(), String> {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if indent > self.indent
            && let Some(entry) = self.current_entry()
        {
            entry.lines.push(content);
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = header(content) {
            return self.begin(number, name);
        }
        let Some(section) = self.section else {
            return Err(format!(
                "is not a profile: line {number} comes before the first [section]"
            ));
        };
        let parts = content.split_once(['=', ':']).map(|(key, value)| (key.trim(), value.trim()));
        let Some((key, value)) = parts.filter(|(key, _)| !key.is_empty()) else {
            return Err(format!(
                "is not a profile: line {number} is neither a [section] nor key = value"
            ));
        };
        let key = key.to_lowercase();
        let entry = Entry { at: number, lines: vec![value] };
        let entries = self.sections.entry(section).or_default();
        if let Some(earlier) = entries.insert(key.clone(), entry) {
            let at = earlier.at;
            return Err(format!("has the same key in line {at} and in line {number}; remove one"));
        }
        self.key = Some(key);
        Ok(())
    }

    fn current_entry(&mut self) -> Option<&mut Entry<'t>> {
        self.sections.get_mut(self.section?)?.get_mut(self.key.as_ref()?)
    }

    fn begin(&mut self, number: usize, name: &'t str) -> Result<(), String> {
        if self.sections.contains_key(name) && name != DEFAULT_SECTION {
            return Err(format!("begins the same section for the second time in line {number}"));
        }
        self.sections.entry(name).or_default();
        self.section = Some(name);
        self.key = None;
        Ok(())
    }
}

/// Returns the name of the section that a line begins. Text after the bracket is ignored.
fn header(content: &str) -> Option<&str> {
    let rest = content.strip_prefix('[')?;
    let name = &rest[..rest.rfind(']')?];
    (!name.is_empty()).then_some(name)
}

impl Section<'_> {
    /// Returns the value of a key; `None` if it is missing or empty.
    pub(super) fn value(&self, key: &str) -> Result<Option<String>, String> {
        let Some(Entry { at, lines }) = self.entries.get(key) else { return Ok(None) };
        let refuse = |what: &str| Err(format!("has {what} at {key} in line {at}"));
        let [line] = lines.as_slice() else {
            return refuse("several lines (an indented line continues the one above)");
        };
        if line.is_empty() {
            return Ok(None);
        }
        if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("spaces or characters that are not visible ASCII");
        }
        if line.starts_with(['"', '\'']) {
            return refuse("quotes, which would be part of the value,");
        }
        let value = line.replace("%%", "");
        if value.contains('%') {
            return refuse("a % that must be written as %%");
        }
        Ok(Some(line.replace("%%", "%")))
    }
}

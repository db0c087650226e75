//! Sections of `key = value`, as Python's `configparser` reads them with its defaults.

use std::collections::BTreeMap;

/// The section whose values hold for all others too.
const OF_ALL: &str = "DEFAULT";

/// One section.
pub(super) struct Section<'t> {
    entries: BTreeMap<String, Entry<'t>>,
}

/// The value of a key, with its first line's number.
struct Entry<'t> {
    at: usize,
    lines: Vec<&'t str>,
}

/// The section of a name, with what holds for all; `None` if it is not there.
pub(super) fn section<'t>(text: &'t str, wanted: &str) -> Result<Option<Section<'t>>, String> {
    let mut reading = Reading::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(lines(text)) {
        reading.line(number, line)?;
    }
    let Some(mut entries) = reading.sections.remove(wanted) else { return Ok(None) };
    for (key, entry) in reading.sections.remove(OF_ALL).unwrap_or_default() {
        entries.entry(key).or_insert(entry);
    }
    Ok(Some(Section { entries }))
}

/// A line ends with `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

#[derive(Default)]
struct Reading<'t> {
    sections: BTreeMap<&'t str, BTreeMap<String, Entry<'t>>>,
    /// Where the reading is: the section, and the key in it whose value a line may go on with.
    section: Option<&'t str>,
    key: Option<String>,
    /// How far the line with that key was indented.
    indent: usize,
}

impl<'t> Reading<'t> {
    fn line(&mut self, number: usize, line: &'t str) -> Result<(), String> {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if indent > self.indent
            && let Some(entry) = self.open_entry()
        {
            entry.lines.push(content);
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = header(content) {
            return self.begin(number, name);
        }
        let Some(section) = self.section else {
            return Err(format!("is no profile: line {number} stands before the first [section]"));
        };
        let parts = content.split_once(['=', ':']).map(|(key, value)| (key.trim(), value.trim()));
        let Some((key, value)) = parts.filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("is no profile: line {number} is no [section] and no key = value"));
        };
        let key = key.to_lowercase();
        let entry = Entry { at: number, lines: vec![value] };
        let entries = self.sections.entry(section).or_default();
        if let Some(earlier) = entries.insert(key.clone(), entry) {
            let at = earlier.at;
            return Err(format!("gives a key in line {at} and again in line {number}; keep one"));
        }
        self.key = Some(key);
        Ok(())
    }

    fn open_entry(&mut self) -> Option<&mut Entry<'t>> {
        self.sections.get_mut(self.section?)?.get_mut(self.key.as_ref()?)
    }

    fn begin(&mut self, number: usize, name: &'t str) -> Result<(), String> {
        if self.sections.contains_key(name) && name != OF_ALL {
            return Err(format!("begins a section for the second time in line {number}"));
        }
        self.sections.entry(name).or_default();
        self.section = Some(name);
        self.key = None;
        Ok(())
    }
}

/// The name of the section that a line begins. What follows the bracket is passed over.
fn header(content: &str) -> Option<&str> {
    let rest = content.strip_prefix('[')?;
    let name = &rest[..rest.rfind(']')?];
    (!name.is_empty()).then_some(name)
}

impl Section<'_> {
    /// The value of a key; `None` if it is not there, or empty.
    pub(super) fn value(&self, key: &str) -> Result<Option<String>, String> {
        let Some(Entry { at, lines }) = self.entries.get(key) else { return Ok(None) };
        let refuse = |what: &str| Err(format!("has {what} at {key} in line {at}"));
        let [line] = lines.as_slice() else {
            return refuse("several lines (what is indented deeper goes on with the line above)");
        };
        if line.is_empty() {
            return Ok(None);
        }
        if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("spaces or characters that are not visible ASCII");
        }
        if line.starts_with(['"', '\'']) {
            return refuse("quotes, which the file's format takes for a part of the value,");
        }
        let value = line.replace("%%", "");
        if value.contains('%') {
            return refuse("a % that the file's format wants as %%");
        }
        Ok(Some(line.replace("%%", "%")))
    }
}

//! Sample lines shared by both text formats.

use super::catalog::Metric;
use super::sink::{Labels, Value};
use records_api::record::Timestamp;

/// Text under construction.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) body: Vec<u8>,
    /// Time of the samples, if they have one.
    pub(super) time: Option<Timestamp>,
    /// Name of the current family.
    name: &'static str,
    /// Text before the value of each label: `{project="`, `",status="`.
    before: Vec<String>,
}

impl Lines {
    /// Begins a family whose samples have this name.
    pub(super) fn begin(&mut self, metric: &'static Metric, name: &'static str) {
        self.name = name;
        let before = metric.labels.iter().enumerate().map(|(at, label)| {
            let opening = if at == 0 { "{" } else { "\"," };
            format!("{opening}{label}=\"")
        });
        self.before.clear();
        self.before.extend(before);
    }

    /// Writes `# WORD name text` without escaping.
    pub(super) fn comment(&mut self, word: &str, name: &str, text: &str) {
        for part in ["# ", word, " ", name, " ", text, "\n"] {
            self.text(part);
        }
    }

    /// Writes the name and the labels of a sample, up to its value. `bound` is the value of the label
    /// `le`.
    pub(super) fn series(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>) {
        debug_assert_eq!(self.before.len(), labels.values.len(), "{}", self.name);
        self.text(self.name);
        self.text(suffix);
        // Encoding spends most of its time in this loop.
        for (before, value) in self.before.iter().zip(labels.values) {
            self.body.extend_from_slice(before.as_bytes());
            escape(&mut self.body, &labels.limit.shown(value));
        }
        let mut is_open = !self.before.is_empty();
        if is_open {
            self.body.push(b'"');
        }
        let constant = labels.constant.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in constant.chain(bound.map(|bound| ("le", bound))) {
            self.body.push(if std::mem::replace(&mut is_open, true) { b',' } else { b'{' });
            self.label(name, value);
        }
        self.text(if is_open { "} " } else { " " });
    }

    /// Writes a complete line.
    pub(super) fn line(
        &mut self,
        suffix: &str,
        labels: Labels<'_>,
        bound: Option<&str>,
        value: Value,
    ) {
        self.series(suffix, labels, bound);
        self.number(value);
        self.time();
        self.body.push(b'\n');
    }

    /// Writes the time of the samples in seconds, if they have one.
    pub(super) fn time(&mut self) {
        if let Some(time) = self.time {
            self.body.push(b' ');
            self.number(time.as_seconds().into());
        }
    }

    /// Writes `name="value"`.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        self.text(name);
        self.text("=\"");
        escape(&mut self.body, value);
        self.body.push(b'"');
    }

    pub(super) fn text(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
    }

    /// Writes a number in the syntax of both formats.
    pub(super) fn number(&mut self, value: Value) {
        match value {
            Value::Integer(number) => match u64::try_from(number) {
                Ok(number) => self.text(itoa::Buffer::new().format(number)),
                Err(_) => self.text(itoa::Buffer::new().format(number)),
            },
            Value::Float(number) if number.is_finite() => {
                let mut buffer = zmij::Buffer::new();
                let text = buffer.format_finite(number);
                self.text(text.strip_suffix(".0").unwrap_or(text));
            }
            Value::Float(number) if number.is_nan() => self.text("NaN"),
            Value::Float(number) => self.text(if number > 0.0 { "+Inf" } else { "-Inf" }),
        }
    }
}

/// Writes `text` escaped for a quoted string.
fn escape(body: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr3(b'\\', b'"', b'\n', rest) {
        body.extend_from_slice(&rest[..at]);
        body.extend_from_slice(match rest[at] {
            b'\\' => b"\\\\",
            b'"' => b"\\\"",
            _ => b"\\n",
        });
        rest = &rest[at + 1..];
    }
    body.extend_from_slice(rest);
}

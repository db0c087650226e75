//! Lines of samples, as both text formats have them.

use super::catalog::Metric;
use super::sink::{Labels, Value};

/// A text under way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) body: Vec<u8>,
}

impl Lines {
    /// Writes `# WORD name text`, as it is.
    pub(super) fn comment(&mut self, word: &str, name: &str, text: &str) {
        for part in ["# ", word, " ", name, " ", text, "\n"] {
            self.text(part);
        }
    }

    /// Writes the name and the labels of a sample, up to where its value stands. `bound` is the text
    /// of the label `le`.
    pub(super) fn series(
        &mut self,
        metric: &'static Metric,
        name: &str,
        suffix: &str,
        labels: Labels<'_>,
        bound: Option<&str>,
    ) {
        self.text(name);
        self.text(suffix);
        let mut separator = b'{';
        for (name, value) in labels.pairs(metric) {
            self.body.push(separator);
            separator = b',';
            self.label(name, value);
        }
        if let Some(bound) = bound {
            self.body.push(separator);
            separator = b',';
            self.label("le", bound);
        }
        if separator == b',' {
            self.body.push(b'}');
        }
        self.body.push(b' ');
    }

    /// Writes `name="value"`.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        self.text(name);
        self.text("=\"");
        self.escaped(value);
        self.body.push(b'"');
    }

    pub(super) fn text(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
    }

    /// Writes a number as both formats read it.
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

    /// Writes a text that stands between quotes.
    pub(super) fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
            self.body.extend_from_slice(&rest[..at]);
            self.body.extend_from_slice(match rest[at] {
                b'\\' => b"\\\\",
                b'"' => b"\\\"",
                _ => b"\\n",
            });
            rest = &rest[at + 1..];
        }
        self.body.extend_from_slice(rest);
    }
}

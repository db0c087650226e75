//! An error in a config: where it is, what it is, and what to do.

use std::fmt;

/// The place of a value: a file and a line in it, a variable, or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path of the file, or name of the variable or flag.
    pub(crate) source: String,
    /// Line in the file, counted from 1, if it is known.
    pub(crate) line: Option<usize>,
    /// True if it is a variable, which overrides the file.
    pub(crate) is_variable: bool,
}

impl Place {
    /// A file or a flag as a whole.
    pub(crate) fn of(source: impl Into<String>) -> Self {
        Self { source: source.into(), line: None, is_variable: false }
    }

    /// A line of the same file.
    pub(crate) fn at(&self, line: Option<usize>) -> Self {
        Self { line: line.or(self.line), ..self.clone() }
    }
}

/// One error in a config. It never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    /// Path of the key; empty if it concerns the whole file.
    key: String,
    text: String,
}

impl Problem {
    pub(crate) fn of_key(place: &Place, key: &str, text: impl Into<String>) -> Self {
        Self { place: place.clone(), key: key.to_owned(), text: text.into() }
    }

    pub(crate) fn of_file(place: &Place, text: impl Into<String>) -> Self {
        Self::of_key(place, "", text)
    }

    /// True if it concerns a key.
    pub(crate) fn is_about(&self, key: &str) -> bool {
        self.key == key
    }

    /// The line, the key and the text, without the name of the file.
    fn summary(&self) -> String {
        let line = self.place.line.map_or_else(String::new, |line| format!("line {line}: "));
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        format!("{line}{key}{}", self.text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place.source, self.summary())
    }
}

/// All errors in a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl ConfigError {
    /// All errors on one line, without the name of the file.
    pub(crate) fn summary(&self) -> String {
        self.0.iter().map(Problem::summary).collect::<Vec<_>>().join("; ")
    }

    /// The same errors in the order of their lines.
    pub(crate) fn by_line(mut self) -> Self {
        self.0.sort_by_key(|problem| problem.place.line);
        self
    }
}

/// One line for each error.
impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

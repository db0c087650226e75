//! What is wrong with a web config, said so that it can be put right. Never shows a secret.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong: where, what, and what would be accepted.
#[derive(Debug)]
pub(super) struct Problem {
    /// Counted from 1; `None` where it is of the file as a whole.
    pub(super) line: Option<u64>,
    /// Path of the key; empty where it is of none.
    pub(super) key: String,
    pub(super) text: String,
}

impl Problem {
    pub(super) fn of_key(line: u64, key: &str, text: impl Into<String>) -> Self {
        Self { line: Some(line), key: key.to_owned(), text: text.into() }
    }

    pub(super) fn of_file(text: impl Into<String>) -> Self {
        Self { line: None, key: String::new(), text: text.into() }
    }
}

/// Everything that is wrong with a web config.
#[derive(Debug)]
pub struct WebConfigError {
    path: PathBuf,
    problems: Vec<Problem>,
}

impl WebConfigError {
    pub(super) fn new(path: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { path: path.to_owned(), problems }
    }

    /// Everything without the file's name, on one line.
    pub(super) fn summary(&self) -> String {
        let text = |problem: &Problem| {
            let line = problem.line.map_or_else(String::new, |line| format!("line {line}: "));
            let key = Some(&problem.key).filter(|key| !key.is_empty());
            let key = key.map_or_else(String::new, |key| format!("{key}: "));
            format!("{line}{key}{}", problem.text)
        };
        self.problems.iter().map(text).collect::<Vec<_>>().join("\n")
    }
}

/// One line for each problem.
impl fmt::Display for WebConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let lines: Vec<_> = self.summary().lines().map(|line| format!("{path}: {line}")).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for WebConfigError {}

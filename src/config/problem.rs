//! What is wrong with a config, said so that it can be put right.

use std::fmt;

use super::keys;

/// One thing that is wrong: where, what, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    pub(super) fn of_file(file: &str, text: impl fmt::Display) -> Self {
        Self(format!("{file} {text}"))
    }

    pub(super) fn of_key(origin: &str, key: &str, text: impl fmt::Display) -> Self {
        Self(format!("{origin}: {key}: {text}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Why nothing can stand at a path that is no key.
pub(super) fn unknown(path: &str, is_table: bool) -> String {
    let what = if is_table { "section" } else { "key" };
    let hint =
        keys::nearest(path).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("there is no such {what}{hint}")
}

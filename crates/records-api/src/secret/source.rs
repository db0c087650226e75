//! The place of a secret: a value of the config, or a file.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Secret, SecretRules};
use crate::blocking::run_blocking;
use crate::file;

/// The place of a secret.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A value of the config or of an environment variable.
    Value(Secret),
    /// A file, which is read again for each use, so that a new secret takes effect immediately.
    File(SecretFile),
}

/// A file with a secret.
#[derive(Debug, Clone)]
pub struct SecretFile {
    path: PathBuf,
    rules: SecretRules,
}

/// Longer than all secrets: the gateway's documents allow tokens of 64,000 characters.
const MAX_BYTES: u64 = 64 * 1024;

impl Source {
    /// A file whose content follows these rules.
    pub fn file(path: impl Into<PathBuf>, rules: SecretRules) -> Self {
        Self::File(SecretFile::new(path, rules))
    }

    /// Reads the current secret.
    ///
    /// # Errors
    ///
    /// A message about the file, with its path and without its content.
    pub async fn read(&self) -> Result<Secret, String> {
        if let Self::Value(secret) = self {
            return Ok(secret.clone());
        }
        let this = self.clone();
        let read = run_blocking(move || this.read_blocking()).await;
        read.map_err(|panicked| format!("reading a file was {panicked}"))?
    }

    /// Reads the current secret like [`Self::read`], but blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_blocking(&self) -> Result<Secret, String> {
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::File(file) => {
                let shown = format!("the file {:?}", file.path.display().to_string());
                file.read().map_err(|error| error.message(&shown))
            }
        }
    }
}

/// Compares the places, not the contents.
impl PartialEq for SecretFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.rules.noun == other.rules.noun
    }
}

impl SecretFile {
    /// A file whose content follows these rules.
    pub fn new(path: impl Into<PathBuf>, rules: SecretRules) -> Self {
        Self { path: path.into(), rules }
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file. Blocks the thread.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the file cannot be read, or if its content does not follow the rules.
    pub fn read(&self) -> Result<Secret, FileError> {
        if file::is_pipe(&self.path) {
            return Err(FileError::Pipe(self.rules.noun));
        }
        let text = file::read_text(&self.path, MAX_BYTES).map(Secret::from);
        let text = text.map_err(|error| match error.kind() {
            ErrorKind::InvalidData => {
                FileError::Content(self.rules.refusal("it is not UTF-8 text"))
            }
            _ => FileError::Unreadable(error),
        })?;
        self.rules.parse(text.expose()).map_err(FileError::Content)
    }
}

/// The reason why a file gives no secret.
#[derive(Debug)]
pub enum FileError {
    /// It is a pipe, which cannot be read again. Contains the name of the secret.
    Pipe(&'static str),
    /// The system refuses to read it.
    Unreadable(io::Error),
    /// Its content is not accepted. Contains the rest of the message.
    Content(String),
}

impl FileError {
    /// Returns the message. `shown` names the file.
    pub fn message(&self, shown: &str) -> String {
        match self {
            Self::Pipe(noun) => {
                let remedy = format!("Put the {noun} into a regular file");
                format!("{shown} is a pipe, which cannot be read again. {remedy}")
            }
            Self::Unreadable(error) => format!("{shown} cannot be read: {error}"),
            Self::Content(what) => format!("{shown} {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(path: &Path) -> Source {
        Source::file(path, SecretRules::TOKEN)
    }

    #[tokio::test]
    async fn a_file_is_read_again_for_each_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = token(file.path());
        for (text, secret) in [("first\n", "first"), ("second\r\n", "second")] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(source.read().await.unwrap().expose(), secret);
        }
    }

    #[tokio::test]
    async fn errors_do_not_show_the_content_of_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = token(file.path());
        for (text, expected) in [
            (String::new(), "is empty"),
            ("xx xx".to_owned(), "a space (U+0020) as character 3"),
            ("x".repeat(70_000), "is larger than"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = source.read().await.unwrap_err();
            assert!(error.contains(expected) && !error.contains("xx"), "{error}");
        }
        drop(file);
        assert!(source.read().await.unwrap_err().contains("cannot be read"));
    }
}

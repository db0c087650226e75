//! The place of a secret: a value of the config, or a file.

use std::path::PathBuf;

use super::Secret;
use crate::file;

/// The place of a secret.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A value of the config or of an environment variable.
    Value(Secret),
    /// A file, which is read again for each use, so that a new secret takes effect immediately.
    File(PathBuf),
}

/// Longer than all secrets: the gateway's documents allow tokens of 64,000 characters.
const MAX_BYTES: usize = 64 * 1024;
/// Length of `\r\n` after a secret.
const LINE_END_BYTES: usize = 2;

impl Source {
    /// Reads the current secret. Line ends after it are not part of it.
    ///
    /// # Errors
    ///
    /// A message about the file, with its path and without its content.
    pub async fn read(&self) -> Result<Secret, String> {
        if let Self::Value(secret) = self {
            return Ok(secret.clone());
        }
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.read_blocking()).await;
        read.map_err(|_| "reading a file was interrupted".to_owned())?
    }

    /// Reads the current secret like [`Self::read`], but blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_blocking(&self) -> Result<Secret, String> {
        let path = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let shown = path.display();
        let text = file::read_text(path, (MAX_BYTES + LINE_END_BYTES) as u64)
            .map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(format!("the file {shown} is empty"));
        }
        if secret.len() > MAX_BYTES {
            return Err(format!("the file {shown} is larger than {MAX_BYTES} bytes"));
        }
        Ok(Secret::from(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_again_for_each_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::File(file.path().to_owned());
        for (text, secret) in [("first\n", "first"), ("second\r\n", "second")] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(source.read().await.unwrap().expose(), secret);
        }
    }

    #[tokio::test]
    async fn errors_do_not_show_the_content_of_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::File(file.path().to_owned());
        for (text, expected) in
            [(String::new(), "is empty"), ("x".repeat(MAX_BYTES + 1), "is larger than")]
        {
            std::fs::write(file.path(), text).unwrap();
            let error = source.read().await.unwrap_err();
            assert!(error.contains(expected) && !error.contains("xx"), "{error}");
        }
        drop(file);
        assert!(source.read().await.unwrap_err().contains("cannot be read"));
    }
}

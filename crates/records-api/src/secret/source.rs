//! Where a secret stands: in the process, or in a file that others write.

use std::path::PathBuf;

use super::Secret;
use crate::file;

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// It came with the config or the environment.
    Value(Secret),
    /// In a file, which is read again for every use, so that a new secret counts at once.
    File(PathBuf),
}

/// The gateway's documents allow a token of 64,000 characters; nothing is longer.
const MAX_BYTES: usize = 64 * 1024;
/// A line's end behind it.
const LINE_END_BYTES: usize = 2;

impl Source {
    /// The secret as it is now. Line ends behind it are not part of it.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, by its path and without its content.
    pub async fn read(&self) -> Result<Secret, String> {
        if let Self::Value(secret) = self {
            return Ok(secret.clone());
        }
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.read_blocking()).await;
        read.map_err(|_| "reading a file was interrupted".to_owned())?
    }

    /// The same by a thread that may wait for the file.
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
            .map_err(|error| format!("the file {shown} is not readable: {error}"))?;
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
    async fn a_file_is_read_again_for_every_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::File(file.path().to_owned());
        for (text, secret) in [("first\n", "first"), ("second\r\n", "second")] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(source.read().await.unwrap().expose(), secret);
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_file_is_said_without_its_content() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::File(file.path().to_owned());
        for (text, complaint) in
            [(String::new(), "is empty"), ("x".repeat(MAX_BYTES + 1), "is larger than")]
        {
            std::fs::write(file.path(), text).unwrap();
            let error = source.read().await.unwrap_err();
            assert!(error.contains(complaint) && !error.contains("xx"), "{error}");
        }
        drop(file);
        assert!(source.read().await.unwrap_err().contains("not readable"));
    }
}

//! Reads the profile file of the cloud's own tools, `~/.huaweicloud/credentials`.
//!
//! The format is that of the official SDK: what Python's `configparser` accepts, section `[basic]`.
//! In addition, a byte order mark is skipped, and keys that cannot be valid (in quotes, on several
//! lines) are refused here, because the cloud locks a key after a few failures. Errors show no
//! content of the file.

mod ini;

use std::path::Path;

use crate::file;
use crate::secret::Secret;

/// The values of a profile. Each is one line of visible ASCII characters.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// `ak`: the access key.
    pub access_key: Option<Secret>,
    /// `sk`: the secret key.
    pub secret_key: Option<Secret>,
    /// `security_token`: the token of a temporary key.
    pub security_token: Option<Secret>,
    /// `project_id`: the ID of the project.
    pub project_id: Option<String>,
}

/// Maximum size of the file: more than two keys and a token of 64,000 characters, so that a larger
/// file is not a profile.
pub const MAX_BYTES: u64 = 256 * 1024;

impl Profile {
    /// Parses the text of a profile file.
    ///
    /// # Errors
    ///
    /// A message about the file, such as `holds no section [basic]`, to follow the name of the
    /// file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let basic = ini::section(text, "basic")?.ok_or("holds no section [basic]")?;
        let value = |name: &str| basic.value(name).map(|value| value.map(Secret::from));
        Ok(Self {
            access_key: value("ak")?,
            secret_key: value("sk")?,
            security_token: value("security_token")?,
            project_id: basic.value("project_id")?,
        })
    }

    /// Reads a profile file. Blocks the thread.
    ///
    /// # Errors
    ///
    /// A message about the file, with its path.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        if file::is_pipe(path) {
            return Err(format!("the file {shown} is a pipe, which cannot be read again"));
        }
        let text = file::read_text(path, MAX_BYTES).map(Secret::from);
        let text = text.map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
        Self::parse(text.expose()).map_err(|what| format!("the file {shown} {what}"))
    }

    /// Returns the access key and the secret key.
    ///
    /// # Errors
    ///
    /// A message about the missing key, such as `holds no ak in its section [basic]`, to follow the name
    /// of the file.
    pub fn keys(&self) -> Result<(&Secret, &Secret), String> {
        let missing = match (&self.access_key, &self.secret_key) {
            (Some(access_key), Some(secret_key)) => return Ok((access_key, secret_key)),
            (None, Some(_)) => "no ak",
            (Some(_), None) => "no sk",
            (None, None) => "neither ak nor sk",
        };
        Err(format!("holds {missing} in its section [basic]"))
    }
}

#[cfg(test)]
mod tests;

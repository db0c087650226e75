//! The profile file of the cloud's own tools, `~/.huaweicloud/credentials`.
//!
//! It is read as the official SDK reads it: what Python's `configparser` understands, section
//! `[basic]`. Beyond that a byte order mark is passed over, and keys that cannot be right, in
//! quotes or on several lines, are refused here rather than by the cloud, which locks a key after a
//! few failures. No error shows anything that stands in the file but the names that are looked for.

mod ini;

use std::path::Path;

use crate::file;
use crate::secret::Secret;

/// What a profile says. Each value is one line of visible characters.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// `ak`.
    pub access_key: Option<Secret>,
    /// `sk`.
    pub secret_key: Option<Secret>,
    /// `security_token`, which belongs to temporary keys.
    pub security_token: Option<Secret>,
    /// `project_id`.
    pub project_id: Option<String>,
}

/// More than two keys and a token of 64,000 characters need; less than a wrong path can hold.
pub const MAX_BYTES: u64 = 256 * 1024;

impl Profile {
    /// What a text says.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as what a file does: `holds no section [basic]`.
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

    /// What a file says now. It blocks, though not for long.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, by its path.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = file::read_text(path, MAX_BYTES).map(Secret::from);
        let text = text.map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
        Self::parse(text.expose()).map_err(|what| format!("the file {shown} {what}"))
    }

    /// Its access key and its secret key.
    ///
    /// # Errors
    ///
    /// Which of them is missing, as what a file does: `holds no ak in its section [basic]`.
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

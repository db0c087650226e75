//! Form of the label `user`. The key of the hashes is read again for each poll, because its file may
//! change.

use crate::snapshot::UserNames;
use records_api::secret::Source;

/// Form of the label `user`.
#[derive(Debug, Clone, Default)]
pub struct Users {
    initial: UserNames,
    /// Source of the key, if users are hashed.
    key: Option<Source>,
}

impl Users {
    /// Users are shown by name.
    pub fn named() -> Self {
        Self::default()
    }

    /// Users are not shown.
    pub fn dropped() -> Self {
        Self { initial: UserNames::Drop, key: None }
    }

    /// Users are shown as hashes with the key of this source.
    ///
    /// # Errors
    ///
    /// A message about the file of the key.
    pub fn hashed(key: Source) -> Result<Self, String> {
        Ok(Self { initial: UserNames::Hash(key.read_blocking()?), key: Some(key) })
    }

    /// Returns the form with the key as it was when the config was read.
    pub(super) fn initial(&self) -> UserNames {
        self.initial.clone()
    }

    /// Returns the form with the current key.
    pub(super) async fn read(&self) -> Result<UserNames, String> {
        match &self.key {
            Some(key) => Ok(UserNames::Hash(key.read().await?)),
            None => Ok(self.initial.clone()),
        }
    }
}

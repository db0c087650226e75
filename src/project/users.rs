//! Form of the label `user`. The key of the hashes is read again for each poll, because its file may
//! change.

use std::sync::Arc;

use crate::snapshot::UserNames;
use records_api::secret::{LastValid, Secret, Source};

/// Form of the label `user`.
#[derive(Debug, Clone, Default)]
pub struct Users {
    initial: UserNames,
    /// Source of the key, if users are hashed.
    key: Option<Source>,
    /// Without it, an invalid file would rename all users.
    last_key: Arc<LastValid<Secret>>,
}

impl Users {
    /// Users are shown by name.
    pub fn named() -> Self {
        Self::default()
    }

    /// Users are not shown.
    pub fn dropped() -> Self {
        Self { initial: UserNames::Drop, ..Self::default() }
    }

    /// Users are shown as hashes with the key of this source.
    ///
    /// # Errors
    ///
    /// A message about the file of the key.
    pub fn hashed(key: Source) -> Result<Self, String> {
        let initial = key.read_blocking()?;
        let last_key = Arc::new(LastValid::of(initial.clone()));
        Ok(Self { initial: UserNames::Hash(initial), key: Some(key), last_key })
    }

    /// Returns the form with the key as it was when the config was read.
    pub fn initial(&self) -> UserNames {
        self.initial.clone()
    }

    /// Returns the form with the current key, or the last valid one if the current one is not valid.
    ///
    /// # Errors
    ///
    /// A message about the key, if it was never valid.
    pub async fn read(&self) -> Result<UserNames, String> {
        match &self.key {
            Some(key) => self.last_key.update(key.read().await).map(UserNames::Hash),
            None => Ok(self.initial.clone()),
        }
    }
}

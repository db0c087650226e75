//! How users are named, as of each poll: a key that lies in a file may change.

use crate::snapshot::UserNames;
use records_api::secret::Source;

/// How users are named.
#[derive(Debug, Clone, Default)]
pub struct Users {
    names: UserNames,
    /// Where the key of their hashes stands.
    key: Option<Source>,
}

impl Users {
    /// By their names.
    pub fn named() -> Self {
        Self::default()
    }

    /// Not at all.
    pub fn dropped() -> Self {
        Self { names: UserNames::Drop, key: None }
    }

    /// By hashes, whose key stands here.
    ///
    /// # Errors
    ///
    /// What is wrong with the file of the key.
    pub fn hashed(key: Source) -> Result<Self, String> {
        Ok(Self { names: UserNames::Hash(key.read_blocking()?), key: Some(key) })
    }

    /// As they were named at first.
    pub(super) fn first(&self) -> UserNames {
        self.names.clone()
    }

    /// As they are named now.
    pub(super) async fn now(&self) -> Result<UserNames, String> {
        match &self.key {
            Some(key) => Ok(UserNames::Hash(key.read().await?)),
            None => Ok(self.names.clone()),
        }
    }
}

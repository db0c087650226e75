//! Form of user names in labels and pages.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ledger::KeptNames;
use records_api::secret::Secret;

/// Form of user names. The state keeps the names that are shown or hashed: another key gives other
/// hashes of the same users.
#[derive(Debug, Clone, Default)]
pub enum UserNames {
    /// The name as the API returns it.
    #[default]
    Name,
    /// A hash that cannot be computed without the key.
    Hash(Secret),
    /// No names. Series by user are left out.
    Drop,
}

impl UserNames {
    /// Returns the visible form of a name, if any. `_none` and `_other` are not names and stay.
    pub fn shown(&self, name: &Arc<str>) -> Option<Arc<str>> {
        match self {
            Self::Name => Some(name.clone()),
            Self::Hash(_) if matches!(&**name, "_none" | "_other") => Some(name.clone()),
            Self::Hash(key) => Some(hash(key, name)),
            Self::Drop => None,
        }
    }

    /// True if names are visible. If not, the names of desktops and files are hidden as well, because they
    /// contain user names.
    pub fn are_shown(&self) -> bool {
        matches!(self, Self::Name)
    }

    /// True if users have no visible form.
    pub fn are_dropped(&self) -> bool {
        matches!(self, Self::Drop)
    }

    /// Returns the names that the state needs.
    pub fn kept(&self) -> KeptNames {
        match self {
            Self::Name => KeptNames::All,
            Self::Hash(_) => KeptNames::Users,
            Self::Drop => KeptNames::Nobody,
        }
    }

    /// True if both give every user the same form.
    pub fn is_like(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Returns the kind of the form, with the key of hashes.
    pub(super) fn key(&self) -> (&'static str, &str) {
        match self {
            Self::Name => ("name", ""),
            Self::Hash(key) => ("hash", key.expose()),
            Self::Drop => ("drop", ""),
        }
    }
}

/// Returns 16 hexadecimal digits: 100,000 users have two equal hashes with a probability of 10^-9.
fn hash(key: &Secret, name: &str) -> Arc<str> {
    let keyed = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let mut keyed = keyed.expect("HMAC takes keys of any length");
    keyed.update(name.as_bytes());
    let hash = keyed.finalize().into_bytes();
    let first = u64::from_be_bytes(*hash.first_chunk().expect("SHA-256 has 32 bytes"));
    format!("{first:016x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_beginning_of_an_hmac() {
        // RFC 4231, test case 2.
        let names = UserNames::Hash(Secret::from("Jefe"));
        let shown = names.shown(&Arc::from("what do ya want for nothing?"));
        assert_eq!(shown.as_deref(), Some("5bdcc146bf60754e"));
        for fixed in ["_none", "_other"] {
            assert_eq!(names.shown(&Arc::from(fixed)).as_deref(), Some(fixed));
        }
    }
}

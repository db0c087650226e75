//! How users are named to whoever reads the figures.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use records_api::secret::Secret;

/// How users are named. The state keeps their names in any case.
#[derive(Debug, Clone, Default)]
pub enum UserNames {
    /// As the API names them.
    #[default]
    Name,
    /// By a hash that nobody can compute who has not the key.
    Hash(Secret),
    /// Not at all: there are no figures by user.
    Drop,
}

impl UserNames {
    /// What stands in the place of a name, if anything does. `_none` and `_other` are no names.
    pub fn shown(&self, name: &Arc<str>) -> Option<Arc<str>> {
        match self {
            Self::Name => Some(name.clone()),
            Self::Hash(_) if matches!(&**name, "_none" | "_other") => Some(name.clone()),
            Self::Hash(key) => Some(hash(key, name)),
            Self::Drop => None,
        }
    }

    /// Whether names are shown: where they are not, neither are those of desktops and files, which
    /// tell whose they are.
    pub fn are_shown(&self) -> bool {
        matches!(self, Self::Name)
    }

    /// Whether this names users as another does.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name, Self::Name) | (Self::Drop, Self::Drop) => true,
            (Self::Hash(one), Self::Hash(other)) => one.expose() == other.expose(),
            _ => false,
        }
    }
}

/// 16 hexadecimal digits: among 100,000 users two are alike once in a billion times.
fn hash(key: &Secret, name: &str) -> Arc<str> {
    let keyed = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let mut keyed = keyed.expect("HMAC takes keys of any length");
    keyed.update(name.as_bytes());
    let hash = keyed.finalize().into_bytes();
    let first = u64::from_be_bytes(*hash.first_chunk().expect("it has 32 bytes"));
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

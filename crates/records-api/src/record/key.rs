//! Fixed-size keys of records.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first 128 bits of the SHA-256 of a record's id.
///
/// Ids are opaque texts of any length. Keys of a fixed size keep a million records small, and a
/// cryptographic digest prevents collisions, even of ids that were chosen to collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey(u64, u64);

impl RecordKey {
    /// The smallest key.
    pub const MIN: Self = Self(0, 0);

    /// Returns the key of an id.
    pub fn of(id: &str) -> Self {
        let digest = Sha256::digest(id.as_bytes());
        let word = |from: usize| {
            digest[from..from + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        Self(word(0), word(8))
    }

    /// Returns 64 evenly distributed bits of the key, a hash for tables.
    pub fn hash64(self) -> u64 {
        self.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_beginning_of_the_sha256_of_the_id() {
        // printf abc | sha256sum
        let expected = RecordKey(0xba78_16bf_8f01_cfea, 0x4141_40de_5dae_2223);
        assert_eq!(RecordKey::of("abc"), expected);
        assert_ne!(RecordKey::of("abc"), RecordKey::of("ABC"));
    }
}

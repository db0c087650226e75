//! The identity of a record in memory.

use sha2::{Digest, Sha256};

/// The first 128 bits of the SHA-256 of a record's id.
///
/// Ids are opaque text of any length. A fixed size keeps a million of them small, and a
/// cryptographic digest lets nobody choose two ids that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(u128);

impl RecordKey {
    /// The key of an id.
    pub fn of(id: &str) -> Self {
        let digest = Sha256::digest(id.as_bytes());
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(first))
    }

    /// 64 of its bits, evenly spread: a hash for tables.
    #[expect(clippy::cast_possible_truncation, reason = "any 64 bits of a digest will do")]
    pub fn hash64(self) -> u64 {
        self.0 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_the_sha256_of_the_id() {
        // printf abc | sha256sum
        assert_eq!(RecordKey::of("abc").0, 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223);
        assert_ne!(RecordKey::of("abc"), RecordKey::of("ABC"));
    }
}

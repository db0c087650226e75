//! Limit of the length of label values. A longer value is truncated and ends in its hash.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Maximum length of a label value in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueLimit(usize);

/// Precedes the hash.
const ELLIPSIS: char = '…';
/// Hexadecimal digits of the hash.
const HASH_DIGITS: usize = 8;
const SUFFIX_BYTES: usize = ELLIPSIS.len_utf8() + HASH_DIGITS;
/// Maximum length of a character, so that a truncated value is shorter than the limit by less than this.
const MAX_CHAR_BYTES: usize = 4;

impl Default for ValueLimit {
    fn default() -> Self {
        Self(256)
    }
}

impl ValueLimit {
    /// Does not truncate anything.
    pub const NONE: Self = Self(usize::MAX);

    /// Limits values to a number of bytes.
    pub const fn new(max_bytes: usize) -> Self {
        Self(max_bytes)
    }

    /// Returns a value in the form of a label.
    pub fn shown(self, value: &str) -> Cow<'_, str> {
        self.truncated(value).map_or(Cow::Borrowed(value), Cow::Owned)
    }

    /// Returns the truncated form of a value, unless the label shows it unchanged.
    pub(super) fn truncated(self, value: &str) -> Option<String> {
        // A value that ends like a truncated one is hashed as well. Otherwise somebody could choose the
        // form of another value as a name.
        let is_short = value.len().saturating_add(MAX_CHAR_BYTES) <= self.0;
        if is_short || value.len() <= self.0 && !looks_truncated(value) {
            return None;
        }
        let digest = Sha256::digest(value);
        let hash = u32::from_be_bytes(*digest.first_chunk().expect("SHA-256 has 32 bytes"));
        // Slicing within a character would panic.
        let mut begin = self.0.saturating_sub(SUFFIX_BYTES).min(value.len());
        while !value.is_char_boundary(begin) {
            begin -= 1;
        }
        Some(format!("{}{ELLIPSIS}{hash:08x}", &value[..begin]))
    }
}

fn looks_truncated(value: &str) -> bool {
    let Some((_, hash)) = value.rsplit_once(ELLIPSIS) else { return false };
    hash.len() == HASH_DIGITS
        && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_ends_in_an_ellipsis_and_its_hash() {
        let limit = ValueLimit::new(32);
        let fits = "x".repeat(32);
        assert_eq!((limit.shown(&fits), limit.truncated(&fits)), (fits.as_str().into(), None));
        // printf 'x%.0s' $(seq 33) | sha256sum
        let expected = format!("{}…11ba55a3", "x".repeat(21));
        assert_eq!(limit.shown(&"x".repeat(33)), expected);
        assert_eq!(ValueLimit::NONE.truncated(&"x".repeat(1000)), None);
    }

    #[test]
    fn a_value_is_truncated_between_characters() {
        for text in ["é", "用", "👩"] {
            for before in 0..4 {
                let value = format!("{}{}", "x".repeat(before), text.repeat(100));
                for limit in 32..48 {
                    let shown = ValueLimit::new(limit).truncated(&value).unwrap();
                    assert!((limit - 3..=limit).contains(&shown.len()), "{limit} {shown}");
                    let (begin, hash) = shown.rsplit_once('…').unwrap();
                    assert!(value.starts_with(begin) && hash.len() == 8, "{limit} {shown}");
                }
            }
        }
    }

    #[test]
    fn the_truncated_form_of_a_value_is_not_a_form_of_another_one() {
        for value in ["x".repeat(300), "用".repeat(100), format!("x{}", "用".repeat(100))] {
            for bytes in 32..40 {
                let limit = ValueLimit::new(bytes);
                let shown = limit.truncated(&value).unwrap();
                let again = limit.truncated(&shown).unwrap();
                assert!(again != shown && again.len() <= bytes, "{shown} {again}");
            }
        }
        let other = format!("{}y", "x".repeat(299));
        let limit = ValueLimit::new(200);
        assert_ne!(limit.truncated(&"x".repeat(300)), limit.truncated(&other));
    }
}

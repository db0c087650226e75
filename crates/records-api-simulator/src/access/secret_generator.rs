//! Random-looking secrets. The same seed gives the same secrets.

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use crate::mix::mix;

/// Characters of access keys.
pub(super) const ACCESS_KEY_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Characters of secret keys.
pub(super) const SECRET_KEY_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Characters of tokens: base64 with characters that a careless client encodes or cuts.
pub(super) const TOKEN_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-=";

/// Draws secrets.
#[derive(Debug)]
pub(super) struct SecretGenerator(Xoshiro256PlusPlus);

impl SecretGenerator {
    /// `purpose` separates the random numbers of different uses.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(mix(seed ^ mix(purpose))))
    }

    pub(super) fn draw(&mut self, prefix: &str, alphabet: &[u8], length: usize) -> String {
        let mut text = prefix.to_owned();
        while text.len() < length {
            text.push(char::from(alphabet[self.0.random_range(0..alphabet.len())]));
        }
        text
    }
}

//! Made-up secrets: the same seed gives the same ones.

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use crate::mix::mix;

/// Letters and digits of access keys.
pub(super) const ACCESS_KEY_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// What secret keys are made of.
pub(super) const SECRET_KEY_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// What tokens are made of: base64 with its marks, which a careless client encodes or cuts.
pub(super) const TOKEN_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-=";

/// Draws texts that nobody can tell from secrets.
#[derive(Debug)]
pub(super) struct SecretGenerator(Xoshiro256PlusPlus);

impl SecretGenerator {
    /// `kind` keeps draws for one purpose apart from those for another.
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

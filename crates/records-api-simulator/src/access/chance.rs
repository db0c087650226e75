//! Made-up secrets: the same seed gives the same ones.

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use crate::mix::mix;

/// Letters and digits of access keys.
pub(super) const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// What secret keys are made of.
pub(super) const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// What tokens are made of: base64 with its marks, which a careless client encodes or cuts.
pub(super) const BASE64: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-=";

/// Draws texts that nobody can tell from secrets.
#[derive(Debug)]
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// `kind` keeps draws for one purpose apart from those for another.
    pub(super) fn new(seed: u64, kind: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(mix(seed ^ mix(kind))))
    }

    pub(super) fn text(&mut self, prefix: &str, letters: &[u8], length: usize) -> String {
        let mut text = prefix.to_owned();
        while text.len() < length {
            text.push(char::from(letters[self.0.random_range(0..letters.len())]));
        }
        text
    }
}

//! Whether a text from the other side repeats the credentials that it was sent.
//!
//! A gateway is known to answer with the headers of the request. What it writes may be escaped,
//! percent-encoded or in base64, and may be cut: the beginning of a secret is enough.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode;

/// Bytes of a secret that no other text has by chance.
const TELLING_BYTES: usize = 12;

/// Whether `text` holds the beginning of `secret`, in any of these forms.
pub(super) fn repeats(text: &[u8], secret: &[u8]) -> bool {
    let beginning = &secret[..secret.len().min(TELLING_BYTES)];
    if beginning.is_empty() {
        return false;
    }
    let unescaped: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\\').collect();
    let decoded: Vec<u8> = percent_decode(&unescaped).collect();
    // The alphabet of base64 for URLs has two other letters.
    let letters = unescaped.iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    let letters: Vec<u8> = letters.collect();
    let holds = |text: &[u8], part: &[u8]| text.windows(part.len()).any(|window| window == part);
    [text, &unescaped, &decoded].iter().any(|text| holds(text, beginning))
        || (0..3).any(|before| holds(&letters, in_base64(beginning, before).as_bytes()))
}

/// What base64 makes of a secret that has `before` bytes before it in its group of three, without
/// the letters that its neighbours have a share in.
fn in_base64(secret: &[u8], before: usize) -> String {
    let bytes = [&[0; 2][..before], secret].concat();
    let text = STANDARD_NO_PAD.encode(&bytes);
    text[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const SECRET: &str = "MIIF/token+with/marks==~end";

    #[test]
    fn a_secret_is_recognised_in_every_form_and_place() {
        for before in ["", "a", "ab", "abc", "x-auth-token:"] {
            let plain = format!("{before}{SECRET} and more");
            let forms = [
                plain.clone(),
                plain.replace('/', "\\/"),
                plain.replace('/', "%2F").replace('+', "%2b"),
                plain[..before.len() + 12].to_owned(),
                format!("given: {}", STANDARD.encode(&plain)),
                format!("given: {}", URL_SAFE.encode(&plain)),
            ];
            for form in forms {
                assert!(repeats(form.as_bytes(), SECRET.as_bytes()), "{form}");
            }
        }
    }

    #[test]
    fn other_texts_are_no_secret() {
        for text in ["", "MIIF/token", "the token is wrong", "TUlJRi90b2tlb"] {
            assert!(!repeats(text.as_bytes(), SECRET.as_bytes()), "{text}");
        }
        assert!(!repeats(b"anything", b""));
    }
}

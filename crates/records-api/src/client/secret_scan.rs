//! Whether a text from the other side repeats the credentials that it was sent.
//!
//! A gateway is known to answer with the headers of the request. What it writes may be escaped,
//! percent-encoded or in base64, and may be cut: the beginning of a secret is enough, and of what is
//! to be shown any part of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode;

/// Bytes of a secret that no other text has by chance.
const TELLING_BYTES: usize = 12;

/// Whether what came holds the beginning of a secret, or what is to be shown of it, `shown`, any part
/// of one, in any of these forms.
pub(crate) fn contains_secret<'s>(
    came: &[u8],
    shown: &str,
    secrets: impl Iterator<Item = &'s str>,
) -> bool {
    let (came, shown) = (Forms::of(came), Forms::of(shown.as_bytes()));
    let mut secrets = secrets.filter(|secret| !secret.is_empty());
    secrets.any(|secret| {
        let secret = secret.as_bytes();
        let parts = secret.len().saturating_sub(TELLING_BYTES) + 1;
        let part = |at: usize| &secret[at..secret.len().min(at + TELLING_BYTES)];
        came.hold(part(0)) || (0..parts).any(|at| shown.hold(part(at)))
    })
}

/// A text as it came, and as it was before somebody encoded it.
struct Forms<'t> {
    plain: &'t [u8],
    unescaped: Vec<u8>,
    decoded: Vec<u8>,
    /// In the one alphabet of base64.
    letters: Vec<u8>,
}

impl<'t> Forms<'t> {
    fn of(text: &'t [u8]) -> Self {
        let unescaped: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\\').collect();
        let decoded: Vec<u8> = percent_decode(&unescaped).collect();
        // The alphabet of base64 for URLs has two other letters.
        let letters = unescaped.iter().map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        });
        let letters = letters.collect();
        Self { plain: text, unescaped, decoded, letters }
    }

    fn hold(&self, part: &[u8]) -> bool {
        [self.plain, &self.unescaped, &self.decoded].iter().any(|text| holds(text, part))
            || (0..3).any(|before| holds(&self.letters, in_base64(part, before).as_bytes()))
    }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
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
                assert!(contains_secret(form.as_bytes(), "", [SECRET].into_iter()), "{form}");
                assert!(contains_secret(b"", &form, [SECRET].into_iter()), "{form}");
            }
        }
    }

    #[test]
    fn other_texts_are_no_secret() {
        for text in ["", "MIIF/token", "the token is wrong", "TUlJRi90b2tlb"] {
            assert!(!contains_secret(text.as_bytes(), text, [SECRET].into_iter()), "{text}");
        }
        assert!(!contains_secret(b"anything", "anything", [""].into_iter()));
    }

    #[test]
    fn what_is_shown_may_not_hold_the_end_of_a_secret_either() {
        let end = &SECRET[SECRET.len() - 14..];
        for form in [end.to_owned(), end.replace('=', "%3D"), STANDARD.encode(end)] {
            assert!(
                contains_secret(b"", &format!("signed: {form}"), ["", SECRET].into_iter()),
                "{form}"
            );
        }
    }
}

//! Finds the credentials of a request in its response, so that no error shows them.
//!
//! A gateway is known to include the headers of the request in an error response. A secret there
//! may be JSON-escaped, percent-encoded or in base64, and it may be cut. Therefore the scan looks
//! for the beginning of a secret in the response, and for any part of it in the text of the error.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode;

/// Length of a part of a secret that no other text contains by chance.
const PART_BYTES: usize = 12;

/// True if `response` contains the beginning of a secret, or if `shown`, the text of the error,
/// contains any part of one, in any encoding.
pub(crate) fn contains_secret<'s>(
    response: &[u8],
    shown: &str,
    secrets: impl Iterator<Item = &'s str>,
) -> bool {
    let (response, shown) = (Forms::of(response), Forms::of(shown.as_bytes()));
    let mut secrets = secrets.filter(|secret| !secret.is_empty());
    secrets.any(|secret| {
        let secret = secret.as_bytes();
        let parts = secret.len().saturating_sub(PART_BYTES) + 1;
        let part = |at: usize| &secret[at..secret.len().min(at + PART_BYTES)];
        response.contain(part(0)) || (0..parts).any(|at| shown.contain(part(at)))
    })
}

/// A text together with what it may be the encoding of.
struct Forms<'t> {
    plain: &'t [u8],
    unescaped: Vec<u8>,
    decoded: Vec<u8>,
    /// The text in the standard alphabet of base64.
    base64: Vec<u8>,
}

impl<'t> Forms<'t> {
    fn of(text: &'t [u8]) -> Self {
        let unescaped: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\\').collect();
        let decoded: Vec<u8> = percent_decode(&unescaped).collect();
        // The URL-safe alphabet of base64 differs in two characters.
        let base64 = unescaped.iter().map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        });
        let base64 = base64.collect();
        Self { plain: text, unescaped, decoded, base64 }
    }

    fn contain(&self, part: &[u8]) -> bool {
        [self.plain, &self.unescaped, &self.decoded].iter().any(|text| contains(text, part))
            || (0..3).any(|before| contains(&self.base64, in_base64(part, before).as_bytes()))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// Returns the base64 of a secret whose first group of three bytes starts with `before` other
/// bytes, without the characters that also encode bits of its neighbours.
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
    fn a_secret_is_found_in_all_encodings_and_positions() {
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
    fn other_texts_are_not_secrets() {
        for text in ["", "MIIF/token", "the token is wrong", "TUlJRi90b2tlb"] {
            assert!(!contains_secret(text.as_bytes(), text, [SECRET].into_iter()), "{text}");
        }
        assert!(!contains_secret(b"anything", "anything", [""].into_iter()));
    }

    #[test]
    fn the_end_of_a_secret_is_found_in_the_text_of_the_error() {
        let end = &SECRET[SECRET.len() - 14..];
        for form in [end.to_owned(), end.replace('=', "%3D"), STANDARD.encode(end)] {
            assert!(
                contains_secret(b"", &format!("signed: {form}"), ["", SECRET].into_iter()),
                "{form}"
            );
        }
    }
}

//! Repairs texts that a server cut in the middle of a character, and numbers that no type holds.
//!
//! The JSON parser refuses a body with one of them, but one odd user name or size must not make all
//! other records of the page unreadable.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Stands for all numbers beyond it. No field has a use for one as large.
const LARGEST_NUMBER: f64 = 1e300;
const LARGEST_TEXT: &[u8] = b"1e300";

/// Parses a body. If that fails, repairs the body and parses it again.
pub(super) fn parse_leniently<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body).or_else(|error| match repaired(body) {
        Some(body) => serde_json::from_slice(&body),
        None => Err(error),
    })
}

/// Returns the body with U+FFFD in place of each incomplete character, both in raw bytes and in
/// escapes (half a surrogate pair), and with 1e300 in place of numbers that are out of range;
/// `None` if it has none of them.
pub(super) fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let has_invalid_bytes = matches!(text, Cow::Owned(_));
    let mut bytes = text.into_owned().into_bytes();
    let has_lone_surrogates = repair_escapes(&mut bytes);
    let has_large_numbers = repair_numbers(&mut bytes);
    (has_invalid_bytes || has_lone_surrogates || has_large_numbers).then_some(bytes)
}

/// Replaces numbers outside of texts. A number that is replaced is not shorter than its replacement,
/// which is filled up with spaces.
fn repair_numbers(bytes: &mut [u8]) -> bool {
    let (mut has_changed, mut is_in_text, mut at) = (false, false, 0);
    while at < bytes.len() {
        at += match bytes[at] {
            b'"' => {
                is_in_text = !is_in_text;
                1
            }
            b'\\' if is_in_text => 2,
            b'-' | b'0'..=b'9' if !is_in_text => {
                let is_part =
                    |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E');
                let length = bytes[at..].iter().take_while(is_part).count();
                let number = &mut bytes[at..at + length];
                if is_too_large(number) {
                    number.fill(b' ');
                    number[..LARGEST_TEXT.len()].copy_from_slice(LARGEST_TEXT);
                    has_changed = true;
                }
                length
            }
            _ => 1,
        };
    }
    has_changed
}

fn is_too_large(number: &[u8]) -> bool {
    let text = std::str::from_utf8(number).unwrap_or_default();
    text.parse().is_ok_and(|number: f64| number.abs() > LARGEST_NUMBER)
}

fn repair_escapes(bytes: &mut [u8]) -> bool {
    let mut has_changed = false;
    let mut at = 0;
    while at < bytes.len() {
        at += match (bytes[at], unit(bytes, at)) {
            (b'\\', Some(0xD800..=0xDBFF))
                if matches!(unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) =>
            {
                12
            }
            (b'\\', Some(0xD800..=0xDFFF)) => {
                bytes[at + 2..at + 6].copy_from_slice(b"fffd");
                has_changed = true;
                6
            }
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    has_changed
}

/// Returns the UTF-16 unit of an escape such as `\ud83d` at this position, if there is one.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_characters_are_replaced_and_others_are_kept() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (br#"{"a":"\ud83d\ude00"}"#, None),
            (br#"{"a":"\\ud83d"}"#, None),
            (br#"{"a":"\ud83d"}"#, Some(r#"{"a":"\ufffd"}"#)),
            (br#"{"a":"\ude00\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00"}"#)),
            (br#"{"a":"\ud83d\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00"}"#)),
            (br#"{"a":"\ud8"#, None),
            (b"{\"a\":\"\xf0\x9f\"}", Some("{\"a\":\"\u{fffd}\"}")),
            (b"\\", None),
        ];
        for (body, expected) in cases {
            let repaired = repaired(body).map(|body| String::from_utf8(body).unwrap());
            assert_eq!(repaired.as_deref(), expected, "{}", String::from_utf8_lossy(body));
        }
    }
    #[test]
    fn numbers_that_are_out_of_range_are_replaced_in_place() {
        let cases = [
            ("[1e400]", Some("[1e300]")),
            ("[-2E+0500,3]", Some("[1e300   ,3]")),
            ("{\"a\":7e99999999999999999999}", Some("{\"a\":1e300                 }")),
            ("[1e300,-1e-400,0e999,12.5]", None),
            ("[9e300,1E308]", Some("[1e300,1e300]")),
            (r#"["1e400","\"1e400","\\1e400"]"#, None),
            (r#"["\\",1e400]"#, Some(r#"["\\",1e300]"#)),
            ("1e400", Some("1e300")),
            ("\"1e400", None),
            ("--1e400", None),
        ];
        for (body, expected) in cases {
            let repaired = repaired(body.as_bytes()).map(|body| String::from_utf8(body).unwrap());
            assert_eq!(repaired.as_deref(), expected, "{body}");
        }
    }
}

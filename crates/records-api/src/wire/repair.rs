//! Repairs texts that a server cut in the middle of a character.
//!
//! A body with such a text is not valid JSON, but one odd user name must not make all other records
//! of the page unreadable.

use std::borrow::Cow;

/// Returns the body with U+FFFD in place of each incomplete character, both in raw bytes and in
/// escapes (half a surrogate pair); `None` if all characters are complete.
pub(super) fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let has_invalid_bytes = matches!(text, Cow::Owned(_));
    let mut bytes = text.into_owned().into_bytes();
    let has_lone_surrogates = repair_escapes(&mut bytes);
    (has_invalid_bytes || has_lone_surrogates).then_some(bytes)
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
}

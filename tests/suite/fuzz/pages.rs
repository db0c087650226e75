//! Target `pages`: a page is read as the model reads it, and errors are fit for a log line.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use records_api::wire::PageError;

use super::engine::{Target, recipe, run};
use super::json::parse;
use super::model::{Outcome, expected, found};
use super::mutate::mutant;
use super::{corpus, faults};

/// Values, names and signs that mean something in a page.
pub(super) const TOKENS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e3",
    "1e999",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1728986681263",
    "1728986681",
    "[]",
    "{}",
    "[[]]",
    "{\"a\":[1,{}]}",
    "\"\"",
    "\" \"",
    "\"7\"",
    "\" 7.9 \"",
    "\"NaN\"",
    "\"-1\"",
    "\"2024-10-15 10:04:41\"",
    "\"2024-10-15T10:04:41.263+08:00\"",
    "\"yesterday\"",
    "\"1728986681263\"",
    "\"\\ud83d\"",
    "\"\\ude00\\ud83d\\ude00\"",
    "\"\\u0000\\n\"",
    "\"\\u202e\"",
    "\"UPLOAD_FAILED\"",
    "\"upload failed\"",
    "\"上传失败\"",
    "\"FULL\"",
    "\"id\"",
    "\"start_time\"",
    "\"end_time\"",
    "\"size\"",
    "\"duration\"",
    "\"status\"",
    "\"type\"",
    "\"username\"",
    "\"desktop_pool_id\"",
    "\"screen_records\"",
    "\"total_count\"",
    "\"error_code\"",
    "\"error\"",
    "\"error_msg\"",
    "\"error\":{\"code\":1},",
    "\"error_code\":\"A.1\",",
    "\"screen_records\":null,",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\n",
];

fn target() -> Target {
    Target { seeds: corpus::bodies("pages"), tokens: TOKENS }
}

fn property(body: &[u8]) {
    for offset in [0, 1000] {
        let read = found(body, offset);
        if let Err(error) = &read {
            faults::assert_fit_for_a_log(&error.to_string(), 800);
        }
        let read = read.unwrap_or_else(|error| outcome_of(&error));
        assert_bounded(&read, body);
        let Some(expected) = expected(body, offset) else { return };
        // The model refuses numbers that no type holds. Here they cost only their own field.
        if expected == Outcome::NotJson && has_huge_number(body) {
            return;
        }
        assert_eq!(read, expected, "offset {offset}");
        // Half characters are mended already, and blanks mean nothing.
        let Ok(value) = parse(body) else { return };
        let again = found(value.write(" \n").as_bytes(), offset);
        assert_eq!(again.unwrap_or_else(|error| outcome_of(&error)), read);
    }
}

/// True if something in a body may be a number that no type holds.
fn has_huge_number(body: &[u8]) -> bool {
    let has_exponent = |window: &[u8]| {
        let digits = window[1..].iter().filter(|byte| byte.is_ascii_digit()).count();
        window[0].eq_ignore_ascii_case(&b'e') && digits >= 3
    };
    body.windows(5).any(has_exponent)
        || body.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 300)
}

fn outcome_of(error: &PageError) -> Outcome {
    match error {
        PageError::Reported(_) => Outcome::Fault,
        PageError::NotJson(_) => Outcome::NotJson,
        PageError::NoRecords => Outcome::NoRecords,
    }
}

/// Nothing comes out of a body that is much larger than what went in.
fn assert_bounded(outcome: &Outcome, body: &[u8]) {
    let Outcome::Page { rows, .. } = outcome else { return };
    assert!(rows.len() <= body.len());
    for facts in rows.iter().flatten() {
        assert!(facts.texts[0].as_deref().is_some_and(|id| !id.is_empty()));
        // A byte that is not UTF-8 becomes three; a float may be written with 330 digits.
        let longest = (3 * body.len()).max(330);
        assert!(facts.texts.iter().flatten().all(|text| text.len() <= longest));
    }
}

#[test]
fn pages() {
    run(&target(), property);
}

/// The names of everything that a body can turn out to be.
fn reached(body: &[u8]) -> Vec<String> {
    let outcome = found(body, 0).unwrap_or_else(|error| outcome_of(&error));
    let Outcome::Page { rows, .. } = outcome else {
        return vec![format!("{outcome:?}")];
    };
    let mut names = vec!["Page".to_owned()];
    names.extend(std::str::from_utf8(body).is_err().then(|| "mended".to_owned()));
    for row in rows {
        match row {
            Ok(facts) => names.extend(facts.odd.iter().map(|field| format!("odd {field}"))),
            Err((reason, _)) => names.push(reason.to_owned()),
        }
    }
    names.sort();
    names.dedup();
    names
}

#[test]
fn mutants_of_pages_reach_everything_that_a_body_can_be() {
    const MUTANTS: usize = 10_000;
    let target = target();
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..MUTANTS {
        let recipe = recipe().new_tree(&mut runner).unwrap().current();
        for name in reached(&mutant(&target, &recipe)) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert!(count("Page") > MUTANTS / 4, "{counts:?}");
    for name in
        ["Fault", "NotJson", "NoRecords", "mended", "not_an_object", "no_id", "no_start_time"]
    {
        assert!(count(name) >= 10, "{name}: {counts:?}");
    }
    let odd = counts.keys().filter(|name| name.starts_with("odd ")).count();
    assert!(odd >= 18, "{odd} of 20 fields were odd: {counts:?}");
}

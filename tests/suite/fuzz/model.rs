//! What a page should be read as: a model of the decoder, written from what is known of the API,
//! over a JSON reader of its own.

use records_api::record::{Record, RecordType, Row, Status, Term, Timestamp};
use records_api::wire::{OwnedPage, PageError};

use super::json::{Json, Unread, parse};

/// What became of a body.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Page { total: Option<u64>, rows: Vec<RowOutcome> },
    Fault,
    NotJson,
    NoRecords,
}

/// What became of a row: facts, or the label of the rejection and the id.
pub(super) type RowOutcome = Result<Facts, (&'static str, Option<String>)>;

/// What the figures are made of, and the names of the fields that were not understood.
#[derive(Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) texts: [Option<String>; 4],
    pub(super) times: [Option<i64>; 3],
    pub(super) counts: [Option<u64>; 2],
    pub(super) terms: [Option<String>; 2],
    pub(super) odd: Vec<String>,
}

const TEXTS: [&str; 4] = ["id", "desktop_pool_id", "username", "obs_bucket"];
const TIMES: [&str; 3] = ["start_time", "end_time", "update_time"];
const COUNTS: [&str; 2] = ["size", "duration"];
/// Texts that are compared only as odd or not.
const OTHER_TEXTS: [&str; 10] = [
    "desktop_id",
    "desktop_name",
    "policy_id",
    "file_directory",
    "video_filename",
    "video_file_sha256",
    "event_filename",
    "event_file_sha256",
    "upload_type",
    "site_type",
];

/// What the crate makes of a body.
pub(super) fn found(body: &[u8], offset: u64) -> Result<Outcome, PageError> {
    let owned = OwnedPage::parse(&body.to_vec().into(), offset)?;
    let page = owned.page();
    Ok(Outcome::Page { total: page.total_count, rows: page.rows.iter().map(facts_of).collect() })
}

fn facts_of(row: &Row<'_>) -> RowOutcome {
    let record = row.as_ref().map_err(|rejection| {
        (rejection.reason.as_str(), rejection.id.as_deref().map(str::to_owned))
    })?;
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let mut odd: Vec<_> = record.odd.names().map(str::to_owned).collect();
    odd.sort();
    Ok(Facts {
        texts: [
            Some(record.id.to_string()),
            text(&record.desktop_pool_id),
            text(&record.username),
            text(&record.obs_bucket),
        ],
        times: [Some(record.start_time), record.end_time, record.update_time]
            .map(|time| time.map(Timestamp::millis)),
        counts: [record.size, record.duration.map(u64::from)],
        terms: [term(&record.status, Status::code), term(&record.record_type, RecordType::code)],
        odd,
    })
}

fn term<T: Copy>(term: &Term<'_, T>, code: fn(T) -> &'static str) -> Option<String> {
    match term {
        Term::Known(value) => Some(code(*value).to_owned()),
        Term::Unknown(text) => Some(text.to_string()),
        Term::Absent => None,
    }
}

/// What should become of a body; `None` where the model makes no claim.
pub(super) fn expected(body: &[u8], offset: u64) -> Option<Outcome> {
    let value = match parse(body) {
        Ok(value) => value,
        Err(Unread::NotJson) => return Some(Outcome::NotJson),
        Err(Unread::TooDeep) => return None,
    };
    Some(read(&value, offset).unwrap_or(Outcome::NotJson))
}

/// `None` for a list or a number that is not one.
fn read(value: &Json, offset: u64) -> Option<Outcome> {
    let Json::Object(fields) = value else { return None };
    let (mut records, mut total, mut is_error) = (None, None, false);
    for (name, value) in fields {
        match name.as_str() {
            // The last of the same name holds.
            "screen_records" => {
                records = match value {
                    Json::List(list) => Some(list.iter().map(row).collect::<Option<Vec<_>>>()?),
                    Json::Null => None,
                    _ => return None,
                }
            }
            "total_count" => {
                refuse_endless(value)?;
                total = count(value).unwrap_or(None).filter(|n| i64::try_from(*n).is_ok());
            }
            "error_code" | "errorCode" | "error" => {
                refuse_endless(value)?;
                is_error |= text(value).map_or(true, |text| text.is_some_and(|text| text != "0"));
            }
            _ => {}
        }
    }
    Some(match records {
        Some(rows) if !is_error || !rows.is_empty() => Outcome::Page { total, rows },
        _ if is_error => Outcome::Fault,
        None if total.is_some_and(|total| offset >= total) => {
            Outcome::Page { total, rows: Vec::new() }
        }
        _ => Outcome::NoRecords,
    })
}

/// A number beyond all that a float holds, `1e999`, is not JSON to the parser of the crate, and the
/// page is lost; inside of what is passed over it is not looked at.
fn refuse_endless(value: &Json) -> Option<()> {
    match value {
        Json::Number(digits) => digits.parse::<f64>().is_ok_and(f64::is_finite).then_some(()),
        _ => Some(()),
    }
}

fn row(value: &Json) -> Option<RowOutcome> {
    refuse_endless(value)?;
    let Json::Object(fields) = value else { return Some(Err(("not_an_object", None))) };
    let names = [&TEXTS[..], &TIMES, &COUNTS, &OTHER_TEXTS, &["status", "type"]].concat();
    for (_, value) in fields.iter().filter(|(name, _)| names.contains(&name.as_str())) {
        refuse_endless(value)?;
    }
    let field = |name: &str| {
        let last = fields.iter().rev().find(|(other, _)| other == name);
        last.map_or(&Json::Null, |(_, value)| value)
    };
    let mut odd = Vec::new();
    let texts = TEXTS.map(|name| noted(name, text(field(name)), &mut odd));
    let Some(id) = texts[0].clone() else { return Some(Err(("no_id", None))) };
    let times = TIMES.map(|name| noted(name, time(field(name)), &mut odd));
    if times[0].is_none() {
        return Some(Err(("no_start_time", Some(id))));
    }
    let most = [Record::MAX_SIZE_BYTES, Record::MAX_DURATION_SECONDS.into()];
    let within = |value: Option<u64>, most| match value {
        Some(value) if value > most => Err(Odd),
        value => Ok(value),
    };
    let counted = |name, most| count(field(name)).and_then(|value| within(value, most));
    let counts = [0, 1].map(|at| noted(COUNTS[at], counted(COUNTS[at], most[at]), &mut odd));
    for name in OTHER_TEXTS {
        noted(name, text(field(name)), &mut odd);
    }
    let status = noted("status", text(field("status")), &mut odd);
    let kind = noted("type", text(field("type")), &mut odd);
    // Spellings are a table, which the corpus holds against the codes: `corpus.rs`.
    let status = status.map(|text| Status::parse(&text).map_or(text, |it| it.code().to_owned()));
    let kind = kind.map(|text| RecordType::parse(&text).map_or(text, |it| it.code().to_owned()));
    odd.sort();
    Some(Ok(Facts { texts, times, counts, terms: [status, kind], odd }))
}

struct Odd;

fn noted<T>(name: &str, value: Result<Option<T>, Odd>, odd: &mut Vec<String>) -> Option<T> {
    value.unwrap_or_else(|Odd| {
        odd.push(name.to_owned());
        None
    })
}

/// A text that is not empty; of a whole number of 64 bits, its digits.
fn text(value: &Json) -> Result<Option<String>, Odd> {
    match value {
        Json::Null => Ok(None),
        Json::Text(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Json::Number(digits) => {
            let is_whole = digits.parse::<u64>().is_ok() || digits.parse::<i64>().is_ok();
            let is_kept = is_whole && digits != "-0";
            if is_kept { Ok(Some(digits.clone())) } else { Err(Odd) }
        }
        _ => Err(Odd),
    }
}

/// The parser of the crate is a bit less exact than the standard library.
fn float(digits: &str) -> f64 {
    serde_json::from_str(digits).unwrap()
}

fn count(value: &Json) -> Result<Option<u64>, Odd> {
    let (number, float) = match value {
        Json::Null => return Ok(None),
        Json::Number(digits) => (digits.parse(), float(digits)),
        Json::Text(text) if text.trim().is_empty() => return Ok(None),
        Json::Text(text) => (text.trim().parse(), text.trim().parse().map_err(|_| Odd)?),
        _ => return Err(Odd),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    match number {
        Ok(number) => Ok(Some(number)),
        Err(_) if (0.0..9.2e18).contains(&float) => Ok(Some(float as u64)),
        Err(_) => Err(Odd),
    }
}

fn time(value: &Json) -> Result<Option<i64>, Odd> {
    let moment = match value {
        Json::Null => return Ok(None),
        Json::Text(text) if text.trim().is_empty() => return Ok(None),
        Json::Text(text) => Timestamp::parse(text),
        Json::Number(digits) if digits != "-0" => {
            digits.parse().ok().and_then(Timestamp::from_plausible_millis)
        }
        _ => None,
    };
    moment.map(|moment| Some(moment.millis())).ok_or(Odd)
}

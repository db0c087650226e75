//! A page of records: `{"screen_records": [...], "total_count": n}`.

use std::fmt;

use bytes::Bytes;
use self_cell::self_cell;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error_body::{ErrorBody, one_line};
use super::repair::repaired;
use super::row::WireRow;
use super::scalar::Scalar;
use crate::record::Row;

/// One page of records.
#[derive(Debug)]
pub struct Page<'a> {
    /// The API's count of all rows that match the request, on all pages; `None` if it is missing or
    /// not a count.
    pub total_count: Option<u64>,
    /// The rows of this page, in the order of the API.
    pub rows: Vec<Row<'a>>,
}

/// The reason why a body is not a page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The body reports an error.
    #[error("the body reports an error: {0}")]
    Reported(ErrorBody),
    /// The body is not JSON, or not JSON of the expected shape.
    #[error("the body is not a JSON page: {0}")]
    NotJson(String),
    /// The body is JSON without a list of records.
    #[error("the body has no list `screen_records`")]
    NoRecords,
}

self_cell! {
    /// A [`Page`] together with the body from which it borrows its texts.
    ///
    /// The client parses the body, because it retries a request whose body is not a page. The
    /// caller then reads the same parsed page, without holding up the next request.
    pub struct OwnedPage {
        owner: Bytes,

        #[covariant]
        dependent: Page,
    }

    impl {Debug}
}

impl OwnedPage {
    /// Parses a body like [`Page::decode`]. If the parser refuses it because a text was cut in the
    /// middle of a character, or because a number is out of range, repairs it and parses it again.
    ///
    /// # Errors
    ///
    /// [`PageError`] if the body is not a page.
    pub fn parse(body: &Bytes, offset: u64) -> Result<Self, PageError> {
        let error = match Self::decode(body.clone(), offset) {
            Ok(page) => return Ok(page),
            Err(error) => error,
        };
        if !matches!(error, PageError::NotJson(_)) || body.len() > MAX_REPAIRED_BYTES {
            return Err(error);
        }
        match repaired(body) {
            Some(body) => Self::decode(body.into(), offset),
            None => Err(error),
        }
    }

    /// Replaces the body by a copy, so that the memory of the response can be used for another one.
    ///
    /// # Panics
    ///
    /// Never, because the body has been parsed before.
    pub fn copy_body(&mut self, offset: u64) {
        let body = Bytes::copy_from_slice(self.borrow_owner());
        *self = Self::decode(body, offset).expect("the body has been parsed before");
    }

    /// The parsed page.
    pub fn page(&self) -> &Page<'_> {
        self.borrow_dependent()
    }

    fn decode(body: Bytes, offset: u64) -> Result<Self, PageError> {
        Self::try_new(body, |body| Page::decode(body, offset))
    }
}

impl<'a> Page<'a> {
    /// Parses the body of the response to a request that skipped `offset` rows.
    ///
    /// A body without `screen_records` is an empty page only if its `total_count` says that no rows
    /// are left at that offset: some servers omit an empty list, but the `{}` of a proxy must not
    /// be taken for an empty page.
    ///
    /// # Errors
    ///
    /// [`PageError`] if the body is not a page.
    pub fn decode(body: &'a [u8], offset: u64) -> Result<Self, PageError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // Validating UTF-8 once for the whole body is faster than once for each text.
        let parts: Result<Parts<'a>, _> = match std::str::from_utf8(body) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(body),
        };
        let parts = parts.map_err(|error| not_json(&error, body))?;
        let total_count = parts.total_count.into_count().unwrap_or(None);
        let total_count = total_count.filter(|total| *total <= MAX_TOTAL_COUNT);
        match parts.records {
            Some(rows) if !parts.reports_error || !rows.is_empty() => {
                Ok(Self { total_count, rows })
            }
            _ if parts.reports_error => Err(PageError::Reported(ErrorBody::parse(body))),
            None if total_count.is_some_and(|total| offset >= total) => {
                Ok(Self { total_count, rows: Vec::new() })
            }
            _ => Err(PageError::NoRecords),
        }
    }
}

/// A larger count is not one. Sums of counts must not overflow.
const MAX_TOTAL_COUNT: u64 = i64::MAX.unsigned_abs();
/// The parser's errors may quote a text of any length in full.
const MAX_ERROR_CHARS: usize = 200;

fn not_json(error: &serde_json::Error, body: &[u8]) -> PageError {
    let error = one_line(&error.to_string(), MAX_ERROR_CHARS);
    PageError::NotJson(format!("{error}, in {}", excerpt(body)))
}

/// Returns the beginning of a body for an error message, on one line.
fn excerpt(body: &[u8]) -> String {
    const LENGTH: usize = 60;
    if body.is_empty() {
        return "an empty body".to_owned();
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(LENGTH)]).escape_debug().to_string();
    format!("\"{text}\"{}", if body.len() > LENGTH { "..." } else { "" })
}

#[derive(Default)]
struct Parts<'a> {
    records: Option<Vec<Row<'a>>>,
    total_count: Scalar<'a>,
    reports_error: bool,
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartsVisitor;
        impl<'de> Visitor<'de> for PartsVisitor {
            type Value = Parts<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with `screen_records` and `total_count`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut parts = Parts::default();
                while let Some(name) = object.next_key::<std::borrow::Cow<'de, str>>()? {
                    match &*name {
                        "screen_records" => parts.records = object.next_value::<Rows<'de>>()?.0,
                        "total_count" => parts.total_count = object.next_value()?,
                        "error_code" | "errorCode" | "error" => {
                            let value = object.next_value::<Scalar<'de>>()?;
                            let code = value.into_text();
                            let code = code.map(|code| code.filter(|code| code != "0"));
                            parts.reports_error |= !matches!(code, Ok(None));
                        }
                        _ => {
                            object.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(parts)
            }
        }
        deserializer.deserialize_map(PartsVisitor)
    }
}

/// The value of `screen_records`: a list, or `None` for null.
struct Rows<'a>(Option<Vec<Row<'a>>>);

/// The repair copies the body more than once.
const MAX_REPAIRED_BYTES: usize = 8 << 20;
/// Capacity for the largest page that is requested, so that the list need not grow.
const EXPECTED_ROWS: usize = 1000;
/// A server may ignore the requested limit, and a row of two bytes takes 500 bytes in memory.
const MAX_ROWS: usize = 20_000;
const TOO_MANY_ROWS: &str = "more than 20000 rows in one page";

impl<'de> Deserialize<'de> for Rows<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor;
        impl<'de> Visitor<'de> for RowsVisitor {
            type Value = Rows<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::with_capacity(EXPECTED_ROWS);
                while let Some(row) = list.next_element::<WireRow<'de>>()? {
                    if rows.len() == MAX_ROWS {
                        return Err(serde::de::Error::custom(TOO_MANY_ROWS));
                    }
                    rows.push(row.0);
                }
                Ok(Rows(Some(rows)))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Rows(None))
            }
        }
        deserializer.deserialize_any(RowsVisitor)
    }
}

#[cfg(test)]
mod tests;

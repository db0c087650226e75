//! A whole page: `{"screen_records": [...], "total_count": n}`.

use std::fmt;

use bytes::Bytes;
use self_cell::self_cell;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error_body::{ErrorBody, one_line};
use super::row::WireRow;
use super::scalar::Scalar;
use super::utf8_repair::repaired;
use crate::record::Row;

/// One page of records, in the order of the API.
#[derive(Debug)]
pub struct Page<'a> {
    /// The API's count of all rows that match, if it gave one that can be a count.
    pub total_count: Option<u64>,
    /// The rows of this page.
    pub rows: Vec<Row<'a>>,
}

/// Why a body is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The body reports an error.
    #[error("the body reports an error: {0}")]
    Reported(ErrorBody),
    /// The body is no JSON, or none that can be read.
    #[error("the body is no JSON page: {0}")]
    NotJson(String),
    /// The body is JSON without a list of records.
    #[error("the body has no list `screen_records`")]
    NoRecords,
}

self_cell! {
    /// A [`Page`] together with the body from which it borrows its texts.
    ///
    /// The client parses the body, because it retries a request whose body is not a page. The caller
    /// then reads the same parsed page, without holding up the next request.
    pub struct OwnedPage {
        owner: Bytes,

        #[covariant]
        dependent: Page,
    }

    impl {Debug}
}

impl OwnedPage {
    /// Parses a body like [`Page::decode`]. If the body is not JSON because a text was cut in the
    /// middle of a character, the text gets U+FFFD there and is parsed again.
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

    /// The parsed page.
    pub fn page(&self) -> &Page<'_> {
        self.borrow_dependent()
    }

    fn decode(body: Bytes, offset: u64) -> Result<Self, PageError> {
        Self::try_new(body, |body| Page::decode(body, offset))
    }
}

impl<'a> Page<'a> {
    /// Reads the body of an answer to a request that began at row `offset`.
    ///
    /// A body without records is a page only when it says that there are none at that offset:
    /// some servers leave out an empty list, and a proxy's `{}` must not pass for one.
    ///
    /// # Errors
    ///
    /// [`PageError`] for everything that is no page.
    pub fn decode(body: &'a [u8], offset: u64) -> Result<Self, PageError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // One look at the whole body spares the parser one at every text.
        let parts: Result<Parts<'a>, _> = match std::str::from_utf8(body) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(body),
        };
        let parts = parts.map_err(|error| not_json(&error, body))?;
        let total_count = parts.total_count.into_count().unwrap_or(None);
        match parts.records {
            Some(rows) if !parts.reports_error || !rows.is_empty() => {
                Ok(Self { total_count, rows })
            }
            _ if parts.reports_error => Err(PageError::Reported(ErrorBody::read(body))),
            None if total_count.is_some_and(|total| offset >= total) => {
                Ok(Self { total_count, rows: Vec::new() })
            }
            _ => Err(PageError::NoRecords),
        }
    }
}

/// The parser may quote a text in full, however long it is.
const MAX_ERROR_CHARS: usize = 200;

fn not_json(error: &serde_json::Error, body: &[u8]) -> PageError {
    let error = one_line(&error.to_string(), MAX_ERROR_CHARS);
    PageError::NotJson(format!("{error}, in {}", excerpt(body)))
}

/// The beginning of a body for an error message, without line breaks.
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

/// Mending copies the body more than once.
const MAX_REPAIRED_BYTES: usize = 8 << 20;
/// A page asks for 1000 rows at most; room for them without growing.
const EXPECTED_ROWS: usize = 1000;
/// A server may ignore the limit; a row of two bytes takes 500 in memory.
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
mod tests {
    use super::*;
    use crate::record::RejectionReason::{NoId, NoStartTime, NotAnObject};
    use crate::record::{RecordType, Status, Term, Timestamp};

    fn page(json: &str) -> Page<'_> {
        Page::decode(json.as_bytes(), 0).unwrap()
    }

    #[test]
    fn the_documented_example_is_read_as_printed() {
        let body = include_bytes!("../../../../tests/fixtures/documented-example.json");
        let page = Page::decode(body, 0).unwrap();
        assert_eq!(page.total_count, Some(2));
        let first = page.rows[0].as_ref().unwrap();
        assert_eq!(first.id, "8ac225c2781f230a01781f29b2e7xxxx");
        assert_eq!(first.status, Term::Known(Status::UploadCompleted));
        assert_eq!(first.record_type, Term::Known(RecordType::Full));
        assert_eq!(first.size, Some(546));
        assert_eq!(first.duration, Some(3000));
        assert_eq!(first.start_time, Timestamp::parse("2024-03-12T12:02:01Z").unwrap());
        assert!(first.odd.is_empty());
        let second = page.rows[1].as_ref().unwrap();
        assert_eq!(second.record_type, Term::Known(RecordType::Interval));
    }

    #[test]
    fn all_fields_are_read() {
        let json = r#"{"total_count":1,"screen_records":[{"id":"i","desktop_id":"di",
            "desktop_name":"dn","desktop_pool_id":"dp","username":"u","size":3000000000,
            "type":"OPERATION","status":"UPLOADING","policy_id":"p","obs_bucket":"b",
            "file_directory":"fd","video_filename":"v","video_file_sha256":"vs",
            "event_filename":"e","event_file_sha256":"es","start_time":"2024-10-15T10:04:41.263Z",
            "end_time":"2024-10-15T11:04:41.263Z","update_time":"2024-10-15T11:04:42Z",
            "duration":3600,"upload_type":"ut","site_type":"CENTER","new_field":{"x":[1]}}]}"#;
        let page = page(json);
        let record = page.rows[0].as_ref().unwrap();
        let texts = [
            &record.desktop_id,
            &record.desktop_name,
            &record.desktop_pool_id,
            &record.username,
            &record.policy_id,
            &record.obs_bucket,
            &record.file_directory,
            &record.video_filename,
            &record.video_file_sha256,
            &record.event_filename,
            &record.event_file_sha256,
            &record.upload_type,
            &record.site_type,
        ];
        let texts: Vec<_> = texts.into_iter().map(|text| text.as_deref().unwrap()).collect();
        let expected =
            ["di", "dn", "dp", "u", "p", "b", "fd", "v", "vs", "e", "es", "ut", "CENTER"];
        assert_eq!(texts, expected);
        assert_eq!(record.size, Some(3_000_000_000));
        assert_eq!(record.duration, Some(3600));
        assert_eq!(record.end_time.unwrap().millis() - record.start_time.millis(), 3_600_000);
        assert_eq!(record.update_time.unwrap().to_rfc3339(), "2024-10-15T11:04:42.000Z");
    }

    #[test]
    fn odd_and_null_fields_count_as_absent_and_odd_ones_are_named() {
        let json = r#"{"total_count":"1","screen_records":[{"id":7,"start_time":1710244921000,
            "size":"12 MB","duration":-5,"status":null,"type":"SURPRISE","username":["u"],
            "end_time":"yesterday","update_time":null,"desktop_pool_id":""}]}"#;
        let page = page(json);
        assert_eq!(page.total_count, Some(1));
        let record = page.rows[0].as_ref().unwrap();
        assert_eq!(record.id, "7");
        assert_eq!(record.size, None);
        assert_eq!(record.duration, None);
        assert_eq!(record.status, Term::Absent);
        assert_eq!(record.record_type, Term::Unknown("SURPRISE".into()));
        assert_eq!(record.desktop_pool_id, None);
        let odd: Vec<_> = record.odd.names().collect();
        assert_eq!(odd, ["username", "size", "end_time", "duration"]);
    }

    #[test]
    fn rows_without_identity_or_start_are_rejected_and_the_others_stay() {
        let json = r#"{"screen_records":[null,[],"x",1,true,{},{"id":""},{"id":"a"},
            {"id":"b","start_time":"soon"},{"id":"c","start_time":"2024-03-12 12:02:01"}]}"#;
        let reasons: Vec<_> =
            page(json).rows.iter().map(|row| row.as_ref().err().map(|r| r.reason)).collect();
        let mut expected = vec![Some(NotAnObject); 5];
        expected.extend([Some(NoId), Some(NoId), Some(NoStartTime), Some(NoStartTime), None]);
        assert_eq!(reasons, expected);
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let cases = [
            (
                "",
                "the body is no JSON page: EOF while parsing a value at line 1 column 0, in an empty body",
            ),
            ("{}", "the body has no list `screen_records`"),
            (
                "[]",
                "the body is no JSON page: invalid type: sequence, expected an object with `screen_records` and `total_count` at line 1 column 0, in \"[]\"",
            ),
            (r#"{"total_count":5}"#, "the body has no list `screen_records`"),
            (r#"{"screen_records":null}"#, "the body has no list `screen_records`"),
            (
                r#"{"screen_records":null,"error_code":"WKS.0001","error_msg":"no"}"#,
                "the body reports an error: WKS.0001: no",
            ),
            (
                r#"{"error_code":"WKS.00010109","error_msg":"busy"}"#,
                "the body reports an error: WKS.00010109: busy",
            ),
            (
                r#"{"error":{"code":401,"message":"denied"}}"#,
                "the body reports an error: 401: denied",
            ),
            (
                r#"{"screen_records":[{"id":"a"}"#,
                "the body is no JSON page: EOF while parsing a list at line 1 column 29, in \"{\\\"screen_records\\\":[{\\\"id\\\":\\\"a\\\"}\"",
            ),
        ];
        for (body, message) in cases {
            assert_eq!(
                Page::decode(body.as_bytes(), 0).unwrap_err().to_string(),
                message,
                "{body}"
            );
        }
        for body in ["<html>bad gateway</html>", r#"{"screen_records":{"id":"a"}}"#, &deep] {
            assert!(
                matches!(Page::decode(body.as_bytes(), 0), Err(PageError::NotJson(_))),
                "{body}"
            );
        }
        assert!(matches!(Page::decode(b"\xff\xfe{\0}\0", 0), Err(PageError::NotJson(_))));
    }

    #[test]
    fn the_error_repeats_little_of_the_body() {
        let long = "x".repeat(1 << 20);
        for body in [format!("\"{long}\""), format!("{{\"screen_records\":\"{long}\"}}")] {
            let text = Page::decode(body.as_bytes(), 0).unwrap_err().to_string();
            assert!(text.contains("invalid type: string \"xxx"), "{text}");
            assert!(text.len() < 400, "{} bytes", text.len());
        }
    }

    #[test]
    fn an_empty_list_may_be_left_out_where_the_count_says_that_nothing_is_left() {
        let body = br#"{"total_count":5}"#;
        assert!(Page::decode(body, 5).unwrap().rows.is_empty());
        assert!(Page::decode(body, 4).is_err());
        assert!(Page::decode(br#"{"total_count":0,"screen_records":null}"#, 0).is_ok());
        assert!(Page::decode(b"\xef\xbb\xbf{\"total_count\":0}", 0).is_ok());
    }

    #[test]
    fn a_count_that_can_be_none_is_none() {
        for total in ["-1", "null", "\"many\"", "1.5e30", "[2]"] {
            let body = format!(r#"{{"total_count":{total},"screen_records":[]}}"#);
            assert_eq!(page(&body).total_count, None, "{total}");
        }
    }

    #[test]
    fn an_error_code_that_says_nothing_is_no_error() {
        for code in ["\"\"", "null", "0", "\"0\""] {
            let body = format!("{{\"error_code\":{code},\"screen_records\":[],\"total_count\":0}}");
            assert!(page(&body).rows.is_empty());
        }
    }
}

//! Reads the dates in HTTP headers.
//!
//! The format is that of RFC 9110 (`Sun, 22 Nov 2026 12:01:30 GMT`), of which the reader of RFC
//! 2822 accepts more variants, such as `+0000` in place of `GMT`, than one that reads only RFC
//! 9110.

use chrono::{DateTime, FixedOffset};
use http::{HeaderMap, HeaderName};

/// Returns the date in a header; `None` if the header is absent or not a date.
pub(super) fn date(headers: &HeaderMap, name: HeaderName) -> Option<DateTime<FixedOffset>> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn dates_of_rfc_9110_and_of_rfc_2822_are_read() {
        let cases = [
            ("Sun, 22 Nov 2026 12:01:30 GMT", true),
            ("Sun, 22 Nov 2026 12:01:30 +0000", true),
            ("Sun, 22 Nov 2026 20:01:30 +0800", true),
            ("22 Nov 2026 12:01:30 GMT", true),
            ("Mon, 22 Nov 2026 12:01:30 GMT", false),
            ("2026-11-22T12:01:30Z", false),
            ("", false),
        ];
        for (text, is_date) in cases {
            let headers = HeaderMap::from_iter([(header::DATE, text.parse().unwrap())]);
            let millis = date(&headers, header::DATE).map(|date| date.timestamp_millis());
            assert_eq!(millis, is_date.then_some(1_795_348_890_000), "{text}");
        }
    }
}

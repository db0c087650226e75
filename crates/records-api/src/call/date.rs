//! Reads the dates in HTTP headers, and compares the clock of the server with ours.
//!
//! The format is that of RFC 9110 (`Sun, 22 Nov 2026 12:01:30 GMT`), of which the reader of RFC
//! 2822 accepts more variants, such as `+0000` in place of `GMT`, than one that reads only RFC
//! 9110.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use http::{HeaderMap, HeaderName, header};

/// Largest age that caches report (RFC 9111, 1.2.2).
const MAX_AGE_SECONDS: u64 = 1 << 31;

/// Returns the date in a header; `None` if the header is absent or not a date.
pub(super) fn date(headers: &HeaderMap, name: HeaderName) -> Option<DateTime<FixedOffset>> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text.trim()).ok()
}

/// Returns the age of a response from a cache in seconds; `None` if it comes from the server itself.
pub(super) fn age(headers: &HeaderMap) -> Option<Duration> {
    // Of several values, the first one counts (RFC 9111, 5.1).
    let text = headers.get(header::AGE)?.to_str().ok()?.split(',').next()?;
    let seconds = text.trim().parse().unwrap_or(0).min(MAX_AGE_SECONDS);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Returns by how many milliseconds the server's clock is ahead of ours, according to the `Date` of
/// a response; `None` without one. `sent` and `received` are the times of the exchange by our
/// clock, in milliseconds.
///
/// The server wrote the date at some moment between them, or, for a response from a cache, its age
/// earlier. Some caches write their own date instead, so an age shows only that the date may be as
/// old.
pub(super) fn clock_ahead(headers: &HeaderMap, sent: i64, received: i64) -> Option<i64> {
    let date = date(headers, header::DATE)?.timestamp_millis();
    let age = age(headers).map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    // A date has no fraction of a second.
    let latest = date.saturating_add(999).saturating_add(age);
    Some(if date > received {
        date.saturating_sub(received)
    } else if latest < sent {
        // Nobody knows when the server wrote the date of a long answer, but most answers are short.
        date.saturating_add(age).saturating_sub(received.min(sent.saturating_add(1000)))
    } else {
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_compared_with_the_time_of_the_exchange_and_the_age() {
        let date = 1_795_348_890_000;
        let cases = [
            // sent, received, age, ahead
            (0, 0, None, 0),
            (-200, 900, None, 0),
            (999, 999, None, 0),
            (700_000, 700_000, None, -700_000),
            (-800_000, -700_000, None, 700_000),
            (-290_000, 5000, None, 0),
            (3000, 290_000, None, -4000),
            (720_000, 721_000, Some("720"), 0),
            (720_000, 721_000, Some(" 719, 3"), -2000),
            (0, 10, Some("86400"), 0),
            (-700_000, -700_000, Some("900"), 700_000),
            (700_000, 700_000, Some("-900"), -700_000),
            (700_000, 700_000, Some("old"), -700_000),
            (0, 0, Some("99999999999999999999999"), 0),
        ];
        for (sent, received, age, ahead) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::DATE, "Sun, 22 Nov 2026 12:01:30 GMT".parse().unwrap());
            if let Some(age) = age {
                headers.insert(header::AGE, age.parse().unwrap());
            }
            let found = clock_ahead(&headers, date + sent, date + received);
            assert_eq!(found, Some(ahead), "{sent} {received} {age:?}");
        }
        assert_eq!(clock_ahead(&HeaderMap::new(), 0, 0), None);
    }

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

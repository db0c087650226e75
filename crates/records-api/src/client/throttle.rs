//! How long the API wants to be left alone: by `Retry-After`, or by the text of its refusal.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::date::date;
use crate::error::ApiError;

/// However long the API asks us to wait, after this it is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// A 429 that says nothing of its window: the provider's advice is 2 to 5 seconds.
const UNKNOWN_THROTTLE_PAUSE: Duration = Duration::from_secs(2);

/// How long the API wants to be left alone.
pub(crate) fn asked_pause(error: &ApiError) -> Option<Duration> {
    let ApiError::Refused { status, error_body, retry_after, .. } = error else { return None };
    let throttled = *status == StatusCode::TOO_MANY_REQUESTS;
    let asked = retry_after
        .or_else(|| {
            throttled.then(|| error_body.message.as_deref().and_then(throttle_window)).flatten()
        })
        .or_else(|| throttled.then_some(UNKNOWN_THROTTLE_PAUSE));
    asked.map(|pause| pause.min(MAX_PAUSE))
}

/// What `Retry-After` says: seconds, or a moment by the clock of the same answer's `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = date(headers, header::RETRY_AFTER)?;
    until.signed_duration_since(date(headers, header::DATE)?).to_std().ok()
}

/// The window in `policy user over ratelimit,limit:200,time:5 minute`: after that long the
/// threshold is surely over.
fn throttle_window(message: &str) -> Option<Duration> {
    let (_, window) = message.rsplit_once("time:")?;
    let mut words = window.split(|c: char| !c.is_ascii_alphanumeric());
    let count: u64 = words.next()?.parse().ok()?;
    let unit = match words.next()?.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(count.saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Endpoint, wire::ErrorBody};

    /// What may stand in a header: moments, numbers, anything.
    fn header() -> impl Strategy<Value = String> {
        prop_oneof![
            "(Sun|Mon), [0-9]{1,2} (Nov|Feb) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|[+-][0-9]{4})",
            "Sun, 22 Nov 2026 12:[0-5][0-9]:[0-5][0-9] GMT",
            "[+-]?[0-9]{1,25}",
            "[ -~]{0,40}",
        ]
    }

    proptest! {
        #[test]
        fn whatever_a_throttle_says_the_pause_has_an_end(
            value in header(),
            date in header(),
            window in "(time:)?[0-9]{0,25} ?(second|minute|hour|\\PC)?s?.{0,3}",
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            headers.insert(header::DATE, date.parse().unwrap());
            let asked = retry_after(&headers);
            if let Ok(seconds) = value.trim().parse() {
                prop_assert_eq!(asked, Some(Duration::from_secs(seconds)));
            }
            for retry_after in [asked, None] {
                let error = ApiError::Refused {
                    endpoint: Endpoint::ScreenRecords,
                    status: StatusCode::TOO_MANY_REQUESTS,
                    error_body: ErrorBody { code: None, message: Some(window.clone()) },
                    cause: None,
                    retry_after,
                };
                prop_assert!(asked_pause(&error).is_some_and(|pause| pause <= MAX_PAUSE));
            }
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_moment() {
        let cases = [
            (Some("7"), Some(7)),
            (Some("Sun, 22 Nov 2026 12:01:30 GMT"), Some(90)),
            (Some("Sun, 22 Nov 2026 11:00:00 GMT"), None),
            (Some("-1"), None),
            (Some("soon"), None),
            (None, None),
        ];
        for (value, seconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::DATE, "Sun, 22 Nov 2026 12:00:00 GMT".parse().unwrap());
            if let Some(value) = value {
                headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            }
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn the_window_of_a_throttle_is_read_from_its_text() {
        let cases = [
            ("policy user over ratelimit,limit:200,time:5 minute", Some(300)),
            ("policy ip over ratelimit,limit:5,time:1 second", Some(1)),
            ("limit:5,time:2 hours.", Some(7200)),
            ("slow down", None),
            ("time:many minute", None),
            ("time:5 fortnight", None),
        ];
        for (message, seconds) in cases {
            assert_eq!(throttle_window(message), seconds.map(Duration::from_secs), "{message}");
        }
    }
}

//! The pause that the API requests, by `Retry-After` or by the message of a 429.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::date::date;
use crate::error::ApiError;

/// Upper limit of a pause, however long the API requests it.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// Pause after a 429 that names no period. The provider recommends 2 to 5 seconds.
const DEFAULT_THROTTLE_PAUSE: Duration = Duration::from_secs(2);

/// Returns the pause that the API requested with an error response; `None` if it requested none.
pub(crate) fn requested_pause(error: &ApiError) -> Option<Duration> {
    let ApiError::Refused { status, error_body, retry_after, .. } = error else { return None };
    let throttled = *status == StatusCode::TOO_MANY_REQUESTS;
    let pause = retry_after
        .or_else(|| {
            throttled.then(|| error_body.message.as_deref().and_then(throttle_period)).flatten()
        })
        .or_else(|| throttled.then_some(DEFAULT_THROTTLE_PAUSE));
    pause.map(|pause| pause.min(MAX_PAUSE))
}

/// Returns the pause in the header `Retry-After`: seconds, or a date, which is compared with the
/// `Date` of the same response because our clock may differ.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = date(headers, header::RETRY_AFTER)?;
    until.signed_duration_since(date(headers, header::DATE)?).to_std().ok()
}

/// Returns the period in a message like `policy user over ratelimit,limit:200,time:5 minute`, after
/// which requests are accepted again.
fn throttle_period(message: &str) -> Option<Duration> {
    let (_, period) = message.rsplit_once("time:")?;
    let mut words = period.split(|c: char| !c.is_ascii_alphanumeric());
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

    /// Values of headers: dates, numbers, other texts.
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
        fn every_pause_is_limited(
            value in header(),
            date in header(),
            window in "(time:)?[0-9]{0,25} ?(second|minute|hour|\\PC)?s?.{0,3}",
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            headers.insert(header::DATE, date.parse().unwrap());
            let requested = retry_after(&headers);
            if let Ok(seconds) = value.trim().parse() {
                prop_assert_eq!(requested, Some(Duration::from_secs(seconds)));
            }
            for retry_after in [requested, None] {
                let error = ApiError::Refused {
                    endpoint: Endpoint::ScreenRecords,
                    status: StatusCode::TOO_MANY_REQUESTS,
                    error_body: ErrorBody { code: None, message: Some(window.clone()) },
                    cause: None,
                    retry_after,
                };
                prop_assert!(requested_pause(&error).is_some_and(|pause| pause <= MAX_PAUSE));
            }
        }
    }

    #[test]
    fn retry_after_is_parsed_as_seconds_and_as_a_date() {
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
    fn the_period_is_parsed_from_the_message_of_a_429() {
        let cases = [
            ("policy user over ratelimit,limit:200,time:5 minute", Some(300)),
            ("policy ip over ratelimit,limit:5,time:1 second", Some(1)),
            ("limit:5,time:2 hours.", Some(7200)),
            ("slow down", None),
            ("time:many minute", None),
            ("time:5 fortnight", None),
        ];
        for (message, seconds) in cases {
            assert_eq!(throttle_period(message), seconds.map(Duration::from_secs), "{message}");
        }
    }
}

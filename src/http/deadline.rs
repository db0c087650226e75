//! Deadline of a scrape.

use std::time::Duration;

use axum::http::HeaderMap;

/// Sent by Prometheus with every scrape: a decimal number of seconds.
const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// Upper limit of a scrape's timeout, whatever its header says.
pub(super) const MAX_SCRAPE_TIMEOUT: Duration = Duration::from_secs(120);

/// Returns the time that a scrape may take: the timeout in its header minus `offset`. Uses `default`
/// if the header is missing or is not a positive number.
pub(super) fn scrape_timeout(headers: &HeaderMap, offset: Duration, default: Duration) -> Duration {
    let granted = headers
        .get(TIMEOUT_HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
        .map_or(default, |seconds| {
            Duration::from_secs_f64(seconds.min(MAX_SCRAPE_TIMEOUT.as_secs_f64()))
        });
    granted.saturating_sub(offset).min(MAX_SCRAPE_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_timeout_is_bounded_for_every_header(
            value in "[+-]?[0-9]{0,12}\\.?[0-9]{0,12}(e-?[0-9]{1,4})?|[ -~]{0,12}",
            offset in 0..2000_u64,
        ) {
            let offset = Duration::from_millis(offset);
            let default = Duration::from_secs(5);
            let headers = HeaderMap::from_iter([(
                axum::http::HeaderName::from_static(TIMEOUT_HEADER),
                value.parse().unwrap(),
            )]);
            let timeout = scrape_timeout(&headers, offset, default);
            prop_assert!(timeout <= MAX_SCRAPE_TIMEOUT);
            let granted = match value.trim().parse() {
                Ok(seconds) if (f64::MIN_POSITIVE..120.0).contains(&seconds) => seconds,
                Ok(seconds) if (120.0..f64::INFINITY).contains(&seconds) => 120.0,
                Ok(seconds) if seconds > 0.0 && seconds.is_finite() => 0.0,
                _ => 5.0,
            };
            let expected = (granted - offset.as_secs_f64()).max(0.0);
            prop_assert!((timeout.as_secs_f64() - expected).abs() < 1e-6, "{timeout:?}");
        }
    }

    #[test]
    fn an_invalid_header_is_ignored() {
        let cases = [
            (Some("10"), 9500),
            (Some("1.000"), 500),
            (Some("0.9"), 400),
            (Some("0.3"), 0),
            (Some("1e9"), 119_500),
            (Some("-1"), 4500),
            (Some("0"), 4500),
            (Some("NaN"), 4500),
            (Some("inf"), 4500),
            (Some("soon"), 4500),
            (None, 4500),
        ];
        for (header, millis) in cases {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(TIMEOUT_HEADER, header.parse().unwrap());
            }
            let timeout =
                scrape_timeout(&headers, Duration::from_millis(500), Duration::from_secs(5));
            assert_eq!(timeout, Duration::from_millis(millis), "{header:?}");
        }
    }
}

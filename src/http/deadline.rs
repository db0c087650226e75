//! How long a scrape may take.

use std::time::Duration;

use axum::http::HeaderMap;

/// Sent by Prometheus with every scrape: a decimal number of seconds.
const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// No scrape is kept waiting longer, whatever it asks for.
const LONGEST: Duration = Duration::from_secs(600);

/// The time for a scrape: what its header grants less `offset`, or `default` where it has none or
/// one that is no number of seconds.
pub(super) fn scrape_timeout(headers: &HeaderMap, offset: Duration, default: Duration) -> Duration {
    let granted = headers
        .get(TIMEOUT_HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
        .map_or(default, |seconds| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())));
    granted.saturating_sub(offset).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_decides_and_nonsense_does_not() {
        let cases = [
            (Some("10"), 9500),
            (Some("1.000"), 500),
            (Some("0.9"), 400),
            (Some("0.3"), 0),
            (Some("1e9"), 599_500),
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

//! Times in parameters, headers and credentials. All times are UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Parses `yyyy-MM-dd HH:mm:ss`, the only documented format of the time parameters.
pub(crate) fn read_parameter(text: &str) -> Option<i64> {
    // chrono also accepts single digits and signs.
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "0000-00-00 00:00:00" {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    let time = date.and_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    Some(time.and_utc().timestamp_millis())
}

/// Parses a time for `/simulator/truth`: ISO 8601, the format of the parameters, or milliseconds
/// since the Unix epoch.
pub(crate) fn read_any(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let time = text.parse::<NaiveDateTime>().ok();
    time.map(|time| time.and_utc().timestamp_millis()).or_else(|| read_parameter(text))
}

/// Formats a time for the `Date` header.
pub(crate) fn http_date(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Formats a time as IAM and the metadata service do, with six fractional digits.
pub(crate) fn iso_micros(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Returns a duration in milliseconds.
pub(crate) fn duration_millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_accept_only_the_documented_format() {
        assert_eq!(read_parameter("2024-10-15 10:04:41"), Some(1_728_986_681_000));
        for wrong in [
            "2024-10-15T10:04:41Z",
            "2024-10-15",
            "2024-13-15 10:04:41",
            "2024-10-15 10:04:61",
            "１024-10-15 10:04:41",
            "yesterday",
            "",
        ] {
            assert_eq!(read_parameter(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_truth_accepts_times_in_any_usual_format() {
        for text in [
            "1728986681000",
            "2024-10-15T10:04:41Z",
            "2024-10-15T12:04:41+02:00",
            "2024-10-15 10:04:41",
        ] {
            assert_eq!(read_any(text), Some(1_728_986_681_000), "{text}");
        }
        assert_eq!(read_any("soon"), None);
    }

    #[test]
    fn the_date_header_has_the_http_format() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn times_of_credentials_have_six_fractional_digits() {
        assert_eq!(iso_micros(1_578_128_722_701), "2020-01-04T09:05:22.701000Z");
        assert_eq!(iso_micros(784_111_777_000), "1994-11-06T08:49:37.000000Z");
    }
}

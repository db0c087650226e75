//! Times as the API writes and reads them, and the `Date` header. Everything is UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::dialect::Times;

/// China's time, which the offset form shows.
const OFFSET: i64 = 8 * 3_600_000;

impl Times {
    /// The moment as a reader of the rows can know it: without what the format leaves out.
    pub(super) fn as_shown(self, millis: i64) -> i64 {
        match self {
            Self::IsoMillis
            | Self::Colon
            | Self::EpochMillis
            | Self::IsoNanos
            | Self::IsoOffset => millis,
            Self::IsoSeconds | Self::Space => millis - millis.rem_euclid(1000),
        }
    }

    /// Writes the moment as a JSON value.
    pub(super) fn write(self, out: &mut Vec<u8>, millis: i64) {
        if self == Self::EpochMillis {
            return integer(out, millis);
        }
        let shown = if self == Self::IsoOffset { millis + OFFSET } else { millis };
        let time = DateTime::from_timestamp_millis(shown).unwrap_or_default();
        out.push(b'"');
        digits(out, u32::try_from(time.year()).unwrap_or(0), 4);
        for (before, number) in [(b'-', time.month()), (b'-', time.day())] {
            out.push(before);
            digits(out, number, 2);
        }
        out.push(if self == Self::Space { b' ' } else { b'T' });
        digits(out, time.hour(), 2);
        for number in [time.minute(), time.second()] {
            out.push(b':');
            digits(out, number, 2);
        }
        let fraction = time.timestamp_subsec_millis();
        match self {
            Self::IsoMillis | Self::IsoNanos | Self::IsoOffset => {
                out.push(b'.');
                digits(out, fraction, 3);
                out.extend_from_slice(match self {
                    Self::IsoNanos => b"000000Z",
                    Self::IsoOffset => b"+08:00",
                    _ => b"Z",
                });
            }
            Self::Colon => {
                out.push(b':');
                digits(out, fraction, 3);
                out.extend_from_slice(b"000Z");
            }
            Self::IsoSeconds => out.push(b'Z'),
            Self::Space | Self::EpochMillis => {}
        }
        out.push(b'"');
    }
}

/// Reads `yyyy-MM-dd HH:mm:ss`, the one format that the parameters document.
pub(super) fn read_parameter(text: &str) -> Option<i64> {
    // chrono would also take single digits and signs.
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

/// Reads a moment for the truth: ISO 8601, the space form, or milliseconds since the epoch.
pub(super) fn read_any(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let time = text.parse::<NaiveDateTime>().ok();
    time.map(|time| time.and_utc().timestamp_millis()).or_else(|| read_parameter(text))
}

/// The moment as HTTP's `Date` header has it.
pub(super) fn http_date(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The moment as IAM and the metadata service write it, with six digits of a fraction.
pub(super) fn micros(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Writes a number in decimal.
pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn digits(out: &mut Vec<u8>, number: u32, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

/// A duration in milliseconds.
pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_every_format() {
        let written = |times: Times| {
            let mut out = Vec::new();
            times.write(&mut out, 1_728_986_681_263);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Times::IsoMillis), r#""2024-10-15T10:04:41.263Z""#);
        assert_eq!(written(Times::IsoSeconds), r#""2024-10-15T10:04:41Z""#);
        assert_eq!(written(Times::Space), r#""2024-10-15 10:04:41""#);
        assert_eq!(written(Times::Colon), r#""2024-10-15T10:04:41:263000Z""#);
        assert_eq!(written(Times::EpochMillis), "1728986681263");
        assert_eq!(written(Times::IsoNanos), r#""2024-10-15T10:04:41.263000000Z""#);
        assert_eq!(written(Times::IsoOffset), r#""2024-10-15T18:04:41.263+08:00""#);
    }

    #[test]
    fn only_the_documented_format_is_read_from_parameters() {
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
    fn the_truth_reads_moments_in_any_usual_form() {
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
    fn the_date_header_is_that_of_http() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn moments_of_credentials_have_six_digits_of_a_fraction() {
        assert_eq!(micros(1_578_128_722_701), "2020-01-04T09:05:22.701000Z");
        assert_eq!(micros(784_111_777_000), "1994-11-06T08:49:37.000000Z");
    }
}

//! Points in time, and the formats in which the API writes them.

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Timestamp(i64);

/// From 2000-01-01 until 9999-12-31. Values outside are not times of recordings but zero values
/// (`0001-01-01T00:00:00Z`), or seconds where milliseconds are expected.
const PLAUSIBLE_MILLIS: std::ops::RangeInclusive<i64> = 946_684_800_000..=253_402_300_799_999;

impl Timestamp {
    /// Creates a timestamp from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns the seconds since the Unix epoch with a fraction, the unit of Prometheus.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Returns the timestamp without its fraction of a second.
    #[must_use]
    pub fn floor_to_second(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// Returns the timestamp `millis` milliseconds later, or earlier if negative. Saturates.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Creates a timestamp from milliseconds since the Unix epoch; `None` if that cannot be a time
    /// of a recording (before 2000 or after 9999).
    pub fn from_plausible_millis(millis: i64) -> Option<Self> {
        PLAUSIBLE_MILLIS.contains(&millis).then_some(Self(millis))
    }

    /// Parses all formats that the API is known or documented to use:
    ///
    /// * `2024-10-15T10:04:41.263Z`, with 0 to 9 digits of a fraction after a dot, comma or colon,
    ///   and with `Z`, an offset or nothing (UTC)
    /// * `2024-03-12 12:02:01` (UTC)
    /// * milliseconds since the Unix epoch
    ///
    /// Returns `None` for other texts, and for times before 2000 or after 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = text.as_bytes();
        if bytes.len() < 19 || bytes[4] != b'-' {
            let millis: i64 = text.parse().ok()?;
            return Self::from_plausible_millis(millis);
        }
        if bytes[7] != b'-'
            || !matches!(bytes[10], b'T' | b't' | b' ')
            || bytes[13] != b':'
            || bytes[16] != b':'
        {
            return None;
        }
        let date = NaiveDate::from_ymd_opt(
            i32::try_from(number(&bytes[0..4])?).ok()?,
            number(&bytes[5..7])?,
            number(&bytes[8..10])?,
        )?;
        let (hour, minute, second) =
            (number(&bytes[11..13])?, number(&bytes[14..16])?, number(&bytes[17..19])?);
        // Second 60 is a leap second; it becomes the next second.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (fraction, zone) = split_fraction(&bytes[19..])?;
        let seconds_of_day = i64::from(hour * 3600 + minute * 60 + second);
        let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
        let seconds = midnight + seconds_of_day - zone_seconds(zone)?;
        Self::from_plausible_millis(seconds * 1000 + i64::from(fraction))
    }

    /// Formats the timestamp for a query parameter, in whole seconds: `2024-03-12 12:02:01`.
    pub fn to_query(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S")
    }

    /// Formats the timestamp for people and logs: `2024-03-12T12:02:01.263Z`.
    pub fn to_rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.3fZ")
    }

    fn format(self, pattern: &str) -> String {
        DateTime::from_timestamp_millis(self.0)
            .map_or_else(|| format!("{} ms", self.0), |time| time.format(pattern).to_string())
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })
}

/// Splits `.263000Z` into milliseconds and the zone. Digits after the third are dropped.
fn split_fraction(rest: &[u8]) -> Option<(u32, &[u8])> {
    let [b'.' | b',' | b':', after @ ..] = rest else { return Some((0, rest)) };
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 9 {
        return None;
    }
    let padded = after[..digits].iter().chain(b"000").take(3);
    let millis = padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((millis, &after[digits..]))
}

/// Parses the offset from UTC in seconds: nothing, `Z`, `+08:00`, `+0800` or `+08`.
fn zone_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [_, _] => (number(digits)?, 0),
        [_, _, _, _] => (number(&digits[..2])?, number(&digits[2..])?),
        [_, _, b':', _, _] => (number(&digits[..2])?, number(&digits[3..])?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_known_formats_are_parsed() {
        let cases = [
            ("2024-10-15T10:04:41.263Z", 1_728_986_681_263),
            ("2024-03-12 12:02:01", 1_710_244_921_000),
            ("2024-03-12T12:02:01", 1_710_244_921_000),
            ("2024-03-12T12:02:01Z", 1_710_244_921_000),
            ("2024-03-12t12:02:01.5z", 1_710_244_921_500),
            ("2024-03-12T12:02:01.Z", 1_710_244_921_000),
            ("2024-03-12T20:02:01.000+08:00", 1_710_244_921_000),
            ("2024-03-12T20:02:01+0800", 1_710_244_921_000),
            ("2024-03-12T04:02:01-08", 1_710_244_921_000),
            ("2020-01-08T03:16:01:599000Z", 1_578_453_361_599),
            ("2017-04-17T07:55:18.575000Z", 1_492_415_718_575),
            ("2024-03-12T12:02:01.123456789Z", 1_710_244_921_123),
            ("1710244921000", 1_710_244_921_000),
            (" 2024-03-12 12:02:01 ", 1_710_244_921_000),
            ("2024-02-29 23:59:60", 1_709_251_200_000),
        ];
        for (text, millis) in cases {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(millis)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_parsed() {
        let cases = [
            "",
            "yesterday",
            "2024-13-01 00:00:00",
            "2023-02-29 00:00:00",
            "2024-03-12 24:00:00",
            "2024-03-12 12:60:00",
            "2024-03-12 12:02:61",
            "2024-03-12T12:02:01.1234567890Z",
            "2024-03-12T12:02:01ZZ",
            "2024-03-12T12:02:01+8",
            "2024-03-12T12:02:01 UTC",
            "2024-03-12",
            "0001-01-01T00:00:00Z",
            "1710244921",
            "-1",
            "２０２４-03-12 12:02:01",
            "99999999999999999999999",
        ];
        for text in cases {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn formatted_timestamps_are_parsed_again(millis in PLAUSIBLE_MILLIS) {
            let time = Timestamp(millis);
            prop_assert_eq!(Timestamp::parse(&time.to_rfc3339()), Some(time));
            prop_assert_eq!(Timestamp::parse(&time.to_query()), Some(time.floor_to_second()));
            prop_assert_eq!(Timestamp::parse(&millis.to_string()), Some(time));
        }

        #[test]
        fn parsing_agrees_with_chrono(millis in PLAUSIBLE_MILLIS, offset in -1439_i32..1439) {
            let zone = chrono::FixedOffset::east_opt(offset * 60).unwrap();
            let text = DateTime::from_timestamp_millis(millis).unwrap().with_timezone(&zone)
                .format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string();
            prop_assume!(text.len() == 32, "the year has four digits in that zone");
            prop_assert_eq!(Timestamp::parse(&text), Some(Timestamp(millis)));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = Timestamp::parse(&text);
        }
    }
}

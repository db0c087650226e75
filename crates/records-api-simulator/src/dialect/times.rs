//! The formats of times in rows.

use chrono::{DateTime, Datelike as _, Timelike as _};

use super::TimeFormat;
use crate::digits::{integer, padded};

/// China Standard Time, used by the format with an offset.
const OFFSET: i64 = 8 * 3_600_000;

impl TimeFormat {
    /// Truncates a time to the precision of the format.
    pub(crate) fn as_shown(self, millis: i64) -> i64 {
        match self {
            Self::IsoMillis
            | Self::Colon
            | Self::EpochMillis
            | Self::IsoNanos
            | Self::IsoOffset => millis,
            Self::IsoSeconds | Self::Space => millis - millis.rem_euclid(1000),
        }
    }

    /// Writes a time as a JSON value.
    pub(crate) fn write(self, out: &mut Vec<u8>, millis: i64) {
        if self == Self::EpochMillis {
            return integer(out, millis);
        }
        let shown = if self == Self::IsoOffset { millis + OFFSET } else { millis };
        let time = DateTime::from_timestamp_millis(shown).unwrap_or_default();
        out.push(b'"');
        padded(out, u32::try_from(time.year()).unwrap_or(0), 4);
        for (before, number) in [(b'-', time.month()), (b'-', time.day())] {
            out.push(before);
            padded(out, number, 2);
        }
        out.push(if self == Self::Space { b' ' } else { b'T' });
        padded(out, time.hour(), 2);
        for number in [time.minute(), time.second()] {
            out.push(b':');
            padded(out, number, 2);
        }
        let fraction = time.timestamp_subsec_millis();
        match self {
            Self::IsoMillis | Self::IsoNanos | Self::IsoOffset => {
                out.push(b'.');
                padded(out, fraction, 3);
                out.extend_from_slice(match self {
                    Self::IsoNanos => b"000000Z",
                    Self::IsoOffset => b"+08:00",
                    _ => b"Z",
                });
            }
            Self::Colon => {
                out.push(b':');
                padded(out, fraction, 3);
                out.extend_from_slice(b"000Z");
            }
            Self::IsoSeconds => out.push(b'Z'),
            Self::Space | Self::EpochMillis => {}
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_every_format() {
        let written = |times: TimeFormat| {
            let mut out = Vec::new();
            times.write(&mut out, 1_728_986_681_263);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(TimeFormat::IsoMillis), r#""2024-10-15T10:04:41.263Z""#);
        assert_eq!(written(TimeFormat::IsoSeconds), r#""2024-10-15T10:04:41Z""#);
        assert_eq!(written(TimeFormat::Space), r#""2024-10-15 10:04:41""#);
        assert_eq!(written(TimeFormat::Colon), r#""2024-10-15T10:04:41:263000Z""#);
        assert_eq!(written(TimeFormat::EpochMillis), "1728986681263");
        assert_eq!(written(TimeFormat::IsoNanos), r#""2024-10-15T10:04:41.263000000Z""#);
        assert_eq!(written(TimeFormat::IsoOffset), r#""2024-10-15T18:04:41.263+08:00""#);
    }
}

//! Sizes, and durations as the config writes them.

use std::fmt;
use std::time::Duration;

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(u64);

const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

impl Bytes {
    pub(super) const fn kibibytes(count: u64) -> Self {
        Self(count << 10)
    }

    pub(super) const fn gibibytes(count: u64) -> Self {
        Self(count << 30)
    }

    /// The number of bytes.
    pub fn count(self) -> u64 {
        self.0
    }

    /// Reads `32MiB`, `512KiB`, `1GiB`, `4096B`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, unit) =
            UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
        let number: u64 = number.trim().parse().ok()?;
        number.checked_mul(*unit).map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS.iter().rev().skip(1).chain(&UNITS[3..]);
        let mut fitting = fitting.filter(|(_, unit)| self.0.is_multiple_of(*unit));
        let (name, unit) = fitting.next().unwrap_or(&("B", 1));
        write!(formatter, "{}{name}", self.0 / unit)
    }
}

/// Writes a duration as the config accepts it: `15d`, `1m 30s`.
pub(super) fn show_duration(duration: Duration) -> String {
    // Beyond 30 days humantime writes months and years, which nobody configures.
    const DAY: u64 = 24 * 3600;
    let days = duration.as_secs() / DAY;
    let rest = duration.saturating_sub(Duration::from_secs(days * DAY));
    match (days, rest) {
        (0, rest) => humantime::format_duration(rest).to_string(),
        (days, Duration::ZERO) => format!("{days}d"),
        (days, rest) => format!("{days}d {}", humantime::format_duration(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, count) in [("32MiB", 32 << 20), ("1KiB", 1024), ("3 GiB", 3 << 30), ("17B", 17)]
        {
            let size = Bytes::parse(text).unwrap();
            assert_eq!(size.count(), count);
            assert_eq!(size.to_string(), text.replace(' ', ""));
        }
        for text in [
            "",
            "32",
            "MiB",
            "-1MiB",
            "32MB",
            "1.5GiB",
            "99999999999999999999KiB",
            "17179869184GiB",
        ] {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_configured() {
        assert_eq!(show_duration(Duration::from_secs(15 * 24 * 3600)), "15d");
        assert_eq!(show_duration(Duration::from_secs(180 * 24 * 3600)), "180d");
        assert_eq!(show_duration(Duration::from_secs(745 * 3600)), "31d 1h");
        assert_eq!(show_duration(Duration::from_millis(90_500)), "1m 30s 500ms");
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }
}

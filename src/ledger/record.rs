//! One record in compact form.

use serde::{Deserialize, Serialize};

use super::symbols::LabelId;
use super::terms::TermId;
use records_api::record::{RecordKey, Timestamp};

/// What the figures need to know of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Its identity.
    pub key: RecordKey,
    /// When the recording began.
    pub start: Timestamp,
    /// When the record last changed.
    pub update: UpdateTime,
    /// Size of the file in bytes; `u64::MAX` if unknown.
    pub(super) size: u64,
    /// Length of the video in seconds, and the flags above it.
    pub(super) duration_and_flags: u32,
    /// Status.
    pub status: TermId,
    /// Type.
    pub record_type: TermId,
    /// Desktop pool.
    pub pool: LabelId,
    /// User.
    pub user: LabelId,
}

/// What is remembered of a record beside what the API says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// The API does not show it at present.
    Hidden,
    /// Its entry into the present status was counted.
    Counted,
    /// It was seen settled: its size and duration are observed no more.
    Settled,
    /// It was seen uploaded: its delay is observed no more.
    Uploaded,
    /// It began before the window of the poll before the one that first read it: that it left a
    /// window in flight may have been counted already.
    StartedBeforeWindow,
}

/// Bits of a duration. 2^27 seconds are four years.
const DURATION_BITS: u32 = 27;
/// The longest duration, and the one that stands for an unknown one.
const UNKNOWN_DURATION: u32 = (1 << DURATION_BITS) - 1;
const UNKNOWN_SIZE: u64 = u64::MAX;

impl StoredRecord {
    /// A record of which nothing is known but what must be.
    pub fn new(key: RecordKey, start: Timestamp) -> Self {
        Self {
            key,
            start,
            update: None.into(),
            size: UNKNOWN_SIZE,
            duration_and_flags: UNKNOWN_DURATION,
            status: TermId::NONE,
            record_type: TermId::NONE,
            pool: LabelId::NONE,
            user: LabelId::NONE,
        }
    }

    /// With this size in bytes.
    #[must_use]
    pub fn with_size(self, size: Option<u64>) -> Self {
        Self { size: size.unwrap_or(UNKNOWN_SIZE), ..self }
    }

    /// With this length of the video in seconds.
    #[must_use]
    pub fn with_duration(self, seconds: Option<u32>) -> Self {
        let seconds = seconds.filter(|seconds| *seconds < UNKNOWN_DURATION);
        let flags = self.duration_and_flags & !UNKNOWN_DURATION;
        Self { duration_and_flags: flags | seconds.unwrap_or(UNKNOWN_DURATION), ..self }
    }

    /// Size of the file in bytes.
    pub fn size_bytes(&self) -> Option<u64> {
        Some(self.size).filter(|size| *size != UNKNOWN_SIZE)
    }

    /// Length of the video in seconds.
    pub fn duration_seconds(&self) -> Option<u32> {
        Some(self.duration_and_flags & UNKNOWN_DURATION)
            .filter(|length| *length != UNKNOWN_DURATION)
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: Flag) -> bool {
        self.duration_and_flags & flag.bit() != 0
    }

    /// Sets or clears a flag.
    pub(super) fn set(&mut self, flag: Flag, value: bool) {
        if value {
            self.duration_and_flags |= flag.bit();
        } else {
            self.duration_and_flags &= !flag.bit();
        }
    }

    /// The same record with the flags of another.
    #[must_use]
    pub(super) fn with_flags_of(self, other: &Self) -> Self {
        let flags = other.duration_and_flags & !UNKNOWN_DURATION;
        let seconds = self.duration_and_flags & UNKNOWN_DURATION;
        Self { duration_and_flags: flags | seconds, ..self }
    }

    /// Whether it is in the gauges.
    pub fn is_shown(&self) -> bool {
        !self.has(Flag::Hidden)
    }
}

impl Flag {
    fn bit(self) -> u32 {
        1 << (DURATION_BITS + self as u32)
    }
}

/// When a record last changed, if the API says so, in the 8 bytes of a time. Unknown comes before
/// every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpdateTime(i64);

impl From<Option<Timestamp>> for UpdateTime {
    fn from(time: Option<Timestamp>) -> Self {
        Self(time.map_or(i64::MIN, Timestamp::millis))
    }
}

impl UpdateTime {
    /// The time, unless it is unknown.
    pub fn known(self) -> Option<Timestamp> {
        (self.0 != i64::MIN).then(|| Timestamp::from_millis(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_durations_do_not_overlap() {
        let record = StoredRecord::new(RecordKey::of("a"), Timestamp::from_millis(1));
        assert_eq!((record.size_bytes(), record.duration_seconds()), (None, None));
        let flags =
            [Flag::Hidden, Flag::Counted, Flag::Settled, Flag::Uploaded, Flag::StartedBeforeWindow];
        for (duration, kept) in [(0, Some(0)), (86_400, Some(86_400)), (u32::MAX, None)] {
            for flag in flags {
                let mut flagged = record.with_duration(Some(duration));
                flagged.set(flag, true);
                assert_eq!(flagged.duration_seconds(), kept);
                for other in flags {
                    assert_eq!(flagged.has(other), flag == other);
                }
                assert!(record.with_flags_of(&flagged).has(flag));
                flagged.set(flag, false);
                assert_eq!(flagged, record.with_duration(Some(duration)));
            }
        }
    }
}

//! Compact form of a record.

use serde::{Deserialize, Serialize};

use super::symbols::LabelId;
use super::terms::TermId;
use records_api::record::{Record, RecordKey, Timestamp};

/// The fields of a record that metrics need. Names are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Hash of its id.
    pub key: RecordKey,
    /// Start of the recording.
    pub start: Timestamp,
    /// Time of the last change of the record.
    pub update: UpdateTime,
    /// Size of the file in bytes; `u64::MAX` if unknown.
    pub(super) size: u64,
    /// Duration of the video in seconds, with the flags in the bits above it.
    pub(super) duration_and_flags: u32,
    /// Status.
    pub status: TermId,
    /// Type.
    pub record_type: TermId,
    /// Desktop pool.
    pub pool: LabelId,
    /// User.
    pub user: LabelId,
    /// Desktop that was recorded.
    pub desktop: LabelId,
    /// Bucket of the file.
    pub bucket: LabelId,
    /// Recording policy.
    pub policy: LabelId,
}

/// Form of a record up to format 3 of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredRecordV1 {
    key: RecordKey,
    start: Timestamp,
    update: UpdateTime,
    size: u64,
    duration_and_flags: u32,
    status: TermId,
    record_type: TermId,
    pool: LabelId,
    user: LabelId,
}

impl From<StoredRecordV1> for StoredRecord {
    fn from(record: StoredRecordV1) -> Self {
        Self {
            update: record.update,
            size: record.size,
            duration_and_flags: record.duration_and_flags,
            status: record.status,
            record_type: record.record_type,
            pool: record.pool,
            user: record.user,
            ..Self::new(record.key, record.start)
        }
    }
}

/// State of a record that the exporter adds to the fields of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// The API does not list the record at present.
    Hidden,
    /// The entry of the record into its present status was counted. For a record that was never
    /// read with a status: the entry into its first status will be counted.
    Counted,
    /// The record was seen settled. Its size and duration are not observed again.
    Settled,
    /// The record was seen uploaded. Its upload delay is not observed again.
    Uploaded,
    /// The record started before the window of the last poll when it was first read. An earlier
    /// poll may have counted that it left a shorter window in flight.
    StartedBeforeWindow,
}

/// Number of bits for a duration. 2^27 seconds are four years.
const DURATION_BITS: u32 = 27;
/// Stands for an unknown duration. Longer ones count as unknown.
const UNKNOWN_DURATION: u32 = (1 << DURATION_BITS) - 1;
const UNKNOWN_SIZE: u64 = u64::MAX;

// Values that are too large for the store must be odd fields already, because only these are
// counted as unknown.
const _: () = assert!(Record::MAX_DURATION_SECONDS < UNKNOWN_DURATION);
const _: () = assert!(Record::MAX_SIZE_BYTES < UNKNOWN_SIZE);

impl StoredRecord {
    /// Creates a record of which only the key and the start are known.
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
            desktop: LabelId::NONE,
            bucket: LabelId::NONE,
            policy: LabelId::NONE,
        }
    }

    /// Returns the numbers of all its names.
    pub(super) fn labels(&self) -> [LabelId; 5] {
        [self.pool, self.user, self.desktop, self.bucket, self.policy]
    }

    /// Returns the record with this size in bytes.
    #[must_use]
    pub fn with_size(self, size: Option<u64>) -> Self {
        Self { size: size.unwrap_or(UNKNOWN_SIZE), ..self }
    }

    /// Returns the record with this duration of the video in seconds.
    #[must_use]
    pub fn with_duration(self, seconds: Option<u32>) -> Self {
        let seconds = seconds.filter(|seconds| *seconds < UNKNOWN_DURATION);
        let flags = self.duration_and_flags & !UNKNOWN_DURATION;
        Self { duration_and_flags: flags | seconds.unwrap_or(UNKNOWN_DURATION), ..self }
    }

    /// Returns the size of the file in bytes.
    pub fn size_bytes(&self) -> Option<u64> {
        Some(self.size).filter(|size| *size != UNKNOWN_SIZE)
    }

    /// Returns the duration of the video in seconds.
    pub fn duration_seconds(&self) -> Option<u32> {
        Some(self.duration_and_flags & UNKNOWN_DURATION)
            .filter(|length| *length != UNKNOWN_DURATION)
    }

    /// Returns whether a flag is set.
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

    /// Returns the record with the flags of another one.
    #[must_use]
    pub(super) fn with_flags_of(self, other: &Self) -> Self {
        let flags = other.duration_and_flags & !UNKNOWN_DURATION;
        let seconds = self.duration_and_flags & UNKNOWN_DURATION;
        Self { duration_and_flags: flags | seconds, ..self }
    }

    /// Returns whether the API lists the record, so that the gauges include it.
    pub fn is_shown(&self) -> bool {
        !self.has(Flag::Hidden)
    }
}

impl Flag {
    fn bit(self) -> u32 {
        1 << (DURATION_BITS + self as u32)
    }
}

/// Time of the last change of a record, in 8 bytes. An unknown time is less than every other one,
/// so a read without a time counts as older than a read with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpdateTime(i64);

impl From<Option<Timestamp>> for UpdateTime {
    fn from(time: Option<Timestamp>) -> Self {
        Self(time.map_or(i64::MIN, Timestamp::millis))
    }
}

impl UpdateTime {
    /// Returns the time, if it is known.
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

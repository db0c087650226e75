//! Form of a record in the table: its times take six bytes each, its names are a set that many records
//! share, and there is room for a link.

use super::name_sets::NameSets;
use super::record::StoredRecord;
use super::symbols::LabelId;
use super::terms::TermId;
use records_api::record::{RecordKey, Timestamp};

/// Place in a table, of 54 bytes: a record or a free place, and a link to another place. Aligned to
/// eight bytes it would take 64.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(2))]
pub(super) struct PackedRecord {
    key: RecordKey,
    size: u64,
    start: PackedTime,
    update: PackedTime,
    duration_and_flags: u32,
    status: TermId,
    user: LabelId,
    /// Number of its names and its type in a [`NameSets`].
    pub(super) names: u32,
    /// Position of the next place in a linked list.
    pub(super) next: u32,
}

impl PackedRecord {
    /// Packs a record whose names have this number, with a link.
    pub(super) fn new(record: &StoredRecord, names: u32, next: u32) -> Self {
        Self {
            key: record.key,
            size: record.size,
            start: PackedTime::of(Some(record.start)),
            update: PackedTime::of(record.update.known()),
            duration_and_flags: record.duration_and_flags,
            status: record.status,
            user: record.user,
            names,
            next,
        }
    }

    /// Returns a free place. The absent start marks it as free; a place without the mark would be
    /// read as a record again.
    pub(super) fn freed(self, next: u32) -> Self {
        Self { start: PackedTime::NONE, next, ..self }
    }

    /// Returns whether a record can be packed without loss. Every record from an API can; a damaged
    /// journal may hold another one, which would be read back with other times.
    pub(super) fn is_lossless(record: &StoredRecord) -> bool {
        let packed = Self::new(record, 0, 0);
        packed.start.known() == Some(record.start) && packed.update.known() == record.update.known()
    }

    /// Returns the key of the record.
    pub(super) fn key(&self) -> RecordKey {
        self.key
    }

    /// Returns the record; `None` for a free place.
    pub(super) fn record(&self, names: &NameSets) -> Option<StoredRecord> {
        let start = self.start.known()?;
        let record = StoredRecord {
            update: self.update.known().into(),
            size: self.size,
            duration_and_flags: self.duration_and_flags,
            status: self.status,
            user: self.user,
            ..StoredRecord::new(self.key, start)
        };
        Some(names.get(self.names).put_into(record))
    }
}

/// Optional time between 1970 and the year 10889, in 48 bits.
#[derive(Debug, Clone, Copy)]
struct PackedTime([u8; 6]);

impl PackedTime {
    const NONE: Self = Self([u8::MAX; 6]);
    const NONE_MILLIS: i64 = (1 << 48) - 1;

    fn of(time: Option<Timestamp>) -> Self {
        let Some(time) = time else { return Self::NONE };
        let bytes = time.millis().to_le_bytes();
        Self(*bytes.first_chunk().expect("eight bytes hold six"))
    }

    fn known(self) -> Option<Timestamp> {
        let mut bytes = [0; 8];
        bytes[..6].copy_from_slice(&self.0);
        let millis = i64::from_le_bytes(bytes);
        (millis != Self::NONE_MILLIS).then(|| Timestamp::from_millis(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::name_sets::NameSet;

    fn record(start: i64, update: Option<i64>) -> StoredRecord {
        let mut record = StoredRecord::new(RecordKey::of("a"), Timestamp::from_millis(start));
        record.update = update.map(Timestamp::from_millis).into();
        record.with_size(Some(7)).with_duration(Some(8))
    }

    #[test]
    fn a_packed_record_takes_54_bytes() {
        assert_eq!(size_of::<PackedRecord>(), 54);
    }

    #[test]
    fn times_from_an_api_are_packed_without_loss() {
        for start in [0, 1, 946_684_800_000, 1_700_000_000_123, 253_402_300_799_999] {
            for update in [None, Some(0), Some(start), Some(253_402_300_799_999)] {
                let record = record(start, update);
                let mut names = NameSets::default();
                let number = names.add(NameSet::of(&record));
                let packed = PackedRecord::new(&record, number, 5);
                assert_eq!((packed.record(&names), { packed.next }), (Some(record), 5));
                assert!(PackedRecord::is_lossless(&record));
            }
        }
    }

    #[test]
    fn times_that_do_not_fit_are_detected() {
        let none = (1 << 48) - 1;
        for odd in [-1, none, 1 << 48, i64::MAX] {
            assert!(!PackedRecord::is_lossless(&record(odd, None)), "{odd}");
            assert!(!PackedRecord::is_lossless(&record(0, Some(odd))), "{odd}");
        }
        assert!(!PackedRecord::is_lossless(&record(i64::MIN, None)));
    }

    #[test]
    fn a_freed_place_holds_no_record() {
        let freed = PackedRecord::new(&record(1, Some(1)), 0, 5).freed(6);
        assert_eq!((freed.record(&NameSets::default()), { freed.next }), (None, 6));
    }
}

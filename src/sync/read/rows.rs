//! Whole rows of a read, for lists of records. A poll keeps only what it counts.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::ledger::UpdateTime;
use crate::sync::read::ties::KeyHasher;
use records_api::record::{Record, RecordKey, Term, TimeRange, Timestamp};

/// The records of a range, serialized: a parsed record takes more than a kilobyte.
#[derive(Debug)]
pub struct KeptRows {
    range: TimeRange,
    rows: HashMap<RecordKey, KeptRow, BuildHasherDefault<KeyHasher>>,
    /// Buffer for the next row. A buffer for each, which grows with its row, would leave gaps in the
    /// memory when the row has its final size.
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct KeptRow {
    start: Timestamp,
    update: UpdateTime,
    has_status: bool,
    bytes: Box<[u8]>,
}

impl KeptRows {
    pub(super) fn new(range: TimeRange) -> Self {
        Self { range, rows: HashMap::default(), buffer: Vec::new() }
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no record was kept.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Keeps a record of the range. Of several reads of a record, the same one is kept as by
    /// [`Staging::read`](crate::ledger::Staging::read).
    pub(super) fn read(&mut self, key: RecordKey, record: &Record<'_>) {
        if !self.range.contains(record.start_time) {
            // Its start has changed. An older read may still be listed.
            let update = UpdateTime::from(record.update_time);
            if self.rows.get(&key).is_some_and(|kept| kept.update <= update) {
                self.rows.remove(&key);
            }
            return;
        }
        let row = KeptRow::new(record, &mut self.buffer);
        let kept = match self.rows.remove(&key) {
            None => row,
            Some(earlier) if earlier.update <= row.update => row.or_status_of(&earlier),
            Some(earlier) => earlier.or_status_of(&row),
        };
        self.rows.insert(key, kept);
    }

    pub(super) fn retain_before(&mut self, end: Timestamp) {
        self.rows.retain(|_, row| row.start < end);
    }

    /// Returns the records, by start and then by id.
    pub fn into_records(self) -> impl ExactSizeIterator<Item = Record<'static>> {
        let mut rows: Vec<KeptRow> = self.rows.into_values().collect();
        rows.sort_unstable_by(|one, other| {
            one.start.cmp(&other.start).then_with(|| one.id().cmp(other.id()))
        });
        rows.into_iter().map(|row| row.record())
    }
}

impl KeptRow {
    fn new(record: &Record<'_>, buffer: &mut Vec<u8>) -> Self {
        buffer.clear();
        *buffer = postcard::to_extend(record, std::mem::take(buffer))
            .expect("a record has no value that fails");
        Self {
            start: record.start_time,
            update: record.update_time.into(),
            has_status: record.status != Term::Absent,
            bytes: buffer.as_slice().into(),
        }
    }

    fn record(&self) -> Record<'static> {
        postcard::from_bytes(&self.bytes).expect("the row was serialized by this process")
    }

    /// Returns the id, which is the first field.
    fn id(&self) -> &str {
        postcard::take_from_bytes(&self.bytes).map_or("", |(id, _)| id)
    }

    /// Returns the row with the status of another read if it has none itself.
    fn or_status_of(self, other: &Self) -> Self {
        if self.has_status || !other.has_status {
            return self;
        }
        Self::new(&Record { status: other.record().status, ..self.record() }, &mut Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records_api::record::Status;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn record(id: &str, start: i64, update: i64, status: Option<Status>) -> Record<'_> {
        let mut record = Record::new(id, at(start));
        record.update_time = Some(at(update));
        record.status = status.map_or(Term::Absent, Term::Known);
        record
    }

    fn kept(reads: &[Record<'_>]) -> Vec<(String, i64, Term<'static, Status>)> {
        let mut rows = KeptRows::new(TimeRange::new(at(0), at(1000)));
        for read in reads {
            rows.read(RecordKey::of(&read.id), read);
        }
        let update = |record: &Record<'_>| record.update_time.unwrap().millis() - at(0).millis();
        rows.into_records().map(|r| (r.id.to_string(), update(&r), r.status.clone())).collect()
    }

    #[test]
    fn rows_are_sorted_by_start_and_id_and_end_with_the_range() {
        let ids =
            |reads: &[Record<'_>]| kept(reads).into_iter().map(|row| row.0).collect::<Vec<_>>();
        let reads = [
            record("c", 5, 1, None),
            record("b", 7, 1, None),
            record("d", -1, 1, None),
            record("a", 5, 1, None),
            record("e", 1000, 1, None),
        ];
        assert_eq!(ids(&reads), ["a", "c", "b"]);
    }

    #[test]
    fn the_later_update_wins_and_a_missing_status_does_not() {
        let (uploading, failed) = (Some(Status::Uploading), Some(Status::UploadFailed));
        let one = |first, second| kept(&[first, second]).remove(0);
        let row = one(record("a", 1, 10, uploading), record("a", 1, 20, failed));
        assert_eq!((row.1, row.2), (20, Term::Known(Status::UploadFailed)));
        let row = one(record("a", 1, 20, uploading), record("a", 1, 10, failed));
        assert_eq!((row.1, row.2), (20, Term::Known(Status::Uploading)));
        let row = one(record("a", 1, 10, uploading), record("a", 1, 20, None));
        assert_eq!((row.1, row.2), (20, Term::Known(Status::Uploading)));
        let row = one(record("a", 1, 20, None), record("a", 1, 10, failed));
        assert_eq!((row.1, row.2), (20, Term::Known(Status::UploadFailed)));
        assert!(kept(&[record("a", 1, 10, None), record("a", 2000, 20, None)]).is_empty());
    }
}

//! The shown records in the order of their starts: how many lie where.

use super::Ledger;
use super::record::StoredRecord;
use super::table::{span_begin, span_end, span_of, span_start};
use super::terms::TermId;
use records_api::record::{RecordKey, Status, Timestamp};

/// What a number of records is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Every record.
    All,
    /// Those whose status is `UPLOAD_COMPLETED`.
    Uploaded,
}

impl Counted {
    /// Whether it counts a record.
    pub(super) fn includes(self, record: &StoredRecord) -> bool {
        self == Self::All || record.status == TermId::from(Status::UploadCompleted)
    }
}

/// Doubtful readings that one poll asks for again.
const MAX_STALE_READS_PER_POLL: usize = 100;

impl Ledger {
    /// Number of records that start at `from` or later.
    pub fn shown_since(&self, from: Timestamp) -> u64 {
        self.number_since(Counted::All, from)
    }

    /// Number of certain records that start at `from` or later.
    pub fn number_since(&self, counted: Counted, from: Timestamp) -> u64 {
        let spans = self.totals.spans_from(counted, from);
        let whole: u64 = spans.filter(|(span, _)| *span > span_of(from)).map(|(_, n)| n).sum();
        let first = self.shown_between(from, Some(span_end(from)));
        whole + first.filter(|record| counted.includes(record)).count() as u64
    }

    /// Number of records that start at `from` or later and before `until`.
    pub fn count_between(&self, from: Timestamp, until: Timestamp) -> u64 {
        if until <= from {
            return 0;
        }
        if span_of(from) == span_of(until) {
            return self.starts(from, Some(until)).count() as u64;
        }
        let inner = self.totals.spans_from(Counted::All, from);
        let inner = inner.take_while(|(span, _)| *span < span_of(until));
        let inner: u64 =
            inner.filter(|(span, _)| *span > span_of(from)).map(|(_, count)| count).sum();
        let first = self.starts(from, Some(span_end(from))).count() as u64;
        let last = self.starts(span_start(until), Some(until)).count() as u64;
        first + inner + last
    }

    /// The start of the record before which `rows` others start at `from` or later.
    pub fn start_at(&self, rows: u64, from: Timestamp) -> Option<Timestamp> {
        let mut left = rows;
        for (span, count) in self.totals.spans_from(Counted::All, from) {
            let is_first = span == span_of(from);
            if !is_first && count <= left {
                left -= count;
                continue;
            }
            let begin = if is_first { from } else { span_begin(span) };
            let mut starts: Vec<_> = self.starts(begin, Some(span_end(begin))).collect();
            if (starts.len() as u64) <= left {
                left -= starts.len() as u64;
                continue;
            }
            starts.sort_unstable();
            return starts.get(usize::try_from(left).unwrap_or(usize::MAX)).copied();
        }
        None
    }

    /// Of so many seconds from a moment on, the one in which the fewest records start.
    pub fn quietest_second(&self, from: Timestamp, seconds: u32) -> Timestamp {
        let from = from.floor_to_second();
        let second = |number: u32| from.plus_millis(i64::from(number) * 1000);
        let mut busy = vec![0_u32; seconds.max(1) as usize];
        for start in self.starts(from, Some(second(seconds))) {
            let number = (start.millis() - from.millis()) / 1000;
            busy[usize::try_from(number).unwrap_or_default()] += 1;
        }
        let quietest = (0..seconds).min_by_key(|number| busy[*number as usize]);
        quietest.map_or(from, second)
    }

    /// Starts of what is in flight from `from` on, and of what was read older than it is known, in
    /// their order, but for what is read already.
    pub fn unsettled(
        &self,
        from: Timestamp,
        is_read: impl Fn(RecordKey) -> bool,
    ) -> Vec<Timestamp> {
        let stale_reads =
            self.stale_reads.keys().filter_map(|key| Some((self.table.get(*key)?.start, *key)));
        // More are left to the slices.
        let stale_reads =
            stale_reads.filter(|(start, _)| *start >= from).take(MAX_STALE_READS_PER_POLL);
        let unsettled = self.totals.in_flight_from(from).chain(stale_reads);
        let mut starts: Vec<_> =
            unsettled.filter(|(_, key)| !is_read(*key)).map(|(start, _)| start).collect();
        starts.sort_unstable();
        starts
    }

    /// Number of records in flight that start at `from` or later and before `until`.
    pub fn flights_between(&self, from: Timestamp, until: Timestamp) -> u64 {
        self.totals.in_flight_between(from, until)
    }

    fn starts(&self, from: Timestamp, until: Option<Timestamp>) -> impl Iterator<Item = Timestamp> {
        self.shown_between(from, until).map(|record| record.start)
    }

    fn shown_between(
        &self,
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> impl Iterator<Item = StoredRecord> {
        let records = self.table.range(from, until).map(|(_, record)| record);
        records.filter(StoredRecord::is_shown)
    }
}

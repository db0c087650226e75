//! The shown records in the order of their starts: how many lie where.

use super::Store;
use super::record::StoredRecord;
use super::table::{span_begin, span_end, span_of, span_start};
use crate::record::{RecordKey, Timestamp};

impl Store {
    /// Number of records that start at `from` or later.
    pub fn shown_since(&self, from: Timestamp) -> u64 {
        let whole = self.population.spans_from(from).filter(|(span, _)| *span > span_of(from));
        let whole: u64 = whole.map(|(_, count)| count).sum();
        whole + self.starts(from, Some(span_end(from))).count() as u64
    }

    /// Number of records that start at `from` or later and before `until`.
    pub fn count_between(&self, from: Timestamp, until: Timestamp) -> u64 {
        if until <= from {
            return 0;
        }
        if span_of(from) == span_of(until) {
            return self.starts(from, Some(until)).count() as u64;
        }
        let inner = self.population.spans_from(from);
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
        for (span, count) in self.population.spans_from(from) {
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

    /// Starts of what is in flight from `from` on, but for what is read already.
    pub fn flights(
        &self,
        from: Timestamp,
        is_read: impl Fn(RecordKey) -> bool,
    ) -> impl Iterator<Item = Timestamp> {
        let flights = self.population.flights().filter(move |(start, _)| *start >= from);
        flights.filter(move |(_, key)| !is_read(*key)).map(|(start, _)| start)
    }

    fn starts(&self, from: Timestamp, until: Option<Timestamp>) -> impl Iterator<Item = Timestamp> {
        let records = self.table.range(from, until).map(|(_, record)| record);
        records.filter(|record| StoredRecord::is_shown(record)).map(|record| record.start)
    }
}

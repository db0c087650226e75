//! Queries about the records that the API lists, by their starts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Ledger;
use super::cardinality::LimitedLabel;
use super::counted::Counted;
use super::desktops::DesktopKey;
use super::missing_statuses::MAX_MISSING_STATUSES;
use super::record::StoredRecord;
use super::staging::Staging;
use super::stale_reads::MAX_STALE_READS;
use super::symbols::LabelId;
use super::table::{span_begin, span_end, span_of, span_start};
use records_api::record::{RecordKey, Status, TimeRange, Timestamp};

/// Maximum number of stale reads whose records one poll reads again. The scrub reads the others, so
/// many stale reads do not make a poll expensive.
const MAX_STALE_READS_PER_POLL: usize = 100;

impl Ledger {
    /// Returns the desktops with a record that starts in a range, each with the pool of the record.
    pub fn desktops_recorded_in(&self, range: TimeRange) -> BTreeSet<DesktopKey> {
        let mut recorded = BTreeSet::new();
        for (key, totals) in self.totals.desktops() {
            if range.contains(totals.last_start) {
                recorded.insert(key);
            }
        }
        // The newest record of a desktop whose clock is ahead starts after the range, and says nothing
        // about the records before it.
        if range.end.is_some_and(|end| self.shows_since(end)) {
            let records = self.table.range(range).map(|(_, record)| record);
            recorded.extend(
                records.filter(StoredRecord::is_shown).map(|record| DesktopKey::of(&record)),
            );
        }
        recorded
    }

    /// Returns whether the API lists a record that starts at `from` or later.
    pub fn shows_since(&self, from: Timestamp) -> bool {
        self.newest_start().is_some_and(|newest| newest >= from)
    }

    /// Returns the start of the newest record that the API lists.
    pub fn newest_start(&self) -> Option<Timestamp> {
        self.table.newest(StoredRecord::is_shown).map(|record| record.start)
    }

    /// Returns the number of records that start at `from` or later.
    pub fn shown_since(&self, from: Timestamp) -> u64 {
        self.number_since(Counted::All, from)
    }

    /// Returns the number of records that start at `from` or later and that a count includes.
    pub fn number_since(&self, counted: Counted, from: Timestamp) -> u64 {
        let spans = self.totals.spans_from(counted, from);
        let whole: u64 = spans.filter(|(span, _)| *span > span_of(from)).map(|(_, n)| n).sum();
        let first = self.shown_within(TimeRange::new(from, span_end(from)));
        whole + first.filter(|record| counted.includes(record)).count() as u64
    }

    /// Returns the number of records that start in a range.
    pub fn count_in(&self, range: TimeRange) -> u64 {
        let TimeRange { start, end } = range;
        let Some(end) = end else { return self.shown_since(start) };
        if range.is_empty() {
            return 0;
        }
        if span_of(start) == span_of(end) {
            return self.starts(range).count() as u64;
        }
        let inner = self.totals.spans_from(Counted::All, start);
        let inner = inner.take_while(|(span, _)| *span < span_of(end));
        let inner: u64 =
            inner.filter(|(span, _)| *span > span_of(start)).map(|(_, count)| count).sum();
        let first = self.starts(TimeRange::new(start, span_end(start))).count() as u64;
        let last = self.starts(TimeRange::new(span_start(end), end)).count() as u64;
        first + inner + last
    }

    /// Returns the start of the record that has `rows` records before it, counted from `from` on.
    pub fn start_at(&self, rows: u64, from: Timestamp) -> Option<Timestamp> {
        let mut left = rows;
        for (span, count) in self.totals.spans_from(Counted::All, from) {
            let is_first = span == span_of(from);
            if !is_first && count <= left {
                left -= count;
                continue;
            }
            let begin = if is_first { from } else { span_begin(span) };
            let mut starts: Vec<_> = self.starts(TimeRange::new(begin, span_end(begin))).collect();
            if (starts.len() as u64) <= left {
                left -= starts.len() as u64;
                continue;
            }
            starts.sort_unstable();
            return starts.get(usize::try_from(left).unwrap_or(usize::MAX)).copied();
        }
        None
    }

    /// Returns the second in which the fewest records start, among a number of seconds from `from`
    /// on.
    pub fn quietest_second(&self, from: Timestamp, seconds: u32) -> Timestamp {
        let from = from.floor_to_second();
        let second = |number: u32| from.plus_millis(i64::from(number) * 1000);
        let mut busy = vec![0_u32; seconds.max(1) as usize];
        for start in self.starts(TimeRange::new(from, second(seconds))) {
            let number = (start.millis() - from.millis()) / 1000;
            busy[usize::try_from(number).unwrap_or_default()] += 1;
        }
        let quietest = (0..seconds).min_by_key(|number| busy[*number as usize]);
        quietest.map_or(from, second)
    }

    /// Returns the starts, in order, of the records from `from` on that are in flight, have a stale
    /// read or were last read without a status, without those that were read already.
    pub fn unsettled(
        &self,
        from: Timestamp,
        is_read: impl Fn(RecordKey) -> bool,
    ) -> Vec<Timestamp> {
        let stale = self.stale_reads.keys();
        let stale = stale.filter_map(|key| Some((self.table.get(*key)?.start, *key)));
        // The scrub reads the others.
        let stale = stale.filter(|(start, _)| *start >= from).take(MAX_STALE_READS_PER_POLL);
        let missing = self.missing_statuses.keys();
        let missing = missing.filter_map(|key| Some((self.table.get(*key)?.start, *key)));
        let missing = missing.filter(|(start, _)| *start >= from).take(MAX_MISSING_STATUSES);
        let unsettled = self.totals.in_flight_from(from).chain(stale).chain(missing);
        let mut starts: Vec<_> =
            unsettled.filter(|(_, key)| !is_read(*key)).map(|(start, _)| start).collect();
        starts.sort_unstable();
        starts
    }

    /// Returns whether further stale reads are not remembered.
    pub fn has_all_stale_reads(&self) -> bool {
        self.stale_reads.len() >= MAX_STALE_READS
    }

    /// Returns the number of records after the commit of a staging, hidden ones included.
    pub fn len_after(&self, staging: &Staging, window_start: Timestamp) -> usize {
        let beginning = Timestamp::from_millis(i64::MIN + 1);
        let expiring = self.table.range(TimeRange::new(beginning, window_start)).count();
        let new = staging.staged.iter().filter(|record| self.table.position(record.key).is_none());
        self.len() - expiring + new.count()
    }

    /// Returns the pools of all records after the commit of a staging. Those of records that leave with
    /// it may be among them.
    pub fn pools_with(&self, staging: &Staging) -> BTreeSet<Arc<str>> {
        let known = self.totals.names_of(LimitedLabel::Pool);
        let mut pools: BTreeSet<LabelId> =
            known.map(|pool| LabelId::from_number(pool.number)).collect();
        pools.extend(staging.staged.iter().map(|record| record.pool));
        pools.remove(&LabelId::NONE);
        let text = |pool: LabelId| {
            staging.new_labels.text(pool.number()).unwrap_or_else(|| self.label(pool)).clone()
        };
        pools.into_iter().map(text).collect()
    }

    /// Returns whether a record is known in a status.
    pub fn has_status(&self, key: RecordKey, status: Status) -> bool {
        self.table.get(key).is_some_and(|record| record.status == status.into())
    }

    /// Returns the number of records in flight that start in a range.
    pub fn in_flight_in(&self, range: TimeRange) -> u64 {
        self.totals.in_flight_in(range)
    }

    fn starts(&self, range: TimeRange) -> impl Iterator<Item = Timestamp> {
        self.shown_within(range).map(|record| record.start)
    }

    fn shown_within(&self, range: TimeRange) -> impl Iterator<Item = StoredRecord> {
        let records = self.table.range(range).map(|(_, record)| record);
        records.filter(StoredRecord::is_shown)
    }
}

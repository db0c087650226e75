//! Reads the window again slice by slice, so that each record is read within the reconcile
//! interval.

use std::time::Duration;

use crate::ledger::{Ledger, PollFacts, ReadPart};
use records_api::record::{TimeRange, Timestamp};

/// When each part of the window was read.
#[derive(Debug, Clone)]
pub(super) struct Scrub {
    /// Reconcile interval.
    pub(super) interval_millis: i64,
    /// Parts of the window, in order and without gaps.
    parts: Vec<ReadPart>,
    /// Everything that was due up to this time has been read.
    caught_up_to: Timestamp,
    /// Next value of `caught_up_to`, once the slices of the poll under way have been read.
    caught_up_after_slices: Timestamp,
    /// Begin of the last poll.
    last_poll: Option<Timestamp>,
}

const BEGINNING: Timestamp = Timestamp::from_millis(i64::MIN);
/// Longest pause between polls that is allowed for, as a share of the interval, so that the rate
/// stays finite.
const MAX_PAUSE_SHARE: f64 = 0.9;
/// A full read that takes less than this does not count as longer than the interval.
const LONG_READ: Duration = Duration::from_secs(60);
/// Maximum number of pages that a poll reads again because they are overdue, unless its usual share
/// is more than half of that.
const MAX_CATCH_UP_PAGES: u64 = 100;
/// Number of intervals after which everything is read if nothing was.
const OVERDUE_INTERVALS: i64 = 2;
/// Maximum number of parts that are stored for a later process.
const MAX_PARTS: usize = 64;
/// This fraction (1/n) of a slice's last page is left free: for rows in the second by which a bound
/// is sent early, and for the row that shows the end. Otherwise a slice would cost another request.
const SLACK_DIVISOR: u64 = 10;

impl Scrub {
    /// Creates the scrub of a process that continues after the poll `last` of an earlier one.
    pub(super) fn new(interval_millis: i64, last: Option<&PollFacts>) -> Self {
        let caught_up_to = last.map_or(BEGINNING, |last| last.caught_up_to);
        let parts = last.map_or_else(Vec::new, |last| last.parts.clone());
        Self {
            interval_millis,
            parts,
            caught_up_to,
            caught_up_after_slices: caught_up_to,
            last_poll: None,
        }
    }

    /// Returns the slices of `range` that are due: the parts that were read least recently. Every
    /// poll reads the records that start after the range.
    pub(super) fn slices(
        &mut self,
        ledger: &Ledger,
        range: TimeRange,
        now: Timestamp,
        page_size: u64,
    ) -> Vec<TimeRange> {
        self.parts.retain(|part| !part.range.ends_by(range.start));
        let records = ledger.count_in(range);
        let interval = self.interval_millis as f64;
        let since =
            |earlier: Timestamp| now.millis().saturating_sub(earlier.millis()).max(0) as f64;
        // Each record is to be read in the last poll before its interval ends, so the pause until
        // the next poll is taken off the interval. Slices are whole pages, so up to a page of due
        // rows waits for the next poll; the extra page makes up for that.
        let pause = self.last_poll.map_or(0.0, since).min(interval * MAX_PAUSE_SHARE);
        self.last_poll = Some(now);
        let rate = (records + page_size) as f64 / (interval - pause);
        let due = (since(self.caught_up_to) * rate).min(records as f64);
        let slack = (page_size / SLACK_DIVISOR).min(page_size - 1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let pages = (due as u64 + slack) / page_size;
        if pages == 0 || records == 0 {
            return Vec::new();
        }
        // After a long absence everything is due. Read at once, a large window would be lost with one
        // page that fails, and nothing would be served for as long.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let usual = (pause * rate) as u64 / page_size;
        let most = MAX_CATCH_UP_PAGES.max(2 * usual);
        let is_all = due >= records as f64 && pages <= most;
        let pages = pages.min(most);
        let rows = if is_all { records } else { pages * page_size - slack };
        let slices = self.least_recently_read(ledger, range, rows);
        // Slices end at whole seconds, so one that ends in a burst of starts holds fewer rows.
        let held: u64 = slices.iter().map(|slice| ledger.count_in(*slice)).sum();
        #[expect(clippy::cast_possible_truncation, reason = "at most an interval")]
        let overdue_millis = ((due - held as f64).max(0.0) / rate) as i64;
        // Takes effect in `note_slice`: if the poll fails, the slices stay due.
        self.caught_up_after_slices = now.plus_millis(-overdue_millis);
        slices
    }

    /// Returns the ranges of `rows` records that were read least recently.
    fn least_recently_read(&self, ledger: &Ledger, range: TimeRange, rows: u64) -> Vec<TimeRange> {
        let mut parts: Vec<_> =
            self.parts.iter().filter(|part| part.range.overlaps(range)).collect();
        parts.sort_by_key(|part| (part.read, part.range.start));
        let mut slices: Vec<TimeRange> = Vec::new();
        let mut left = rows;
        for part in parts {
            let mut slice = part.range.intersection(range);
            let held = ledger.count_in(slice);
            if held > left {
                // Bounds have whole seconds. If the first second alone holds more than enough rows,
                // the slice is that second: an empty slice would be due again forever.
                let bound = ledger.start_at(left, slice.start).map(Timestamp::floor_to_second);
                let end = bound
                    .map(|bound| if bound > slice.start { bound } else { bound.plus_millis(1000) });
                slice = slice.intersection(TimeRange { start: slice.start, end });
            }
            slices.push(slice);
            left = left.saturating_sub(held);
            if left == 0 {
                break;
            }
        }
        slices.sort_unstable_by_key(|slice| slice.start);
        slices.dedup_by(|next, slice| {
            let meets = slice.end == Some(next.start);
            if meets {
                slice.end = next.end;
            }
            meets
        });
        slices
    }

    /// True if so little was read again lately that everything is due at once. A window of more than
    /// a hundred pages is caught up with over several polls.
    pub(super) fn is_overdue(&self, now: Timestamp, pages: u64) -> bool {
        pages <= MAX_CATCH_UP_PAGES
            && now.millis().saturating_sub(self.caught_up_to.millis())
                >= OVERDUE_INTERVALS * self.interval_millis
    }

    /// Notes that a poll that began at `now` read a slice and all that starts at `new_since` or
    /// later.
    pub(super) fn note_slice(&mut self, slice: TimeRange, new_since: Timestamp, now: Timestamp) {
        self.caught_up_to = self.caught_up_after_slices;
        // The slice and the new records are read without a gap. Otherwise the part after
        // `new_since`, which every poll reads, would keep an old read time.
        let reaches_new = slice.end.is_none_or(|end| end >= new_since);
        let range = if reaches_new { TimeRange::since(slice.start) } else { slice };
        let before = TimeRange::new(BEGINNING, range.start);
        let after = range.end.map(TimeRange::since);
        let mut parts = vec![ReadPart { range, read: now }];
        for part in &self.parts {
            for outside in std::iter::once(before).chain(after) {
                parts.push(ReadPart { range: part.range.intersection(outside), ..*part });
            }
        }
        parts.retain(|part| !part.range.is_empty());
        parts.sort_by_key(|part| part.range.start);
        self.parts = parts;
    }

    /// Returns the parts for a later process: at most 64, and none with a later read than it had.
    pub(super) fn parts(&self) -> Vec<ReadPart> {
        let mut parts = self.parts.clone();
        while parts.len() > MAX_PARTS {
            // Merging neighbours that were read at nearly the same time makes the fewest rows due
            // early.
            let pairs = parts.windows(2).enumerate();
            let apart = |pair: &[ReadPart]| pair[0].read.millis().abs_diff(pair[1].read.millis());
            let nearest = pairs.min_by_key(|(_, pair)| apart(pair)).map_or(0, |(index, _)| index);
            let next = parts.remove(nearest + 1);
            let part = &mut parts[nearest];
            part.range.end = next.range.end;
            part.read = part.read.min(next.read);
        }
        parts
    }

    /// Returns the time up to which everything that was due has been read.
    pub(super) fn caught_up_to(&self) -> Timestamp {
        self.caught_up_to
    }

    /// Notes that everything was read from the start of `read_time` until its end.
    pub(super) fn note_full_read(&mut self, read_time: TimeRange) {
        // After a read that took longer than the interval, everything would be due again at once.
        let interval = u64::try_from(self.interval_millis).unwrap_or(0);
        let long = Duration::from_millis(interval).max(LONG_READ);
        let end = read_time.end.filter(|_| read_time.duration().is_some_and(|took| took >= long));
        self.caught_up_to = end.unwrap_or(read_time.start);
        self.parts = vec![ReadPart { range: TimeRange::since(BEGINNING), read: read_time.start }];
    }

    /// Returns the time of the oldest read of a part; `None` before the first full read.
    pub(super) fn oldest_read(&self) -> Option<Timestamp> {
        self.parts.iter().map(|part| part.read).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_replaces_the_parts_that_it_covers() {
        let at = Timestamp::from_millis;
        let mut scrub = Scrub::new(3_600_000, None);
        let range = |start, end| TimeRange::new(at(start), at(end));
        scrub.note_full_read(range(1, 1));
        scrub.note_slice(range(100, 200), at(900), at(2));
        scrub.note_slice(range(150, 300), at(900), at(3));
        scrub.note_slice(range(800, 900), at(900), at(4));
        let expected = [
            (range(i64::MIN, 100), at(1)),
            (range(100, 150), at(2)),
            (range(150, 300), at(3)),
            (range(300, 800), at(1)),
            (TimeRange::since(at(800)), at(4)),
        ];
        assert_eq!(scrub.parts, expected.map(|(range, read)| ReadPart { range, read }));
        assert_eq!(scrub.oldest_read(), Some(at(1)));
    }
}

//! Reading the window again slice by slice, so that each record is read within an interval.

use std::time::Duration;

use crate::ledger::{Ledger, PollFacts, ReadPart};
use records_api::record::{TimeRange, Timestamp};

/// Which part of the window was read when.
#[derive(Debug, Clone)]
pub(super) struct Scrub {
    pub(super) interval_millis: i64,
    /// Parts of time, in order and without gaps.
    parts: Vec<ReadPart>,
    /// Up to when what was due has been read.
    caught_up_to: Timestamp,
    /// The same, once the slices that a poll under way reads are read.
    caught_up_after_slices: Timestamp,
    /// When the last poll began.
    last_poll: Option<Timestamp>,
}

const BEGINNING: Timestamp = Timestamp::from_millis(i64::MIN);
/// Polls that are rarer than this share of the interval read everything that is due each time.
const MAX_PAUSE_SHARE: f64 = 0.9;
/// A reading of everything that takes at least so long may take longer than the interval.
const LONG_READ: Duration = Duration::from_secs(60);
/// So many intervals without a poll: everything is read.
const OVERDUE_INTERVALS: i64 = 2;
/// Parts that another process is told of.
const MAX_PARTS: usize = 64;
/// The part of a page that is left free: for the rows of the second that a bound is sent early, and
/// for the one that shows the end.
const SLACK_DIVISOR: u64 = 10;

impl Scrub {
    /// Goes on where another process was after `last`.
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

    /// The slices that are due of what starts within the edges: what was read longest ago. What
    /// starts later is read by every poll.
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
        // Each record is read again at the last poll before the interval ends, and a page late at
        // most, since slices are whole pages.
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
        let is_all = due >= records as f64;
        let rows = if is_all { records } else { pages * page_size - slack };
        #[expect(clippy::cast_possible_truncation, reason = "at most an interval")]
        let unpaid = ((due - rows as f64).max(0.0) / rate) as i64;
        self.caught_up_after_slices = now.plus_millis(-unpaid);
        self.least_recently_read(ledger, range, rows)
    }

    /// So many rows of what was read longest ago.
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
                // A bound counts in whole seconds.
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

    /// Whether nothing was read again for so long that everything is due.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        now.millis().saturating_sub(self.caught_up_to.millis())
            >= OVERDUE_INTERVALS * self.interval_millis
    }

    /// A slice was read by a poll that began at `now`, which also read all from `new_since` on.
    pub(super) fn note_slice(&mut self, slice: TimeRange, new_since: Timestamp, now: Timestamp) {
        self.caught_up_to = self.caught_up_after_slices;
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

    /// Which parts were read when, for another process: few, and none later than it was.
    pub(super) fn parts(&self) -> Vec<ReadPart> {
        let mut parts = self.parts.clone();
        while parts.len() > MAX_PARTS {
            // Neighbours that were read at nearly the same time lose least.
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

    /// Up to when all has been read that was due.
    pub(super) fn caught_up_to(&self) -> Timestamp {
        self.caught_up_to
    }

    /// Everything was read in this time.
    pub(super) fn note_full_read(&mut self, read_time: TimeRange) {
        // A reading that takes longer than that would be overdue as soon as it ends.
        let interval = u64::try_from(self.interval_millis).unwrap_or(0);
        let long = Duration::from_millis(interval).max(LONG_READ);
        let end = read_time.end.filter(|_| read_time.duration().is_some_and(|took| took >= long));
        self.caught_up_to = end.unwrap_or(read_time.start);
        self.parts = vec![ReadPart { range: TimeRange::since(BEGINNING), read: read_time.start }];
    }

    /// When the part was read that was read longest ago.
    pub(super) fn oldest_read(&self) -> Option<Timestamp> {
        self.parts.iter().map(|part| part.read).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_takes_its_place_among_the_parts() {
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

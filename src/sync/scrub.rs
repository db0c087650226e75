//! Reading the window again slice by slice, so that each record is read within an interval.

use crate::ledger::{Ledger, PollFacts, ReadPart};
use records_api::record::Timestamp;

/// Which part of the window was read when.
#[derive(Debug, Clone)]
pub(super) struct Scrub {
    pub(super) interval_millis: i64,
    /// Parts of time, in order and without gaps.
    parts: Vec<ReadPart>,
    /// Up to when what was due has been read.
    paid: Timestamp,
    /// The same, once the slices that a poll under way reads are read.
    paid_by_slices: Timestamp,
    /// When the last poll began.
    planned: Timestamp,
}

const BEGINNING: Timestamp = Timestamp::from_millis(i64::MIN);
const END: Timestamp = Timestamp::from_millis(i64::MAX);
/// Polls that are rarer than this share of the interval read everything that is due each time.
const MAX_PAUSE: f64 = 0.9;
/// A reading of everything that takes at least so long may take longer than the interval.
const LONG_MILLIS: i64 = 60_000;
/// So many intervals without a poll: everything is read.
const OVERDUE: i64 = 2;
/// Parts that another process is told of.
const MAX_PARTS: usize = 64;
/// The part of a page that is left free: for the rows of the second that a bound is sent early, and
/// for the one that shows the end.
const SLACK: u64 = 10;

impl Scrub {
    /// Goes on where another process was after `last`.
    pub(super) fn new(interval_millis: i64, last: Option<&PollFacts>) -> Self {
        let paid = last.map_or(BEGINNING, |last| last.paid);
        let parts = last.map_or_else(Vec::new, |last| last.parts.clone());
        Self { interval_millis, parts, paid, paid_by_slices: paid, planned: END }
    }

    /// The slices that are due of what starts within the edges: what was read longest ago. What
    /// starts later is read by every poll.
    pub(super) fn slices(
        &mut self,
        ledger: &Ledger,
        (begin, end): (Timestamp, Timestamp),
        now: Timestamp,
        page: u64,
    ) -> Vec<(Timestamp, Timestamp)> {
        self.parts.retain(|part| part.until > begin);
        let records = ledger.count_between(begin, end);
        let interval = self.interval_millis as f64;
        let since =
            |earlier: Timestamp| now.millis().saturating_sub(earlier.millis()).max(0) as f64;
        // Each record is read again at the last poll before the interval ends, and a page late at
        // most, since slices are whole pages.
        let pause = since(self.planned).min(interval * MAX_PAUSE);
        self.planned = now;
        let rate = (records + page) as f64 / (interval - pause);
        let due = (since(self.paid) * rate).min(records as f64);
        let slack = (page / SLACK).min(page - 1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let pages = (due as u64 + slack) / page;
        if pages == 0 || records == 0 {
            return Vec::new();
        }
        let is_all = due >= records as f64;
        let rows = if is_all { records } else { pages * page - slack };
        #[expect(clippy::cast_possible_truncation, reason = "at most an interval")]
        let unpaid = ((due - rows as f64).max(0.0) / rate) as i64;
        self.paid_by_slices = now.plus_millis(-unpaid);
        self.oldest(ledger, (begin, end), rows)
    }

    /// So many rows of what was read longest ago.
    fn oldest(
        &self,
        ledger: &Ledger,
        (begin, end): (Timestamp, Timestamp),
        rows: u64,
    ) -> Vec<(Timestamp, Timestamp)> {
        let mut parts: Vec<_> = self.parts.iter().filter(|part| part.from < end).collect();
        parts.sort_by_key(|part| (part.read, part.from));
        let mut slices: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut left = rows;
        for part in parts {
            let (from, until) = (part.from.max(begin), part.until.min(end));
            let held = ledger.count_between(from, until);
            let until = if held <= left {
                until
            } else {
                // A bound counts in whole seconds.
                let bound = ledger.start_at(left, from).map_or(until, Timestamp::floor_to_second);
                if bound > from { bound } else { bound.plus_millis(1000) }.min(until)
            };
            slices.push((from, until));
            left = left.saturating_sub(held);
            if left == 0 {
                break;
            }
        }
        slices.sort_unstable();
        slices.dedup_by(|next, slice| {
            let meets = slice.1 == next.0;
            if meets {
                slice.1 = next.1;
            }
            meets
        });
        slices
    }

    /// Whether nothing was read again for so long that everything is due.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        now.millis().saturating_sub(self.paid.millis()) >= OVERDUE * self.interval_millis
    }

    /// A slice was read by a poll that began at `now`, which also read all from `news` on.
    pub(super) fn note_slice(
        &mut self,
        (from, until): (Timestamp, Timestamp),
        news: Timestamp,
        now: Timestamp,
    ) {
        self.paid = self.paid_by_slices;
        let until = if until >= news { END } else { until };
        let mut parts = vec![ReadPart { from, until, read: now }];
        for part in &self.parts {
            parts.push(ReadPart { until: part.until.min(from), ..*part });
            parts.push(ReadPart { from: part.from.max(until), ..*part });
        }
        parts.retain(|part| part.from < part.until);
        parts.sort_by_key(|part| part.from);
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
            (part.until, part.read) = (next.until, part.read.min(next.read));
        }
        parts
    }

    /// Up to when all has been read that was due.
    pub(super) fn paid(&self) -> Timestamp {
        self.paid
    }

    /// Everything was read since `begun`, up to `ended`.
    pub(super) fn note_everything(&mut self, begun: Timestamp, ended: Timestamp) {
        // A reading that takes longer than that would be overdue as soon as it ends.
        let took = ended.millis().saturating_sub(begun.millis());
        self.paid = if took < self.interval_millis.max(LONG_MILLIS) { begun } else { ended };
        self.parts = vec![ReadPart { from: BEGINNING, until: END, read: begun }];
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
        scrub.note_everything(at(1), at(1));
        scrub.note_slice((at(100), at(200)), at(900), at(2));
        scrub.note_slice((at(150), at(300)), at(900), at(3));
        scrub.note_slice((at(800), at(900)), at(900), at(4));
        let parts: Vec<_> = scrub.parts.iter().map(|p| (p.from, p.until, p.read)).collect();
        let expected = [
            (BEGINNING, at(100), at(1)),
            (at(100), at(150), at(2)),
            (at(150), at(300), at(3)),
            (at(300), at(800), at(1)),
            (at(800), END, at(4)),
        ];
        assert_eq!(parts, expected);
        assert_eq!(scrub.oldest_read(), Some(at(1)));
    }
}

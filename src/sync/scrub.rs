//! Reading the window again slice by slice, so that each record is read within an interval.

use crate::record::Timestamp;
use crate::store::Store;

/// Which part of the window was read when.
#[derive(Debug)]
pub(super) struct Scrub {
    interval_millis: i64,
    /// Parts of time, in order and without gaps.
    parts: Vec<Part>,
    /// Up to when what was due has been read.
    paid: Timestamp,
    /// The same, once the slice that a poll under way reads is read.
    paid_by_slice: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: Timestamp,
    until: Timestamp,
    read: Timestamp,
}

const BEGINNING: Timestamp = Timestamp::from_millis(i64::MIN);
const END: Timestamp = Timestamp::from_millis(i64::MAX);
/// Slices are read a little ahead of time, since polls come at moments of their own.
const EARLY: f64 = 0.97;
/// A reading of everything that takes at least so long may take longer than the interval.
const LONG_MILLIS: i64 = 60_000;
/// So many intervals without a poll: everything is read.
const OVERDUE: i64 = 2;
/// The part of a page that is left free: for the rows of the second that a bound is sent early, and
/// for the one that shows the end.
const SLACK: u64 = 10;

impl Scrub {
    pub(super) fn new(interval_millis: i64) -> Self {
        Self { interval_millis, parts: Vec::new(), paid: BEGINNING, paid_by_slice: BEGINNING }
    }

    /// The slice that is due, if one is, of what starts within the edges: what was read longest
    /// ago. What starts later is read by every poll.
    pub(super) fn slice(
        &mut self,
        store: &Store,
        (begin, end): (Timestamp, Timestamp),
        now: Timestamp,
        page: u64,
    ) -> Option<(Timestamp, Timestamp)> {
        self.parts.retain(|part| part.until > begin);
        let oldest =
            self.parts.iter().filter(|part| part.from < end).min_by_key(|part| part.read)?;
        let from = oldest.from.max(begin);
        let records = store.count_between(begin, end);
        let interval = self.interval_millis as f64 * EARLY;
        let passed = now.millis().saturating_sub(self.paid.millis()).max(0) as f64;
        let due = (passed / interval).min(1.0) * records as f64;
        // Whole pages: what is due beyond them waits.
        let slack = (page / SLACK).min(page - 1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let pages = (due as u64 + slack) / page;
        if pages == 0 || records == 0 {
            return None;
        }
        let rows = pages * page - slack;
        let millis = (due - rows as f64).max(0.0) / records as f64 * interval;
        #[expect(clippy::cast_possible_truncation, reason = "at most an interval")]
        let unpaid = millis as i64;
        self.paid_by_slice = now.plus_millis(-unpaid);
        // A bound counts in whole seconds.
        let until = store.start_at(rows, from).map_or(end, |start| {
            let until = start.floor_to_second();
            if until > from { until } else { until.plus_millis(1000) }
        });
        Some((from, until.min(end)))
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
        self.paid = self.paid_by_slice;
        let until = if until >= news { END } else { until };
        let mut parts = vec![Part { from, until, read: now }];
        for part in &self.parts {
            parts.push(Part { until: part.until.min(from), ..*part });
            parts.push(Part { from: part.from.max(until), ..*part });
        }
        parts.retain(|part| part.from < part.until);
        parts.sort_by_key(|part| part.from);
        self.parts = parts;
    }

    /// Everything was read since `begun`, up to `ended`.
    pub(super) fn note_everything(&mut self, begun: Timestamp, ended: Timestamp) {
        // A reading that takes longer than that would be overdue as soon as it ends.
        let took = ended.millis().saturating_sub(begun.millis());
        self.paid = if took < self.interval_millis.max(LONG_MILLIS) { begun } else { ended };
        self.parts = vec![Part { from: BEGINNING, until: END, read: begun }];
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
        let mut scrub = Scrub::new(3_600_000);
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

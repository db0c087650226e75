//! Reading the window again slice by slice, so that each record is read within an interval.

use crate::record::Timestamp;
use crate::store::Store;

/// Which part of the window was read when.
#[derive(Debug)]
pub(super) struct Scrub {
    interval_millis: i64,
    /// Parts of time, in order and without gaps.
    parts: Vec<Part>,
    /// When the last slice was read.
    last: Timestamp,
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
const EARLY: f64 = 0.9;
/// One poll reads no more than this part of the window again beside what is new ...
const LARGEST_SHARE: f64 = 0.25;
/// ... unless some of it was read so many intervals ago, since nobody polled: then all of it.
const OVERDUE: i64 = 2;

impl Scrub {
    pub(super) fn new(interval_millis: i64) -> Self {
        Self { interval_millis, parts: Vec::new(), last: BEGINNING }
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
        // Each slice fits into a page, with the rows of the second that the bound is sent early.
        let most = (page * 9 / 10).max(1);
        let slices = records.div_ceil(most);
        let passed = now.millis().saturating_sub(self.last.millis()).max(0) as f64;
        let share = (passed / (self.interval_millis as f64 * EARLY)).min(LARGEST_SHARE);
        let due = share * slices as f64;
        if due < 1.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let rows = (due as u64) * records.div_ceil(slices);
        // A bound counts in whole seconds.
        let until = store.start_at(rows, from).map_or(end, |start| {
            let until = start.floor_to_second();
            if until > from { until } else { until.plus_millis(1000) }
        });
        Some((from, until.min(end)))
    }

    /// Whether some of it was read so long ago that everything is due.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        let age = |read: Timestamp| now.millis().saturating_sub(read.millis());
        self.oldest_read().is_none_or(|read| age(read) >= OVERDUE * self.interval_millis)
    }

    /// A slice was read by a poll that began at `now`, which also read all from `news` on.
    pub(super) fn note_slice(
        &mut self,
        (from, until): (Timestamp, Timestamp),
        news: Timestamp,
        now: Timestamp,
    ) {
        self.last = now;
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

    pub(super) fn note_everything(&mut self, now: Timestamp) {
        self.last = now;
        self.parts = vec![Part { from: BEGINNING, until: END, read: now }];
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
        scrub.note_everything(at(1));
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

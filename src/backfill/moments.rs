//! Times of the samples: the multiples of the step, and the end.

use records_api::record::Timestamp;

/// Times of the samples of a project, numbered. The number of a multiple of the step is its factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    step_millis: i64,
    end: Timestamp,
}

impl Moments {
    pub(super) fn new(step_millis: i64, end: Timestamp) -> Self {
        Self { step_millis, end }
    }

    /// Returns the number of the first sample that shows an entry; `None` for an entry at the end or
    /// later, which the live counters show.
    pub(super) fn first_after(self, entry: Timestamp) -> Option<i64> {
        (entry < self.end).then(|| self.number(entry))
    }

    /// Returns the number of the last sample.
    pub(super) fn last(self) -> i64 {
        self.number(self.end)
    }

    /// Returns the time of a sample.
    pub(super) fn time(self, number: i64) -> Timestamp {
        Timestamp::from_millis(number.saturating_mul(self.step_millis)).min(self.end)
    }

    /// Rounds up: a sample shows the entries up to its time.
    fn number(self, time: Timestamp) -> i64 {
        let millis = time.millis();
        let rest = i64::from(millis.rem_euclid(self.step_millis) > 0);
        millis.div_euclid(self.step_millis) + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_entry_shows_in_the_first_sample_at_its_time_or_later() {
        for (end, entry, sample) in [
            (35, 0, Some(0)),
            (35, 1, Some(10)),
            (35, 10, Some(10)),
            (35, 11, Some(20)),
            (35, 31, Some(35)),
            (35, 34, Some(35)),
            (35, 35, None),
            (40, 31, Some(40)),
            (40, 40, None),
        ] {
            let moments = Moments::new(10, at(end));
            let found = moments.first_after(at(entry)).map(|number| moments.time(number));
            assert_eq!(found, sample.map(at), "{end} {entry}");
        }
    }

    #[test]
    fn the_last_sample_is_at_the_end() {
        for end in 30..=40 {
            let moments = Moments::new(10, at(end));
            assert_eq!(moments.time(moments.last()), at(end));
            assert_eq!(moments.time(moments.last() - 1), at((end - 1) / 10 * 10));
        }
    }
}

//! Number and durations of a project's polls.
//!
//! They are part of the snapshot, so that an answer never counts a poll whose result it does not show.

use std::time::Duration;

/// Polls of a project since the process started.
#[derive(Debug, Clone, Default)]
pub struct PollCounters {
    /// Number of complete polls.
    pub successes: u64,
    /// Number of failed polls.
    pub failures: u64,
    /// Durations of all of them.
    pub durations: PollDurations,
}

/// Histogram of the durations of polls.
#[derive(Debug, Clone, Default)]
pub struct PollDurations {
    /// Number of polls per bucket of [`Self::BOUNDS`], not cumulative.
    pub buckets: [u64; PollDurations::BOUNDS.len()],
    /// Sum of all durations.
    pub sum: Duration,
}

impl PollDurations {
    /// Upper bounds of the buckets in seconds, inclusive, without infinity.
    pub const BOUNDS: [f64; 11] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

    fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(bucket) = Self::BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.sum += took;
    }
}

impl PollCounters {
    /// Counts a finished poll.
    pub fn count(&mut self, success: bool, took: Duration) {
        let counter = if success { &mut self.successes } else { &mut self.failures };
        *counter += 1;
        self.durations.observe(took);
    }

    /// Returns the number of all finished polls.
    pub fn total(&self) -> u64 {
        self.successes + self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_includes_it() {
        let mut polls = PollCounters::default();
        for (success, millis) in [(true, 100), (true, 101), (false, 1_800_000), (false, 1_800_001)]
        {
            polls.count(success, Duration::from_millis(millis));
        }
        assert_eq!(polls.durations.buckets, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((polls.successes, polls.failures, polls.total()), (2, 2, 4));
        assert_eq!(polls.durations.sum, Duration::from_millis(3_600_202));
    }
}

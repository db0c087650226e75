//! Time of the next poll. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The facts about earlier polls that decide when the next one is due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    last_start: Option<Instant>,
    consecutive_failures: u32,
}

/// Longest time between the starts of two polls while polls fail.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);
/// Share of `poll.min_interval` after which a poll is due. Without this allowance, a scrape that comes
/// a moment early would find no poll due, and every second scrape would poll.
const DUE_AFTER: f64 = 0.9;

impl Schedule {
    /// Notes the start of a poll.
    pub(super) fn start(&mut self, now: Instant) {
        self.last_start = Some(now);
    }

    /// Notes the end of a poll.
    pub(super) fn end(&mut self, success: bool) {
        self.consecutive_failures =
            if success { 0 } else { self.consecutive_failures.saturating_add(1) };
    }

    /// Ends the backoff: a poll is due at once.
    pub(super) fn end_backoff(&mut self) {
        *self = Self::default();
    }

    /// Returns when the next poll is due; `None` before the first.
    pub(super) fn next_start(&self, min_interval: Duration) -> Option<Instant> {
        let regular = min_interval.mul_f64(DUE_AFTER);
        let doublings = self.consecutive_failures.saturating_sub(1).min(16);
        let backed_off = regular.saturating_mul(1 << doublings).min(MAX_BACK_OFF);
        self.last_start.map(|start| start + backed_off.max(regular))
    }

    /// Returns the time from `now` until the next poll is due if the present one ends with `success`.
    pub(super) fn due_in(&self, now: Instant, min_interval: Duration, success: bool) -> Duration {
        let consecutive_failures =
            if success { 0 } else { self.consecutive_failures.saturating_add(1) };
        let ended = Self { consecutive_failures, ..*self };
        let next = ended.next_start(min_interval);
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// True if a poll is due.
    pub(super) fn is_due(&self, now: Instant, min_interval: Duration) -> bool {
        self.next_start(min_interval).is_none_or(|next| now >= next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_interval_until_a_poll_succeeds() {
        let (mut schedule, begun) = (Schedule::default(), Instant::now());
        let wait = |schedule: &Schedule, seconds| {
            let next = schedule.next_start(Duration::from_secs(seconds)).unwrap();
            next.duration_since(begun).as_secs()
        };
        assert!(schedule.is_due(begun, Duration::from_secs(30)));
        schedule.start(begun);
        let mut waits = Vec::new();
        for _ in 0..6 {
            schedule.end(false);
            waits.push(wait(&schedule, 30));
        }
        assert_eq!(waits, [27, 54, 108, 216, 300, 300]);
        assert_eq!(wait(&schedule, 1000), 900, "never more often than configured");
        schedule.end(true);
        assert_eq!(wait(&schedule, 30), 27);
        assert!(!schedule.is_due(begun + Duration::from_secs(26), Duration::from_secs(30)));
        assert!(schedule.is_due(begun + Duration::from_secs(27), Duration::from_secs(30)));
    }
}

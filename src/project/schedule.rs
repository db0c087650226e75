//! When the next poll is due. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The polls so far, as far as they decide about the next one.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    last_start: Option<Instant>,
    failures_in_a_row: u32,
}

/// Failures in a row make polls rarer, up to this.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);
/// A poll is due a little early, so that scrapes at the same interval find it due each time.
const DUE_AFTER: f64 = 0.9;

impl Schedule {
    /// A poll starts.
    pub(super) fn start(&mut self, now: Instant) {
        self.last_start = Some(now);
    }

    /// A poll ended well or not.
    pub(super) fn end(&mut self, success: bool) {
        self.failures_in_a_row = if success { 0 } else { self.failures_in_a_row.saturating_add(1) };
    }

    /// The next poll comes as after a success.
    pub(super) fn forget_failures(&mut self) {
        self.failures_in_a_row = 0;
    }

    /// When the next poll is due; `None` before the first.
    pub(super) fn next_start(&self, min_interval: Duration) -> Option<Instant> {
        let regular = min_interval.mul_f64(DUE_AFTER);
        let doublings = self.failures_in_a_row.saturating_sub(1).min(16);
        let backed_off = regular.saturating_mul(1 << doublings).min(MAX_BACK_OFF);
        self.last_start.map(|start| start + backed_off.max(regular))
    }

    /// Whether a poll is due.
    pub(super) fn is_due(&self, now: Instant, min_interval: Duration) -> bool {
        self.next_start(min_interval).is_none_or(|next| now >= next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_become_rarer_with_each_failure_and_regular_again_with_a_success() {
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

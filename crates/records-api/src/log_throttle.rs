//! Limits the log messages about a persistent failure: one when it changes, and one per hour.

use std::time::Duration;

use tokio::time::Instant;

const REMINDER: Duration = Duration::from_secs(3600);

/// Kind and time of the last message.
#[derive(Debug, Default)]
pub struct LogThrottle(Option<(String, Instant)>);

impl LogThrottle {
    /// Returns true if a failure of this kind is to be logged now, and notes that it was.
    pub fn is_due(&mut self, kind: String) -> bool {
        let is_recent = self
            .0
            .as_ref()
            .is_some_and(|(last, logged)| *last == kind && logged.elapsed() < REMINDER);
        if !is_recent {
            self.0 = Some((kind, Instant::now()));
        }
        !is_recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_logged_when_it_changes_and_once_an_hour() {
        let mut log_throttle = LogThrottle::default();
        let mut logged = Vec::new();
        for minute in 0..150 {
            let kind = if minute == 30 { "other" } else { "same" };
            if log_throttle.is_due(kind.to_owned()) {
                logged.push(minute);
            }
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(logged, [0, 30, 31, 91]);
    }
}

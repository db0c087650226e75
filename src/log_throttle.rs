//! Logs a lasting failure when it changes and once an hour, not at every poll.

use std::time::Duration;

use tokio::time::Instant;

const REMINDER: Duration = Duration::from_secs(3600);

/// What was said last, and when.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle(Option<(String, Instant)>);

impl LogThrottle {
    /// Returns whether a failure of this kind should be logged now; if so it counts as logged.
    pub(crate) fn is_due(&mut self, kind: String) -> bool {
        let known =
            self.0.as_ref().is_some_and(|(last, said)| *last == kind && said.elapsed() < REMINDER);
        if !known {
            self.0 = Some((kind, Instant::now()));
        }
        !known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_is_said_when_it_changes_and_once_an_hour() {
        let mut log_throttle = LogThrottle::default();
        let mut said = Vec::new();
        for minute in 0..150 {
            let kind = if minute == 30 { "other" } else { "same" };
            if log_throttle.is_due(kind.to_owned()) {
                said.push(minute);
            }
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(said, [0, 30, 31, 91]);
    }
}

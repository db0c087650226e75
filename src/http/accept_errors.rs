//! Logs errors of accepting connections: when they begin, when they change, once an hour, and when they
//! are over.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use records_api::LogThrottle;

/// Time without an error after which errors are over. They usually come and go with free descriptors.
const OVER_AFTER: Duration = Duration::from_secs(10);

/// Errors of one listener.
#[derive(Debug, Default)]
pub(super) struct AcceptErrors {
    throttle: LogThrottle,
    /// Time of the last one.
    last: Option<Instant>,
}

impl AcceptErrors {
    /// Notes an error. Returns true if it was logged.
    pub(super) fn failed(&mut self, error: &io::Error) -> bool {
        self.last = Some(Instant::now());
        let is_due = self.throttle.is_due(error.to_string());
        if is_due {
            let remedy =
                "if too many files are open, raise the limit (LimitNOFILE in systemd, ulimit -n)";
            tracing::warn!(%error, remedy, "cannot accept connections");
        }
        is_due
    }

    /// Notes a connection. Returns true if this was logged as the end of errors.
    pub(super) fn accepted(&mut self) -> bool {
        let is_over = self.last.is_some_and(|last| last.elapsed() >= OVER_AFTER);
        if is_over {
            *self = Self::default();
            tracing::info!("connections are accepted again");
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn errors_are_logged_when_they_begin_change_and_end() {
        let mut errors = AcceptErrors::default();
        let [full, other] = [24, 12].map(io::Error::from_raw_os_error);
        let mut logged = Vec::new();
        for tenth in 0..72_000 {
            match tenth {
                36_500..36_600 => logged.extend(errors.failed(&other).then_some((tenth, "other"))),
                0..40_000 => logged.extend(errors.failed(&full).then_some((tenth, "full"))),
                _ => {}
            }
            // Between errors, some connections are accepted.
            logged.extend(errors.accepted().then_some((tenth, "over")));
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let expected =
            [(0, "full"), (36_000, "full"), (36_500, "other"), (36_600, "full"), (40_099, "over")];
        assert_eq!(logged, expected);
        assert!(errors.failed(&full));
    }
}

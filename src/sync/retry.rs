//! Decides when a kind of request that failed is made again: in the next poll, then ever more rarely.
//! The failure may have been about something else.

use records_api::record::Timestamp;

/// Time until the third attempt. It doubles with each further failure.
const MIN_PAUSE_MILLIS: i64 = 60_000;
/// Maximum time between two attempts.
const MAX_PAUSE_MILLIS: i64 = 3_600_000;

/// Failures in a row of a kind of request.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sync) struct Retry {
    failures: u32,
    next: Option<Timestamp>,
}

impl Retry {
    /// Notes the result of a request in a poll that began at `now`.
    pub(in crate::sync) fn note(&mut self, succeeded: bool, now: Timestamp) {
        if succeeded {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.next = self
            .failures
            .checked_sub(2)
            .map(|more| now.plus_millis((MIN_PAUSE_MILLIS << more.min(16)).min(MAX_PAUSE_MILLIS)));
    }

    /// True if the last request failed.
    pub(in crate::sync) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// True if the request is to be made in a poll that begins at `now`.
    pub(in crate::sync) fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_none_or(|next| now >= next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_request_is_made_in_the_next_poll_and_then_ever_more_rarely() {
        let mut retry = Retry::default();
        let mut polls = Vec::new();
        for poll in 0..1000 {
            let now = Timestamp::from_millis(poll * 30_000);
            if retry.is_due(now) {
                polls.push(poll);
                retry.note(false, now);
            }
        }
        assert_eq!(polls, [0, 1, 3, 7, 15, 31, 63, 127, 247, 367, 487, 607, 727, 847, 967]);
        assert!(retry.has_failed());
        retry.note(true, Timestamp::from_millis(0));
        assert!(!retry.has_failed() && retry.is_due(Timestamp::from_millis(0)));
    }
}

//! Pauses that the API requests from a long read.

use std::time::Duration;

use tokio::time::Instant;

/// Number of pauses in a row, without a page between them, after which a read stops waiting.
const MAX_PAUSES: u32 = 3;
/// Requests that are refused within this time were sent side by side: they have one pause.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// Pauses since the last page.
#[derive(Debug, Default)]
pub struct Pauses {
    /// Number of pauses that the API requested since the last page.
    pauses: u32,
    /// Beginning of the last pause.
    paused: Option<Instant>,
}

impl Pauses {
    /// Notes a page.
    pub fn note_page(&mut self) {
        self.pauses = 0;
    }

    /// Notes that the API refused a request because of too many. Returns true if the request is to be
    /// sent again: unless several pauses in a row gave no page.
    pub fn waits(&mut self, now: Instant) -> bool {
        if self.paused.is_none_or(|paused| now.duration_since(paused) >= MIN_PAUSE) {
            self.paused = Some(now);
            self.pauses += 1;
        }
        if self.pauses > MAX_PAUSES {
            self.pauses = 0;
            return false;
        }
        true
    }
}

//! The only access to the time of day.
//!
//! All other code is passed a [`Clock`], so that tests and simulations control the time. Durations
//! and deadlines use `tokio::time`, which follows the paused clock of a test.

use std::time::SystemTime;

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the milliseconds since the Unix epoch, UTC; negative before it.
    fn now_millis(&self) -> i64;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only access to the real clock")]
    fn now_millis(&self) -> i64 {
        let now = SystemTime::now();
        match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }
}

/// A clock that starts at a given time and then follows `tokio::time`, which a test may have
/// paused.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    epoch_millis: i64,
    started: tokio::time::Instant,
}

impl TokioClock {
    /// Creates a clock that shows `epoch_millis` (milliseconds since the Unix epoch) now.
    pub fn starting_at(epoch_millis: i64) -> Self {
        Self { epoch_millis, started: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now_millis(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.epoch_millis.saturating_add(elapsed)
    }
}

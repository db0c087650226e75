//! The one place that knows what time it is.
//!
//! Everything else is given a [`Clock`], so that tests and simulations decide how time passes.
//! Durations and deadlines use `tokio::time`, which follows the paused clock of a test.

use std::time::SystemTime;

/// Tells the present moment in milliseconds since the Unix epoch, UTC.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before it.
    fn now_millis(&self) -> i64;
}

/// The real clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
    fn now_millis(&self) -> i64 {
        let now = SystemTime::now();
        match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }
}

/// A clock that begins at a given moment and then follows `tokio::time`: at the pace of the real
/// one, or of the paused one of a test.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    epoch_millis: i64,
    started: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that reads `epoch_millis` (milliseconds since the Unix epoch) now.
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

//! A rate limit for all clients together: a token bucket.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// Time after which one more request is answered. Not zero.
    pub(super) interval: Duration,
    /// Requests that are answered at once after a pause.
    pub(super) burst: u32,
}

/// The bucket.
pub(super) struct Bucket {
    rate: Rate,
    level: Mutex<Level>,
}

struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: Rate) -> Self {
        let level = Level { tokens: rate.burst.into(), at: Instant::now() };
        Self { rate, level: Mutex::new(level) }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self) -> bool {
        let now = Instant::now();
        let mut level = self.level.lock();
        let gained = (now - level.at).as_secs_f64() / self.rate.interval.as_secs_f64();
        *level = Level { tokens: (level.tokens + gained).min(self.rate.burst.into()), at: now };
        let is_left = level.tokens >= 1.0;
        if is_left {
            level.tokens -= 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_answered_and_then_one_for_each_interval() {
        let bucket = Bucket::new(Rate { interval: Duration::from_secs(1), burst: 3 });
        let taken = |n: usize| (0..n).filter(|_| bucket.take()).count();
        assert_eq!(taken(10), 3);
        tokio::time::advance(Duration::from_millis(900)).await;
        assert_eq!(taken(10), 0);
        tokio::time::advance(Duration::from_millis(1200)).await;
        assert_eq!(taken(10), 2);
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(taken(10), 3);
    }
}

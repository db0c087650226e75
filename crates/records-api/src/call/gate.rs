//! Limits the requests of a project: how many at the same time, how many per second, and none
//! during a pause that the API requested.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Delays requests so that the limits are kept.
#[derive(Debug)]
pub(crate) struct Gate {
    /// One permit for each request that may be in progress.
    concurrency: Semaphore,
    /// Maximum number of requests that start within any `period`.
    burst: usize,
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Start times of the last `burst` requests, past and future, oldest first.
    starts: VecDeque<Instant>,
    /// No request starts before this time, because the API requested a pause.
    closed_until: Option<Instant>,
}

impl Gate {
    /// Creates a gate for at most `max_concurrent` requests at a time and `max_per_second` requests
    /// started within any second.
    pub(crate) fn new(max_concurrent: usize, max_per_second: f64) -> Self {
        // 10 per second means 10 within any second; 0.2 per second means one within any 5 seconds.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 or more")]
        let burst = max_per_second.floor().max(1.0) as usize;
        let period = Duration::from_secs_f64(burst as f64 / max_per_second);
        Self { concurrency: Semaphore::new(max_concurrent), burst, period, state: Mutex::default() }
    }

    /// Waits until a request may start. Returns a permit, to be held during the request, and the
    /// time spent waiting for the end of a pause that the API requested.
    pub(crate) async fn enter(&self) -> (SemaphorePermit<'_>, Duration) {
        let permit = self.concurrency.acquire().await.expect("the semaphore is never closed");
        let mut paused = Duration::ZERO;
        loop {
            let now = Instant::now();
            let (start, pause_end) = self.reserve_start(now);
            let Some(pause_end) = pause_end else {
                sleep_until(start).await;
                // The API may have requested a pause while this request waited for its start.
                if !self.is_closed() {
                    return (permit, paused);
                }
                continue;
            };
            sleep_until(pause_end).await;
            paused += pause_end.duration_since(now);
        }
    }

    /// Starts no request for the duration of `pause`. Does not shorten an earlier pause.
    pub(crate) fn close_for(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.state.lock();
        if state.closed_until.is_none_or(|closed| closed < until) {
            state.closed_until = Some(until);
        }
    }

    fn is_closed(&self) -> bool {
        self.state.lock().closed_until.is_some_and(|until| until > Instant::now())
    }

    /// Reserves the start time of a request that arrives at `now`; during a pause, returns its end
    /// instead and reserves nothing.
    fn reserve_start(&self, now: Instant) -> (Instant, Option<Instant>) {
        let mut state = self.state.lock();
        if let Some(until) = state.closed_until.filter(|until| *until > now) {
            return (until, Some(until));
        }
        state.closed_until = None;
        let start = if state.starts.len() < self.burst {
            now
        } else {
            let oldest = state.starts.pop_front().unwrap_or(now);
            now.max(oldest + self.period)
        };
        state.starts.push_back(start);
        (start, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start_times(gate: &Gate, requests: usize) -> Vec<u128> {
        let begun = Instant::now();
        let mut times = Vec::new();
        for _ in 0..requests {
            drop(gate.enter().await);
            times.push(begun.elapsed().as_millis());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_than_configured_start_within_any_second() {
        let gate = Gate::new(8, 5.0);
        let times = start_times(&gate, 40).await;
        for (index, time) in times.iter().enumerate().skip(5) {
            assert!(time - times[index - 5] >= 1000, "{times:?}");
        }
        assert_eq!(times[39], 7000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_one_per_second_spaces_requests() {
        let gate = Gate::new(1, 0.2);
        assert_eq!(start_times(&gate, 3).await, [0, 5000, 10_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_than_configured_are_in_progress() {
        let gate = Gate::new(2, 1000.0);
        let first = gate.enter().await;
        let _second = gate.enter().await;
        let third = tokio::time::timeout(Duration::from_secs(60), gate.enter()).await;
        assert!(third.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(1), gate.enter()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_delays_all_requests_and_is_measured() {
        let gate = Gate::new(4, 1000.0);
        gate.close_for(Duration::from_secs(7));
        gate.close_for(Duration::from_secs(2));
        let start = Instant::now();
        let (_permit, paused) = gate.enter().await;
        assert_eq!(start.elapsed().as_secs(), 7);
        assert_eq!(paused.as_secs(), 7);
    }
}

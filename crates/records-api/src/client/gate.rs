//! The limits that every request of a project passes: how many at once, how many a second, and
//! the pause that the API asked for.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Lets requests through, no more of them than configured.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Semaphore,
    /// At most `burst` requests begin within any `period`.
    burst: usize,
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last `burst` requests began or will begin, oldest first.
    begun: VecDeque<Instant>,
    /// Nothing begins before this: the API asked for a pause.
    closed_until: Option<Instant>,
}

impl Gate {
    pub(crate) fn new(max_concurrent: usize, max_per_second: f64) -> Self {
        // 10 a second are 10 within any second; 0.2 a second are one within any 5 seconds.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 or more")]
        let burst = max_per_second.floor().max(1.0) as usize;
        let period = Duration::from_secs_f64(burst as f64 / max_per_second);
        Self { slots: Semaphore::new(max_concurrent), burst, period, state: Mutex::default() }
    }

    /// Waits for a turn. Returns a permit to hold during the request, and how long the API's own
    /// pause kept it waiting.
    pub(crate) async fn enter(&self) -> (SemaphorePermit<'_>, Duration) {
        let permit = self.slots.acquire().await.expect("the semaphore is never closed");
        let mut paused = Duration::ZERO;
        loop {
            let now = Instant::now();
            let (turn, pause) = self.take_turn(now);
            let Some(pause) = pause else {
                sleep_until(turn).await;
                // The gate may have closed while this request waited for its turn.
                if !self.is_closed() {
                    return (permit, paused);
                }
                continue;
            };
            sleep_until(pause).await;
            paused += pause.duration_since(now);
        }
    }

    /// Lets nothing begin for `pause`.
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

    /// The turn of a request that comes now, or the end of the pause that it must wait for first.
    fn take_turn(&self, now: Instant) -> (Instant, Option<Instant>) {
        let mut state = self.state.lock();
        if let Some(until) = state.closed_until.filter(|until| *until > now) {
            return (until, Some(until));
        }
        state.closed_until = None;
        let turn = if state.begun.len() < self.burst {
            now
        } else {
            let oldest = state.begun.pop_front().unwrap_or(now);
            now.max(oldest + self.period)
        };
        state.begun.push_back(turn);
        (turn, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn begin_times(gate: &Gate, requests: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..requests {
            drop(gate.enter().await);
            times.push(start.elapsed().as_millis());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_ever_sees_more_requests_than_configured() {
        let gate = Gate::new(8, 5.0);
        let times = begin_times(&gate, 40).await;
        for (index, time) in times.iter().enumerate().skip(5) {
            assert!(time - times[index - 5] >= 1000, "{times:?}");
        }
        assert_eq!(times[39], 7000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_one_a_second_spaces_requests() {
        let gate = Gate::new(1, 0.2);
        assert_eq!(begin_times(&gate, 3).await, [0, 5000, 10_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_under_way_at_once() {
        let gate = Gate::new(2, 1000.0);
        let first = gate.enter().await;
        let _second = gate.enter().await;
        let third = tokio::time::timeout(Duration::from_secs(60), gate.enter()).await;
        assert!(third.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(1), gate.enter()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everything_and_is_measured() {
        let gate = Gate::new(4, 1000.0);
        gate.close_for(Duration::from_secs(7));
        gate.close_for(Duration::from_secs(2));
        let start = Instant::now();
        let (_permit, paused) = gate.enter().await;
        assert_eq!(start.elapsed().as_secs(), 7);
        assert_eq!(paused.as_secs(), 7);
    }
}

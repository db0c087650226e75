//! One limit for the memory of all responses that are read at the same time.
//!
//! A response takes memory while it grows, and until its body is dropped. If all of it is taken, a
//! response waits for others, which need not wait for it: one response at a time may exceed the
//! limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Unit in which memory is counted.
const BLOCK_BYTES: usize = 1024;
/// First allocation for a body of unknown size.
const MIN_CAPACITY: usize = 64 * 1024;
/// Maximum size that is allocated before it arrives. A server that announces much and sends nothing
/// would hold the memory of all projects.
const MAX_EXPECTED_BYTES: usize = 1024 * 1024;
/// Minimum time between two log messages.
const REMINDER: Duration = Duration::from_secs(3600);

/// The memory of all responses that are read at the same time: at most twice the maximum size of
/// one response.
#[derive(Debug)]
pub struct MemoryBudget {
    max_response_bytes: usize,
    /// The memory that all responses share, in blocks.
    shared: Arc<Semaphore>,
    /// One permit, for the response that may exceed the shared memory.
    excess: Arc<Semaphore>,
    reported: Mutex<Option<Instant>>,
}

impl MemoryBudget {
    /// Creates a budget for responses of up to `max_response_bytes` bytes.
    pub fn new(max_response_bytes: usize) -> Self {
        let blocks = blocks(max_response_bytes).min(Semaphore::MAX_PERMITS);
        let (shared, excess) = (Arc::new(Semaphore::new(blocks)), Arc::new(Semaphore::new(1)));
        Self { max_response_bytes, shared, excess, reported: Mutex::default() }
    }

    /// Logs that a response waits, at most once an hour.
    fn report(&self) {
        let mut reported = self.reported.lock();
        if reported.is_none_or(|at| at.elapsed() >= REMINDER) {
            *reported = Some(Instant::now());
            tracing::warn!(
                max_bytes = 2 * self.max_response_bytes,
                remedy = "lower `api.page_size` or `api.max_concurrent_requests`, or raise \
                          `api.max_response_bytes`",
                "responses of the API wait for memory, because too many large ones are read at the \
                 same time"
            );
        }
    }
}

fn blocks(bytes: usize) -> usize {
    bytes.div_ceil(BLOCK_BYTES)
}

/// The limits of reading one response.
#[derive(Debug, Clone)]
pub struct ReadLimit {
    /// Maximum size of the body in bytes, after decompression.
    pub max_bytes: usize,
    waiting: Arc<Mutex<Waiting>>,
}

/// Time that a response has waited for memory.
#[derive(Debug, Default)]
struct Waiting {
    ended: Duration,
    since: Option<Instant>,
}

impl ReadLimit {
    /// Limits a body to `max_bytes` bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, waiting: Arc::default() }
    }

    /// Returns the time that the response has waited for memory.
    fn waited(&self) -> Duration {
        let waiting = self.waiting.lock();
        waiting.ended + waiting.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Waits for a response for at most `limit`, without the time that it waits for memory. Returns
    /// `None` if it takes longer.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        response: impl Future<Output = T>,
    ) -> Option<T> {
        let begun = Instant::now();
        let mut response = std::pin::pin!(response);
        loop {
            let end = begun + limit + self.waited();
            match timeout_at(end, &mut response).await {
                Ok(response) => return Some(response),
                Err(_) if begun + limit + self.waited() <= Instant::now() => return None,
                Err(_) => {}
            }
        }
    }
}

/// Ends the time that a response waits for memory.
struct WaitGuard<'l>(&'l ReadLimit);

impl<'l> WaitGuard<'l> {
    fn new(limit: &'l ReadLimit) -> Self {
        limit.waiting.lock().since = Some(Instant::now());
        Self(limit)
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        let since = waiting.since.take();
        waiting.ended += since.map_or(Duration::ZERO, |since| since.elapsed());
    }
}

/// The body of a response, as far as it has been read.
pub(super) struct BodyBuffer {
    bytes: Vec<u8>,
    limit: ReadLimit,
    budget: Option<Arc<MemoryBudget>>,
    /// Shared memory that the body takes.
    shared: Option<OwnedSemaphorePermit>,
    /// Permission to take more than that.
    excess: Option<OwnedSemaphorePermit>,
}

/// The body is larger than its limit.
#[derive(Debug)]
pub(super) struct TooLarge;

impl BodyBuffer {
    /// Creates a buffer without memory.
    pub(super) fn new(limit: ReadLimit, budget: Option<Arc<MemoryBudget>>) -> Self {
        Self { bytes: Vec::new(), limit, budget, shared: None, excess: None }
    }

    /// Allocates the size that a response announces, up to 1 MiB, so that the buffer need not grow.
    pub(super) async fn expect(&mut self, bytes: usize) {
        self.reserve(bytes.min(self.limit.max_bytes).min(MAX_EXPECTED_BYTES)).await;
    }

    /// Appends a part of the body.
    pub(super) async fn append(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        let size = self.bytes.len() + part.len();
        if size > self.limit.max_bytes {
            return Err(TooLarge);
        }
        if size > self.bytes.capacity() {
            let doubled = size.max(2 * self.bytes.capacity()).max(MIN_CAPACITY);
            self.reserve(doubled.min(self.limit.max_bytes)).await;
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// Returns the complete body, which takes its memory until it is dropped.
    pub(super) fn into_body(self) -> Bytes {
        if self.budget.is_none() { Bytes::from(self.bytes) } else { Bytes::from_owner(self) }
    }

    /// Allocates `capacity` bytes in total, as soon as there is memory.
    async fn reserve(&mut self, capacity: usize) {
        if let Some(budget) = self.budget.clone() {
            self.take(&budget, capacity).await;
        }
        self.bytes.reserve_exact(capacity - self.bytes.len());
    }

    async fn take(&mut self, budget: &MemoryBudget, capacity: usize) {
        let taken = self.shared.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = blocks(capacity).saturating_sub(taken);
        let Some(more) = u32::try_from(more).ok().filter(|_| self.excess.is_none()) else { return };
        let shared = if let Ok(shared) = budget.shared.clone().try_acquire_many_owned(more) {
            shared
        } else {
            budget.report();
            let _waiting = WaitGuard::new(&self.limit);
            tokio::select! {
                biased;
                excess = budget.excess.clone().acquire_owned() => {
                    self.excess = Some(excess.expect("the semaphore is never closed"));
                    return;
                }
                shared = budget.shared.clone().acquire_many_owned(more) => {
                    shared.expect("the semaphore is never closed")
                }
            }
        };
        match &mut self.shared {
            Some(taken) => taken.merge(shared),
            None => self.shared = Some(shared),
        }
    }
}

impl AsRef<[u8]> for BodyBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const MIB: usize = 1 << 20;

    /// Reads a body of `size` bytes in parts of 16 KiB, one each `pause`. Counts its memory in
    /// `taken`, and the largest sum ever in its second part.
    async fn read(
        budget: &Arc<MemoryBudget>,
        limit: ReadLimit,
        size: usize,
        pause: Duration,
        taken: &Mutex<(usize, usize)>,
    ) -> Bytes {
        let mut buffer = BodyBuffer::new(limit, Some(budget.clone()));
        let mut counted = 0;
        while buffer.bytes.len() < size {
            sleep(pause).await;
            assert!(buffer.append(&[0; 16 * 1024]).await.is_ok());
            let mut taken = taken.lock();
            taken.0 += buffer.bytes.capacity() - counted;
            taken.1 = taken.1.max(taken.0);
            counted = buffer.bytes.capacity();
        }
        buffer.into_body()
    }

    #[tokio::test(start_paused = true)]
    async fn large_responses_at_the_same_time_stay_within_the_budget_and_all_complete() {
        for (responses, size, max) in
            [(4, 8 * MIB, 8 * MIB), (40, MIB, 2 * MIB), (9, 3 * MIB, 4 * MIB)]
        {
            let budget = Arc::new(MemoryBudget::new(max));
            let taken = Mutex::default();
            let response = async || {
                let limit = ReadLimit::new(max);
                let read = read(&budget, limit, size, Duration::from_millis(1), &taken);
                let body = read.await;
                assert_eq!(body.len(), size);
                // A page is parsed and then dropped.
                sleep(Duration::from_millis(20)).await;
                taken.lock().0 -= max.min(size.next_power_of_two());
            };
            join_all((0..responses).map(|_| response())).await;
            let (now, most) = *taken.lock();
            assert_eq!(now, 0);
            assert!(most <= 2 * max, "{responses} of {size}: {most}");
            assert!(most > max, "{responses} of {size}: {most}");
            assert_eq!(budget.shared.available_permits(), blocks(max));
            assert_eq!(budget.excess.available_permits(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_memory_does_not_count_as_waiting_for_the_response() {
        let budget = Arc::new(MemoryBudget::new(MIB));
        let (taken, second) = (Mutex::default(), Duration::from_secs(1));
        let held = read(&budget, ReadLimit::new(MIB), MIB, Duration::ZERO, &taken).await;
        let excess = read(&budget, ReadLimit::new(MIB), MIB, Duration::ZERO, &taken).await;
        let limit = ReadLimit::new(MIB);
        let waiting = read(&budget, limit.clone(), MIB, Duration::from_millis(10), &taken);
        let release = async {
            sleep(Duration::from_secs(100)).await;
            drop((held, excess));
        };
        let begun = Instant::now();
        let (body, ()) = tokio::join!(limit.within(second, waiting), release);
        assert_eq!(body.map(|body| body.len()), Some(MIB));
        assert!(begun.elapsed() > Duration::from_secs(100));
        // A response that does not come ends in time.
        let limit = ReadLimit::new(MIB);
        let begun = Instant::now();
        assert!(limit.within(second, std::future::pending::<()>()).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_response_gives_its_memory_back() {
        let budget = Arc::new(MemoryBudget::new(MIB));
        let taken = Mutex::default();
        for _ in 0..10 {
            let reads = (0..5)
                .map(|_| read(&budget, ReadLimit::new(MIB), MIB, Duration::from_millis(1), &taken));
            let _ = tokio::time::timeout(Duration::from_millis(50), join_all(reads)).await;
        }
        assert_eq!(budget.shared.available_permits(), blocks(MIB));
        assert_eq!(budget.excess.available_permits(), 1);
    }
}

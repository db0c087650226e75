//! Limits the number of requests that are processed at the same time. A scrape that waits for a poll
//! does not count.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client_address::ClientAddress;

/// The slots of requests. Clones share them.
#[derive(Clone)]
pub(super) struct Slots(Arc<Shared>);

struct Shared {
    free: Arc<Semaphore>,
    /// Slots that scrapes may take when their poll has ended. All of them wake up at once, and must leave
    /// slots for new requests.
    resuming: Arc<Semaphore>,
    /// Maximum number of slots that new requests of one address may take.
    share: usize,
    /// Slots taken by new requests, by address.
    taken: Mutex<HashMap<ClientAddress, usize>>,
}

impl Slots {
    /// Creates slots for `max` requests at the same time.
    pub(super) fn new(max: usize) -> Self {
        Self(Arc::new(Shared {
            free: Arc::new(Semaphore::new(max)),
            resuming: Arc::new(Semaphore::new(max.div_ceil(4))),
            // A quarter is left to others, unless there are too few.
            share: max - max / 4,
            taken: Mutex::default(),
        }))
    }

    /// Takes a slot for a new request. `None` if there is none, or none for this address.
    pub(super) fn take(&self, client: ClientAddress) -> Option<Slot> {
        let permit = self.0.free.clone().try_acquire_owned().ok()?;
        let mut taken = self.0.taken.lock();
        let number = taken.entry(client).or_default();
        if *number >= self.0.share {
            return None;
        }
        *number += 1;
        let held = Held { slots: self.clone(), client: Some(client), _permits: vec![permit] };
        Some(Slot { slots: self.clone(), held: Arc::new(Mutex::new(Some(held))) })
    }

    /// Waits for a slot for a request that continues.
    async fn resume(&self) -> Option<Held> {
        // Never closed.
        let resuming = self.0.resuming.clone().acquire_owned().await.ok()?;
        let permit = self.0.free.clone().acquire_owned().await.ok()?;
        Some(Held { slots: self.clone(), client: None, _permits: vec![permit, resuming] })
    }
}

/// The slot of a request, until all clones are dropped.
#[derive(Clone)]
pub(super) struct Slot {
    slots: Slots,
    held: Arc<Mutex<Option<Held>>>,
}

impl Slot {
    /// Awaits a future. Unless it is ready at once, the slot is free meanwhile, and taken again
    /// afterwards.
    pub(super) async fn free_during<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        if let Some(output) = waiting.as_mut().now_or_never() {
            return output;
        }
        drop(self.held.lock().take());
        let output = waiting.await;
        let resumed = self.slots.resume().await;
        *self.held.lock() = resumed;
        output
    }
}

/// Permits of a request that is being processed.
struct Held {
    slots: Slots,
    client: Option<ClientAddress>,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut taken = self.slots.0.taken.lock();
        if let Some(number) = taken.get_mut(&client) {
            *number -= 1;
            if *number == 0 {
                taken.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    fn client(number: u8) -> ClientAddress {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)).into()
    }

    #[test]
    fn one_address_gets_three_quarters_of_the_slots() {
        let slots = Slots::new(4);
        let first: Vec<_> = std::iter::from_fn(|| slots.take(client(1))).collect();
        let second: Vec<_> = std::iter::from_fn(|| slots.take(client(2))).collect();
        assert_eq!((first.len(), second.len()), (3, 1));
        assert!(slots.take(client(3)).is_none());
        drop((first, second));
        assert!(slots.0.taken.lock().is_empty());
        assert!(slots.take(client(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_free_while_its_request_waits() {
        let slots = Slots::new(1);
        let slot = slots.take(client(1)).unwrap();
        assert_eq!(slot.free_during(async { 1 }).await, 1);
        assert!(slots.take(client(2)).is_none());
        let (wake, woken) = oneshot::channel();
        let waiting = slot.clone();
        let waiting = tokio::spawn(async move { waiting.free_during(woken).await });
        tokio::task::yield_now().await;
        let other = slots.take(client(2)).unwrap();
        wake.send(2).unwrap();
        let mut waiting = pin!(waiting);
        // The slot is taken: wait for it, and do not refuse.
        assert!(timeout(Duration::from_secs(9), waiting.as_mut()).await.is_err());
        drop(other);
        assert_eq!(waiting.await.unwrap(), Ok(2));
        assert!(slots.take(client(2)).is_none());
        drop(slot);
        assert!(slots.take(client(2)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn scrapes_that_wake_up_together_leave_slots_to_new_requests() {
        let slots = Slots::new(4);
        let (wake, woken) = tokio::sync::watch::channel(false);
        let (done, mut finished) = tokio::sync::mpsc::channel(9);
        for _ in 0..9 {
            let (slots, mut woken, done) = (slots.clone(), woken.clone(), done.clone());
            tokio::spawn(async move {
                let slot = slots.take(client(1)).unwrap();
                slot.free_during(woken.changed()).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
                drop(slot);
                done.send(()).await.unwrap();
            });
            tokio::task::yield_now().await;
        }
        wake.send(true).unwrap();
        for _ in 0..9 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            assert!(slots.take(client(2)).is_some());
        }
        for _ in 0..9 {
            finished.recv().await.unwrap();
        }
    }
}

//! The order in which passwords are checked, fair between addresses.
//!
//! The address with the fewest attempts since its last success comes first, so clients that know their
//! password do not wait for those that guess. Of equal addresses, one that has signed in before comes
//! first, then the one that came last: in a flood of new addresses, the first in line would wait for all
//! of them.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use crate::http::client_address::ClientAddress;

/// Maximum number of waiting attempts of one address.
const MAX_PER_ADDRESS: usize = 16;
/// Maximum number of waiting attempts. Each holds a password.
const MAX_WAITING: usize = 256;
/// Attempts beyond this are not counted, so a client whose password was wrong for a day is not behind
/// all guessers for another day.
const MAX_ATTEMPTS: u8 = 10;
/// Maximum number of addresses that are remembered.
const MAX_ADDRESSES: usize = 4096;

/// Attempts to sign in that wait, and what is known about the addresses that they came from.
#[derive(Debug)]
pub(super) struct SignInQueue<T> {
    /// Waiting attempts of an address in the order of arrival, with the number of each. No queue is
    /// empty.
    waiting: HashMap<ClientAddress, VecDeque<(u64, T)>>,
    /// Number of waiting attempts.
    len: usize,
    histories: HashMap<ClientAddress, History>,
    /// Number of the next event.
    next: u64,
}

/// Attempts that came from an address.
#[derive(Debug, Clone, Copy, Default)]
struct History {
    /// Attempts since the last success. Those that are dropped count too, or a flood of them would never
    /// come behind a new client.
    attempts: u8,
    has_signed_in: bool,
    /// Number of the last event.
    last: u64,
}

/// The least comes first: attempts, whether it has never signed in, and the last arrival.
type Rank = (u8, bool, Reverse<u64>);

impl<T> Default for SignInQueue<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), len: 0, histories: HashMap::new(), next: 0 }
    }
}

impl<T> SignInQueue<T> {
    /// Adds an attempt. Returns the attempt that has no place: this one or one that ranks lower.
    pub(super) fn push(&mut self, address: ClientAddress, attempt: T) -> Option<T> {
        let number = self.number();
        let history = self.history(address, number);
        history.attempts = (history.attempts + 1).min(MAX_ATTEMPTS);
        let attempts = self.waiting.entry(address).or_default();
        if attempts.len() >= MAX_PER_ADDRESS {
            return Some(attempt);
        }
        attempts.push_back((number, attempt));
        self.len += 1;
        if self.len <= MAX_WAITING {
            return None;
        }
        let last = self.addresses().max_by_key(|(rank, _)| *rank).map(|(_, address)| address);
        self.remove(last?, VecDeque::pop_back)
    }

    /// Removes the attempt that comes first.
    pub(super) fn pop(&mut self) -> Option<(ClientAddress, T)> {
        let (_, first) = self.addresses().min_by_key(|(rank, _)| *rank)?;
        Some((first, self.remove(first, VecDeque::pop_front)?))
    }

    /// Returns the waiting attempts of an address.
    pub(super) fn of_address(&mut self, address: ClientAddress) -> impl Iterator<Item = &mut T> {
        self.waiting.get_mut(&address).into_iter().flatten().map(|(_, attempt)| attempt)
    }

    /// Notes that a client of an address has signed in.
    pub(super) fn note_success(&mut self, address: ClientAddress) {
        let number = self.number();
        let history = self.history(address, number);
        (history.attempts, history.has_signed_in) = (0, true);
    }

    /// Returns the history of an address for an event.
    fn history(&mut self, address: ClientAddress, number: u64) -> &mut History {
        if self.histories.len() >= MAX_ADDRESSES && !self.histories.contains_key(&address) {
            // Clients that sign in are few, and guessers may have many addresses.
            let oldest = self.histories.iter().min_by_key(|(_, h)| (h.has_signed_in, h.last));
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.histories.remove(&oldest);
            }
        }
        let history = self.histories.entry(address).or_default();
        history.last = number;
        history
    }

    /// Returns the addresses with waiting attempts, each with its rank.
    fn addresses(&self) -> impl Iterator<Item = (Rank, ClientAddress)> {
        self.waiting.iter().map(|(address, attempts)| {
            let history = self.histories.get(address).copied().unwrap_or_default();
            let arrival = attempts.back().map_or(0, |(number, _)| *number);
            ((history.attempts, !history.has_signed_in, Reverse(arrival)), *address)
        })
    }

    fn remove(
        &mut self,
        address: ClientAddress,
        pop: impl FnOnce(&mut VecDeque<(u64, T)>) -> Option<(u64, T)>,
    ) -> Option<T> {
        let attempts = self.waiting.get_mut(&address)?;
        let (_, attempt) = pop(attempts)?;
        if attempts.is_empty() {
            self.waiting.remove(&address);
        }
        self.len -= 1;
        Some(attempt)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(number: u32) -> ClientAddress {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)).into()
    }

    #[test]
    fn a_new_client_comes_before_guessers() {
        for (addresses, attempts) in [(1, 16), (200, 1), (40, 6), (1000, 1)] {
            let mut queue = SignInQueue::default();
            for number in 0..attempts * addresses {
                queue.push(address(1 + number % addresses), ());
            }
            queue.push(address(0), ());
            // Meanwhile the guessers go on.
            for number in 0..addresses {
                queue.push(address(1 + number), ());
            }
            assert_eq!(queue.pop(), Some((address(0), ())), "{addresses} {attempts}");
        }
    }

    #[test]
    fn a_client_that_has_signed_in_comes_before_new_ones() {
        let mut queue = SignInQueue::default();
        queue.note_success(address(0));
        queue.push(address(0), ());
        for number in 1..100 {
            queue.push(address(number), ());
        }
        assert_eq!(queue.pop(), Some((address(0), ())));
        // Its attempts count again, so it gains little from one success.
        queue.push(address(0), ());
        assert_eq!(queue.pop(), Some((address(99), ())));
    }

    #[test]
    fn a_client_whose_password_was_wrong_for_long_is_not_behind_all_guessers() {
        let mut queue = SignInQueue::default();
        for _ in 0..100_000 {
            queue.push(address(0), ());
            queue.pop();
        }
        for number in 1..200 {
            for _ in 0..MAX_ATTEMPTS {
                queue.push(address(number), ());
            }
        }
        queue.push(address(0), ());
        assert_eq!(queue.pop(), Some((address(0), ())));
    }

    #[test]
    fn attempts_of_one_address_come_in_the_order_of_their_arrival() {
        let mut queue = SignInQueue::default();
        for number in 0..5 {
            queue.push(address(0), number);
        }
        assert_eq!(queue.of_address(address(0)).count(), 5);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, number)| number).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert!(queue.waiting.is_empty());
        assert_eq!(queue.len, 0);
    }

    #[test]
    fn a_full_queue_drops_the_attempt_that_comes_last() {
        let mut queue = SignInQueue::default();
        for number in 0..u32::try_from(MAX_PER_ADDRESS).unwrap() {
            assert_eq!(queue.push(address(1), number), None);
        }
        assert_eq!(queue.push(address(1), 77), Some(77), "an address has a limit of its own");
        for number in 2.. {
            if queue.len == MAX_WAITING {
                break;
            }
            assert_eq!(queue.push(address(number), 1000), None);
        }
        assert_eq!(queue.push(address(0), 88), Some(15), "a guesser makes room for a new client");
        assert_eq!(queue.push(address(1), 99), Some(99), "and gets no room from it");
        assert_eq!(queue.len, MAX_WAITING);
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_addresses() {
        let mut queue = SignInQueue::default();
        queue.note_success(address(0));
        for number in 1..10_000 {
            queue.push(address(number), ());
        }
        assert_eq!((queue.waiting.len(), queue.len), (MAX_WAITING, MAX_WAITING));
        assert_eq!(queue.histories.len(), MAX_ADDRESSES);
        assert!(queue.histories[&address(0)].has_signed_in, "a real client is not forgotten");
        assert!(queue.histories.contains_key(&address(9_999)));
    }
}

//! Decides which faults hit a request.

use rand::{Rng, RngExt};

use super::{Fault, FaultKind, rows::RowFault};
use crate::wire::request::Endpoint;

/// The faults that are set, with their counts.
#[derive(Debug, Default)]
pub(crate) struct FaultSchedule {
    faults: Vec<ActiveFault>,
}

/// A fault with its counts.
#[derive(Debug)]
struct ActiveFault {
    fault: Fault,
    /// Number of requests to its endpoint so far.
    seen: u64,
    /// Number of requests that it has hit.
    hits: u64,
}

/// The faults that hit one request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RequestFaults {
    pub(crate) answer: Option<FaultKind>,
    pub(crate) rows: Vec<RowFault>,
}

impl FaultSchedule {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults: faults
                .into_iter()
                .map(|fault| ActiveFault { fault, seen: 0, hits: 0 })
                .collect(),
        }
    }

    /// Reports whether a fault needs a copy of the world from when the faults were set.
    pub(crate) fn needs_past_world(&self) -> bool {
        self.faults.iter().any(|active| active.fault.kind == FaultKind::Stale)
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.faults.iter().map(|active| active.fault.to_string()).collect()
    }

    /// Draws the faults of the next request to an endpoint.
    pub(crate) fn next_request(&mut self, endpoint: Endpoint, rng: &mut impl Rng) -> RequestFaults {
        let mut drawn = RequestFaults::default();
        for ActiveFault { fault, seen, hits } in &mut self.faults {
            if fault.endpoint.is_some_and(|other| other != endpoint) {
                continue;
            }
            *seen += 1;
            let due = *seen > fault.after && fault.times.is_none_or(|times| *hits < times);
            if !due || !rng.random_bool(fault.rate) {
                continue;
            }
            match &fault.kind {
                FaultKind::Rows(rows) => drawn.rows.push(*rows),
                _ if drawn.answer.is_some() => continue,
                kind => drawn.answer = Some(kind.clone()),
            }
            *hits += 1;
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    fn hits(text: &str, requests: usize) -> Vec<usize> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut faults = FaultSchedule::new(vec![text.parse().unwrap()]);
        let is_hit = |_: &usize| faults.next_request(Endpoint::Records, &mut rng).answer.is_some();
        (1..=requests).filter(is_hit).collect()
    }

    #[test]
    fn a_fault_hits_the_requests_that_its_keys_select() {
        assert_eq!(hits("kind=html,after=3,times=2", 10), [4, 5]);
        assert_eq!(hits("status=503,times=1,endpoint=pools", 10), [0_usize; 0]);
        let some = hits("status=503,rate=0.05", 2000).len();
        assert!((60..150).contains(&some), "{some}");
    }
}

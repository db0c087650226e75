//! Which faults hit a request.

use rand::{Rng, RngExt};

use super::{Fault, FaultKind, rows::RowFault};
use crate::wire::request::Endpoint;

/// The faults in force and how far each has come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<(Fault, u64, u64)>,
}

/// What goes wrong with one request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Mishap {
    pub(crate) answer: Option<FaultKind>,
    pub(crate) rows: Vec<RowFault>,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self { faults: faults.into_iter().map(|fault| (fault, 0, 0)).collect() }
    }

    /// Whether a copy of the world will be needed.
    pub(crate) fn need_past(&self) -> bool {
        self.faults.iter().any(|(fault, ..)| fault.kind == FaultKind::Stale)
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.faults.iter().map(|(fault, ..)| fault.to_string()).collect()
    }

    /// Decides about the next request of an endpoint.
    pub(crate) fn strike(&mut self, endpoint: Endpoint, rng: &mut impl Rng) -> Mishap {
        let mut mishap = Mishap::default();
        for (fault, seen, hits) in &mut self.faults {
            if fault.endpoint.is_some_and(|other| other != endpoint) {
                continue;
            }
            *seen += 1;
            let due = *seen > fault.after && fault.times.is_none_or(|times| *hits < times);
            if !due || !rng.random_bool(fault.rate) {
                continue;
            }
            match &fault.kind {
                FaultKind::Rows(rows) => mishap.rows.push(*rows),
                _ if mishap.answer.is_some() => continue,
                kind => mishap.answer = Some(kind.clone()),
            }
            *hits += 1;
        }
        mishap
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    fn hits(text: &str, requests: usize) -> Vec<usize> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut faults = Faults::new(vec![text.parse().unwrap()]);
        let strike = |_: &usize| faults.strike(Endpoint::Records, &mut rng).answer.is_some();
        (1..=requests).filter(strike).collect()
    }

    #[test]
    fn a_fault_strikes_when_it_is_told_to() {
        assert_eq!(hits("kind=html,after=3,times=2", 10), [4, 5]);
        assert_eq!(hits("status=503,times=1,endpoint=pools", 10), [0_usize; 0]);
        let some = hits("status=503,rate=0.05", 2000).len();
        assert!((60..150).contains(&some), "{some}");
    }
}

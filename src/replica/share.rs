//! Distribution of the projects among replicas. Pure.

/// Numbers of projects that replicas lead.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// Number of all projects.
    pub(super) projects: usize,
    /// Number of those that this replica leads.
    pub(super) own: usize,
    /// Numbers of those that each of the others leads.
    pub(super) others: Vec<usize>,
}

impl Shares {
    /// Returns the number of free projects that this replica may lead in addition.
    pub(super) fn wanted(&self) -> usize {
        self.fair().saturating_sub(self.own)
    }

    /// Returns the number of projects that this replica leaves to others.
    pub(super) fn surplus(&self) -> usize {
        let least = self.others.iter().copied().min().unwrap_or(self.own);
        // The rounded share alone would allow 11, 11 and 9 of 31 projects.
        let is_uneven = self.own >= least.saturating_add(2);
        self.own.saturating_sub(self.fair()).max(usize::from(is_uneven))
    }

    /// Returns the largest share of one replica.
    fn fair(&self) -> usize {
        self.projects.div_ceil(self.others.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes turns until nothing changes, as replicas do: each takes free projects, or releases some.
    fn settle(projects: usize, mut led: Vec<usize>) -> Vec<usize> {
        for _ in 0..10 * (projects + led.len()) {
            for replica in 0..led.len() {
                let mut others = led.clone();
                let own = others.remove(replica);
                let free = projects - led.iter().sum::<usize>();
                let shares = Shares { projects, own, others };
                led[replica] = match shares.surplus() {
                    0 => own + shares.wanted().min(free),
                    surplus => own - surplus,
                };
            }
        }
        led
    }

    proptest! {
        #[test]
        fn numbers_differ_by_at_most_one(
            projects in 0_usize..60,
            start in prop::collection::vec(0_usize..20, 1..6),
        ) {
            // The replicas that were there lead some projects, in any distribution.
            let mut left = projects;
            let led = start.into_iter().map(|led| { let led = led.min(left); left -= led; led });
            let led = settle(projects, led.collect());
            prop_assert_eq!(led.iter().sum::<usize>(), projects);
            let (most, least) = (led.iter().max().unwrap(), led.iter().min().unwrap());
            prop_assert!(most - least <= 1, "{:?}", led);
        }
    }
}

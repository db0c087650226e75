//! Knowledge of a replica about a project beside its state: how far it is up to date, and who leads.

use tokio::time::Instant;

use crate::snapshot::Failure;
use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;

/// Up-to-dateness of a project, as the database said last.
#[derive(Debug, Clone)]
pub enum Currency {
    /// It serves what is committed.
    Current,
    /// The database did not answer. This replica leads until then, so nobody else can have committed.
    LeadingUntil(Instant, Failure),
    /// It serves what is committed, but nobody polls it.
    Unpolled(Failure),
    /// Other replicas may have served more. Nothing that must not decrease is served.
    Unknown(Failure),
}

impl Currency {
    /// The database did not answer. `until` is the end of the lease if this replica leads the project.
    pub fn unanswered(error: &str, remedy: &str, until: Option<Instant>) -> Self {
        let failure = failure(error, remedy);
        match until {
            Some(until) => Self::LeadingUntil(until, failure),
            None => Self::Unknown(failure),
        }
    }

    /// Returns the same, with the time since when an earlier one was a failure, too. Otherwise each question
    /// without an answer would look like the first.
    pub(super) fn since_that_of(mut self, earlier: &Self) -> Self {
        let since = match earlier {
            Self::Current => None,
            Self::LeadingUntil(_, failure) | Self::Unpolled(failure) | Self::Unknown(failure) => {
                Some(failure.since)
            }
        };
        match &mut self {
            Self::Current => {}
            Self::LeadingUntil(_, failure) | Self::Unpolled(failure) | Self::Unknown(failure) => {
                failure.since = since.unwrap_or(failure.since);
            }
        }
        self
    }

    /// No replica leads the project, although one should by now.
    pub fn unpolled() -> Self {
        Self::Unpolled(failure(
            "no replica polls the project",
            "see the log of the replicas: it says why none of them leads the project",
        ))
    }

    /// This replica has not applied the whole log.
    pub fn behind(error: &str) -> Self {
        Self::unanswered(error, "wait; if it lasts, see the log of this replica", None)
    }
}

fn failure(what: &str, remedy: &str) -> Failure {
    Failure {
        request: None,
        what: what.to_owned(),
        remedy: remedy.to_owned(),
        since: Timestamp::from_millis(SystemClock.now_millis()),
    }
}

/// Replica that leads a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Name for people.
    pub name: String,
    /// URL of its pages; empty if it has none.
    pub url: String,
    /// True for this replica.
    pub is_this: bool,
}

/// Place of a project among replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadershipView {
    /// The replica that leads; `None` until one does.
    pub leader: Option<Leader>,
    /// Number of the leadership.
    pub epoch: i64,
    /// Keys in which the config of the leader differs from that of this replica.
    pub differences: Vec<String>,
}

/// Knowledge of a replica about a project beside its state.
#[derive(Debug)]
pub(super) struct Replication {
    /// Time of the newest question to the database, and what the answer means.
    pub(super) currency: (Instant, Currency),
    /// True once the log in the database was read.
    pub(super) is_open: bool,
    pub(super) leadership: Option<LeadershipView>,
}

impl Replication {
    pub(super) fn new(is_shared: bool) -> Self {
        let currency = if is_shared {
            Currency::behind("the state in the database was not read yet")
        } else {
            Currency::Current
        };
        Self { currency: (Instant::now(), currency), is_open: !is_shared, leadership: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_lasts_keeps_its_begin() {
        let at = Timestamp::from_millis;
        let failing = |since: i64, until: Option<Instant>| {
            let mut currency = Currency::unanswered("no answer", "wait", until);
            match &mut currency {
                Currency::Current | Currency::Unpolled(_) => {}
                Currency::LeadingUntil(_, failure) | Currency::Unknown(failure) => {
                    failure.since = at(since);
                }
            }
            currency
        };
        let since = |currency: Currency| match currency {
            Currency::Current | Currency::Unpolled(_) => None,
            Currency::LeadingUntil(_, failure) | Currency::Unknown(failure) => Some(failure.since),
        };
        let leading = failing(1, Some(Instant::now()));
        assert_eq!(since(failing(2, None).since_that_of(&leading)), Some(at(1)));
        assert_eq!(since(failing(2, None).since_that_of(&Currency::Current)), Some(at(2)));
        assert_eq!(since(Currency::Current.since_that_of(&leading)), None);
    }
}

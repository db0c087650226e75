//! Where a project stands, and what failed in it, for people.

use super::Project;
use crate::collector::failed::FailedRecords;
use crate::collector::failure::Failure;
use crate::exposition::ProjectView;
use records_api::record::Timestamp;

/// Where a project stands, for people.
#[derive(Debug, Clone)]
pub struct Status {
    /// What it shows.
    pub view: ProjectView,
    /// Why the last poll failed, if it did.
    pub failure: Option<Failure>,
    /// Whether a poll is under way.
    pub is_polling: bool,
    /// When counting began, once it has.
    pub counting_since: Option<Timestamp>,
    /// What may be asked of the API.
    pub budget: Budget,
}

/// How much a project may ask of the API.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Requests that may begin within a second.
    pub requests_per_second: f64,
    /// Requests that may be under way at once.
    pub concurrent_requests: usize,
    /// Seconds that requests waited since the start because the API asked for a pause.
    pub throttled_seconds: f64,
}

impl Project {
    /// Where it stands, for people.
    pub fn status(&self) -> Status {
        let (view, setup) = (self.view(), self.setup());
        let state = self.state();
        Status {
            view,
            failure: state.failures.last().cloned(),
            is_polling: state.running,
            counting_since: state.face.counting_since,
            budget: Budget {
                requests_per_second: setup.client.max_requests_per_second(),
                concurrent_requests: setup.client.max_concurrent_requests(),
                throttled_seconds: self.observer.throttled_seconds(),
            },
        }
    }

    /// The newest failed records, as of the last complete poll.
    pub fn failed(&self) -> FailedRecords {
        let (now, setup) = (self.now(), self.setup());
        let state = self.state();
        let published = state.snapshot.as_ref();
        let is_too_old = |age| published.is_none_or(|snapshot| snapshot.is_older_than(age, now));
        FailedRecords {
            project: self.name().to_owned(),
            users: state.face.names.clone(),
            as_of: published.map(|p| p.view().completed).or(state.face.polled),
            is_stale: is_too_old(setup.options.max_staleness),
            records: state.face.failed.clone(),
            snapshot: published.map(super::Published::view),
        }
    }
}

//! Where a project stands, and what failed in it, for people.

use super::Project;
use crate::snapshot::{FailedRecords, Failure, ProjectView};
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
        Status {
            failure: view.failure.clone(),
            counting_since: view.counting_since,
            view,
            is_polling: self.state().running,
            budget: Budget {
                requests_per_second: setup.client.max_requests_per_second(),
                concurrent_requests: setup.client.max_concurrent_requests(),
                throttled_seconds: self.observer.throttled_seconds(),
            },
        }
    }

    /// The newest failed records, as of the last complete poll.
    pub fn failed(&self) -> FailedRecords {
        let view = self.view();
        view.failed_records(view.is_stale)
    }
}

//! State of a project, for pages and commands.

use std::time::Duration;

use super::Project;
use super::currency::LeadershipView;
use crate::snapshot::{FailedRecords, Failure, ProjectView};
use records_api::record::Timestamp;

/// State of a project, for pages and commands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The served snapshot.
    pub view: ProjectView,
    /// The last poll's failure, if it failed.
    pub failure: Option<Failure>,
    /// The poll that runs.
    pub poll: Option<RunningPoll>,
    /// Time at which counting began; `None` before the first complete poll.
    pub counting_since: Option<Timestamp>,
    /// Limits of the requests to the API.
    pub budget: Budget,
    /// Place among replicas; `None` without them.
    pub leadership: Option<LeadershipView>,
}

/// A poll that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningPoll {
    /// Time since its begin.
    pub duration: Duration,
    /// True if it takes longer than `poll.max_staleness`.
    pub is_long: bool,
}

/// Limits of a project's requests to the API.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Maximum number of requests that start within a second.
    pub requests_per_second: f64,
    /// Maximum number of requests at the same time.
    pub concurrent_requests: usize,
    /// Seconds since the process started in which requests waited because the API asked for a pause.
    pub throttled_seconds: f64,
}

impl Project {
    /// Returns the state of the project.
    pub fn status(&self) -> Status {
        let (view, config) = (self.view(), self.config());
        let poll = self.polling().running.as_ref().map(|running| {
            let millis = self.now().millis().saturating_sub(running.since.millis());
            let duration = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
            RunningPoll { duration, is_long: duration > config.options.max_staleness }
        });
        Status {
            failure: view.failure.clone(),
            counting_since: view.counting_since,
            view,
            poll,
            leadership: self.leadership(),
            budget: Budget {
                requests_per_second: config.client.max_requests_per_second(),
                concurrent_requests: config.client.max_concurrent_requests(),
                throttled_seconds: self.observer.throttled_seconds(),
            },
        }
    }

    /// Returns the failed records, as of the last complete poll.
    pub fn failed(&self) -> FailedRecords {
        let view = self.view();
        view.failed_records(view.is_stale)
    }
}

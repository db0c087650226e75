//! A project that replicas share, and what this replica knows about its log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::identity::Identity;
use crate::ledger::LogEnd;
use crate::project::Project;
use records_api::LogThrottle;
use state_database::{LeadershipKey, LogPosition};

/// Time for which a replica leaves a project to others that it has released. They look for free ones every 0.4 s.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(2);

/// A project that replicas share.
#[derive(Debug)]
pub struct Member {
    project: Arc<Project>,
    identity: Mutex<Identity>,
    /// Keys in which the config of the leader differs.
    differences: Mutex<Vec<String>>,
    /// The leadership, while this replica leads.
    led: Mutex<Option<Led>>,
    /// The commits of the log that are missing in the database.
    lost: Mutex<Option<Loss>>,
    log_throttle: Mutex<LogThrottle>,
    /// Time until which this replica leaves the project to others.
    left_until: Mutex<Option<Instant>>,
    /// Held while the log is applied.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

/// Right to apply the log of a project.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<()>;

/// A log that went back in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    /// End that this replica knows.
    pub(super) known: LogEnd,
    /// End that the database has instead.
    pub(super) found: LogEnd,
    /// Time at which the loss was found.
    pub(super) since: Instant,
}

/// Leadership of this replica.
#[derive(Debug, Clone)]
pub(super) struct Led {
    pub(super) key: LeadershipKey,
    /// Identity of what the project counts, as the database knows it.
    pub(super) identity: Identity,
    pub(super) end: LogEnd,
    pub(super) lease: Arc<LeaseEnd>,
}

/// End of a lease by the clock of this machine, not later than by that of the database.
#[derive(Debug)]
pub(super) struct LeaseEnd {
    until: Mutex<Instant>,
    is_lost: AtomicBool,
}

impl LeaseEnd {
    pub(super) fn new(until: Instant) -> Self {
        Self { until: Mutex::new(until), is_lost: AtomicBool::new(false) }
    }

    /// Notes that the database extended the lease, after a statement that was sent at `sent`.
    pub(super) fn extended(&self, sent: Instant, lease: Duration) {
        let mut until = self.until.lock();
        *until = (*until).max(sent + lease);
    }

    /// Notes that another replica leads, or that nobody knows what the log holds. Returns whether this is new.
    pub(super) fn lose(&self) -> bool {
        !self.is_lost.swap(true, Ordering::SeqCst)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// Returns the end of the lease; `None` if the leadership is lost.
    pub(super) fn until(&self) -> Option<Instant> {
        (!self.is_lost()).then(|| *self.until.lock())
    }
}

impl Member {
    pub(super) fn new(project: Arc<Project>) -> Self {
        Self {
            project,
            identity: Mutex::default(),
            differences: Mutex::default(),
            led: Mutex::default(),
            lost: Mutex::default(),
            log_throttle: Mutex::default(),
            left_until: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// Returns the project.
    pub fn project(&self) -> &Arc<Project> {
        &self.project
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity.lock().clone()
    }

    pub(super) fn set_identity(&self, identity: Identity) {
        *self.identity.lock() = identity;
    }

    pub(super) fn name(&self) -> &str {
        self.project.name()
    }

    pub(super) fn led(&self) -> Option<Led> {
        self.led.lock().clone()
    }

    pub(super) fn take_led(&self) -> Option<Led> {
        self.led.lock().take()
    }

    pub(super) fn set_led(&self, led: Led) {
        *self.led.lock() = Some(led);
    }

    /// True while the lease of this replica lasts.
    pub(super) fn is_led(&self) -> bool {
        self.led().and_then(|led| led.lease.until()).is_some_and(|until| Instant::now() < until)
    }

    /// Returns until when nobody else can have committed; `None` if somebody may have.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        let until = self.led().and_then(|led| led.lease.until())?;
        // The database may have executed a commit of this replica, and others may show it already.
        (!self.project.may_be_committing()).then_some(until)
    }

    /// Compares the config with what the leader counts. Returns the keys that differ, if that is new.
    pub(super) fn compare(&self, counted: &str) -> Option<Vec<String>> {
        let found = match counted {
            // Nobody has led the project, or its state was copied.
            "" => Vec::new(),
            counted => self.identity().differences(counted),
        };
        let mut known = self.differences.lock();
        let is_new = *known != found;
        known.clone_from(&found);
        (is_new && !found.is_empty()).then_some(found)
    }

    /// Returns the keys in which the config of the leader differs.
    pub(super) fn differences(&self) -> Vec<String> {
        self.differences.lock().clone()
    }

    /// Returns whether an error is to be logged.
    pub(super) fn note_error(&self, error: String) -> bool {
        self.log_throttle.lock().is_due(error)
    }

    /// Notes that the database has less than this replica knows. Returns whether that is new.
    pub(super) fn note_loss(&self, known: LogEnd, found: LogEnd) -> bool {
        let mut noted = self.lost.lock();
        let since = noted.map_or_else(Instant::now, |loss| loss.since);
        noted.replace(Loss { known, found, since }).is_none()
    }

    /// Returns the loss of the log, if the database lost commits.
    pub(super) fn lost(&self) -> Option<Loss> {
        *self.lost.lock()
    }

    /// Notes that the database has all again.
    pub(super) fn end_loss(&self) {
        *self.lost.lock() = None;
    }

    /// Leaves the project to others for some time.
    pub(super) fn leave_to_others(&self) {
        *self.left_until.lock() = Some(Instant::now() + LEFT_TO_OTHERS);
    }

    /// True while this replica leaves the project to others.
    pub(super) fn is_left_to_others(&self) -> bool {
        self.left_until.lock().is_some_and(|until| Instant::now() < until)
    }
}

/// Returns a position as the ledger knows it.
pub(super) fn log_end(position: LogPosition) -> LogEnd {
    let LogPosition { epoch, token, base, first, appended, next } = position;
    LogEnd { epoch, token, base, first, appended, next }
}

/// Returns a log's end as the database knows it.
pub(super) fn position(end: LogEnd) -> LogPosition {
    let LogEnd { epoch, token, base, first, appended, next } = end;
    LogPosition { epoch, token, base, first, appended, next }
}

//! Stops requests with refused credentials for five minutes, because repeated failures lock the
//! access key for everyone who uses it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::refusal::{Refusal, RefusalStore};
use crate::credentials::Fingerprint;
use crate::endpoint::Endpoint;
use crate::error::{ApiError, Cause};
use crate::wire::one_line;

/// The sixth refusal in a row locks an access key for five minutes, so refused credentials are not
/// tried again for as long.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(300);
/// Time for which a refused project then lets others try the same credentials before it does. The
/// longest time between two polls that fail.
const YIELD: Duration = Duration::from_secs(300);
/// Number of credentials that are remembered as accepted. If there are more, the oldest are treated
/// like unknown ones.
const MAX_ACCEPTED: usize = 2048;
/// The same for refusals, most of which are of credentials that are not used any more.
const MAX_REFUSALS: usize = 4096;
/// Length of an error code from a store.
const MAX_CODE_CHARS: usize = 64;

/// Remembers which credentials were refused.
///
/// All projects of a process share it, because they may share credentials. A 401 applies to all
/// endpoints and projects that use the same credentials, unless the project seems to be the reason: if
/// the answer says so, or if another project was accepted with these credentials since their last
/// refusal. If the answer blames neither, one other project may try them. A 403 applies to the endpoint
/// and project of the request only.
#[derive(Debug, Default)]
pub struct CredentialBackoff {
    state: Mutex<State>,
    store: Option<Arc<dyn RefusalStore>>,
}

#[derive(Debug, Default)]
struct State {
    refusals: Vec<Held>,
    /// Credentials that were accepted when they were last used, newest first.
    accepted: VecDeque<Accepted>,
    /// Unknown credentials, which one request at a time may use.
    trials: HashMap<Fingerprint, Arc<Semaphore>>,
    /// Origins of credentials whose refusals were read from the store.
    read_origins: HashSet<Fingerprint>,
}

/// Permission to send a request with unknown credentials.
pub(crate) type TrialPermit = OwnedSemaphorePermit;

#[derive(Debug)]
struct Accepted {
    credentials: Fingerprint,
    /// Projects whose requests succeeded since the last 401.
    projects: Vec<String>,
}

/// A refusal that is in force.
#[derive(Debug)]
struct Held {
    refusal: Refusal,
    credentials: Fingerprint,
    until: Instant,
    /// Requests of other projects were held back because of it.
    has_held_others: bool,
}

impl Held {
    fn applies_to(&self, key: CallKey<'_>, now: Instant) -> bool {
        let refusal = &self.refusal;
        let is_same_project = refusal.project_id == key.project_id;
        // A 401 counts as a failure of the key, whatever the endpoint.
        let is_same_call =
            is_same_project && (refusal.status == 401 || refusal.endpoint == key.endpoint);
        self.credentials == key.credentials
            && now < self.end(key)
            && (refusal.applies_everywhere || is_same_call)
    }

    /// Returns when a request may be sent again.
    fn end(&self, key: CallKey<'_>) -> Instant {
        // If only this project is refused, it must not be the first one to try each time: the others
        // would never learn that the credentials are valid.
        let yields = self.has_held_others && self.refusal.project_id == key.project_id;
        if yields { self.until + YIELD } else { self.until }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.credentials == other.credentials
            && self.refusal.project_id == other.refusal.project_id
            && self.refusal.endpoint == other.refusal.endpoint
    }
}

/// Object of a refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallKey<'a> {
    pub(crate) project_id: &'a str,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Fingerprint,
    /// Identifies what temporary credentials were obtained with; otherwise equal to `credentials`. A
    /// later process has other temporary credentials, but the same origin.
    pub(crate) origin: Fingerprint,
}

/// The result of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome<'e> {
    /// `None` for a success.
    pub(crate) error: Option<&'e ApiError>,
    /// The answer says that the credentials are wrong, not only that the request is not permitted.
    pub(crate) blames_credentials: bool,
    /// Time of the result in milliseconds since the Unix epoch.
    pub(crate) now_millis: i64,
}

impl CredentialBackoff {
    /// Creates one that keeps refusals in `store`.
    pub fn with_store(store: Arc<dyn RefusalStore>) -> Self {
        Self { state: Mutex::default(), store: Some(store) }
    }

    /// Waits until a request may be sent. With unknown credentials, one request at a time is sent,
    /// so that wrong credentials are refused once and not once per concurrent request; such a
    /// request holds the returned permit until its result has been reported.
    ///
    /// # Errors
    ///
    /// [`ApiError::HeldBack`] if the credentials were refused.
    pub(crate) async fn admit(
        &self,
        key: CallKey<'_>,
        now_millis: i64,
    ) -> Result<Option<TrialPermit>, ApiError> {
        let trial = {
            let mut state = self.state.lock();
            state.check(key)?;
            if state.is_accepted(key.credentials) {
                return Ok(None);
            }
            // Removes the trials that no request waits for or holds.
            state.trials.retain(|_, trial| Arc::strong_count(trial) > 1);
            let trial = || Arc::new(Semaphore::new(1));
            state.trials.entry(key.credentials).or_insert_with(trial).clone()
        };
        let permit = trial.acquire_owned().await.expect("the semaphore is never closed");
        self.read_store(key, now_millis).await;
        // The request before this one has a result by now.
        let mut state = self.state.lock();
        state.check(key)?;
        Ok((!state.is_accepted(key.credentials)).then_some(permit))
    }

    /// Takes over what earlier and other processes know about unknown credentials.
    async fn read_store(&self, key: CallKey<'_>, now_millis: i64) {
        let Some(store) = &self.store else { return };
        {
            let mut state = self.state.lock();
            // Temporary credentials are renewed after a refusal, so refusals of the ones before, which
            // have the same origin, say nothing about them. Only those of earlier processes do.
            let is_read = key.origin != key.credentials && !state.read_origins.insert(key.origin);
            if is_read || state.is_accepted(key.credentials) {
                return;
            }
        }
        for mut refusal in store.find(key.origin).await {
            if !matches!(refusal.status, 401 | 403) {
                continue;
            }
            if refusal.at_millis > now_millis {
                // Of a clock that was wrong. From now on it lasts as long as any other.
                refusal.at_millis = now_millis;
                store.keep(key.origin, refusal.clone()).await;
            }
            let age = u64::try_from(now_millis.saturating_sub(refusal.at_millis));
            let left =
                age.ok().and_then(|age| REFUSAL_LIFETIME.checked_sub(Duration::from_millis(age)));
            let Some(left) = left.filter(|left| !left.is_zero()) else { continue };
            refusal.code = refusal.code.map(|code| one_line(&code, MAX_CODE_CHARS));
            self.state.lock().hold(key.credentials, refusal, left);
        }
    }

    /// Checks again whether a request may be sent.
    ///
    /// # Errors
    ///
    /// [`ApiError::HeldBack`] if the credentials were refused.
    pub(crate) fn check(&self, key: CallKey<'_>) -> Result<(), ApiError> {
        self.state.lock().check(key)
    }

    /// Records the result of a request. Returns the cause of a refusal, if the results of other
    /// requests show another one than its answer.
    pub(crate) async fn report(&self, key: CallKey<'_>, outcome: Outcome<'_>) -> Option<Cause> {
        let (refusal, other_cause) = self.state.lock().report(key, outcome)?;
        if let Some(store) = &self.store {
            store.keep(key.origin, refusal).await;
        }
        other_cause
    }
}

/// True if the gateway was too busy, or too broken, to check the credentials. False without a
/// response: an endpoint that does not respond cannot lock a key.
fn is_inconclusive(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::Refused { status, .. }
            if status.is_server_error()
                || *status == StatusCode::TOO_MANY_REQUESTS
                || error.is_gateway_fault()
    )
}

impl State {
    fn check(&mut self, key: CallKey<'_>) -> Result<(), ApiError> {
        let now = Instant::now();
        self.refusals.retain(|held| held.until + YIELD > now);
        let mut applicable = self.refusals.iter_mut().filter(|held| held.applies_to(key, now));
        let Some(mut held) = applicable.next() else { return Ok(()) };
        // One that concerns everyone says more about the cause.
        if let Some(other) = applicable.find(|other| other.refusal.applies_everywhere) {
            held = other;
        }
        held.has_held_others |= held.refusal.project_id != key.project_id;
        let left = held.end(key) - now;
        let lifetime = held.end(key) - held.until + REFUSAL_LIFETIME;
        let refusal = &held.refusal;
        Err(ApiError::HeldBack {
            endpoint: key.endpoint,
            status: StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::UNAUTHORIZED),
            code: refusal.code.clone(),
            cause: refusal.cause,
            ago: Duration::from_secs(lifetime.saturating_sub(left).as_secs()),
            left: Duration::from_secs(left.as_secs().max(1)),
        })
    }

    fn is_accepted(&self, credentials: Fingerprint) -> bool {
        self.accepted.iter().any(|accepted| accepted.credentials == credentials)
    }

    /// Records a result. Returns the refusal, if it is one, with its cause if it differs from that of
    /// the answer.
    fn report(
        &mut self,
        key: CallKey<'_>,
        outcome: Outcome<'_>,
    ) -> Option<(Refusal, Option<Cause>)> {
        let Outcome { error, blames_credentials, now_millis } = outcome;
        if error.is_some_and(is_inconclusive) {
            return None;
        }
        self.trials.remove(&key.credentials);
        let (status, error_body, cause) = match error {
            Some(ApiError::Refused { status, error_body, cause, .. })
                if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                (*status, error_body, *cause)
            }
            _ => {
                self.accept(key, error.is_none());
                return None;
            }
        };
        let (applies_everywhere, cause) = if status == StatusCode::FORBIDDEN {
            // It proves that the credentials are valid.
            self.accept(key, false);
            (false, cause)
        } else {
            self.scope_of_401(key, cause, blames_credentials)
        };
        let refusal = Refusal {
            project_id: key.project_id.to_owned(),
            endpoint: key.endpoint,
            status: status.as_u16(),
            code: error_body.code.clone(),
            cause,
            applies_everywhere,
            at_millis: now_millis,
        };
        self.hold(key.credentials, refusal.clone(), REFUSAL_LIFETIME);
        Some((refusal, cause))
    }

    /// Returns whether a 401 applies everywhere, and its cause.
    fn scope_of_401(
        &mut self,
        key: CallKey<'_>,
        cause: Option<Cause>,
        blames_credentials: bool,
    ) -> (bool, Option<Cause>) {
        let now = Instant::now();
        let is_same = |accepted: &Accepted| accepted.credentials == key.credentials;
        let accepted = self.accepted.iter().position(is_same);
        // Unknown again, so that one request at a time finds out whether others are still accepted.
        let accepted = accepted.and_then(|at| self.accepted.remove(at));
        match cause {
            Some(Cause::WrongProject) => return (false, cause),
            // These have nothing to do with the project.
            Some(Cause::LockedKey | Cause::ExpiredKey | Cause::ExpiredToken | Cause::Clock(_)) => {
                return (true, cause);
            }
            _ => {}
        }
        let is_other = |project: &String| project != key.project_id;
        if accepted.is_some_and(|accepted| accepted.projects.iter().any(is_other)) {
            return (false, Some(Cause::WrongProject));
        }
        let was_another_refused = self.refusals.iter().any(|held| {
            held.credentials == key.credentials
                && held.until > now
                && held.refusal.status == 401
                && is_other(&held.refusal.project_id)
        });
        (blames_credentials || was_another_refused, cause)
    }

    fn accept(&mut self, key: CallKey<'_>, is_success: bool) {
        let is_same = |accepted: &Accepted| accepted.credentials == key.credentials;
        let known = self.accepted.iter().position(is_same);
        let at = known.unwrap_or_else(|| {
            self.accepted.truncate(MAX_ACCEPTED - 1);
            let (credentials, projects) = (key.credentials, Vec::new());
            self.accepted.push_front(Accepted { credentials, projects });
            0
        });
        let projects = &mut self.accepted[at].projects;
        if is_success && !projects.iter().any(|project| project == key.project_id) {
            projects.push(key.project_id.to_owned());
            // The refused projects need not wait for others any more.
            let same = self.refusals.iter_mut().filter(|held| held.credentials == key.credentials);
            same.for_each(|held| held.has_held_others = false);
        }
    }

    fn hold(&mut self, credentials: Fingerprint, refusal: Refusal, left: Duration) {
        let until = Instant::now() + left;
        let held = Held { refusal, credentials, until, has_held_others: false };
        self.refusals.retain(|earlier| !earlier.is_like(&held));
        if self.refusals.len() >= MAX_REFUSALS {
            self.refusals.remove(0);
        }
        self.refusals.push(held);
    }
}

#[cfg(test)]
mod tests;

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
/// endpoints and projects, except if its cause is the project. That one, and a 403, apply to the
/// endpoint and project of the request only. All apply to the same credentials only.
#[derive(Debug, Default)]
pub struct CredentialBackoff {
    state: Mutex<State>,
    store: Option<Arc<dyn RefusalStore>>,
}

#[derive(Debug, Default)]
struct State {
    refusals: Vec<Held>,
    /// Credentials that were accepted when they were last used, newest first.
    accepted: VecDeque<Fingerprint>,
    /// Unknown credentials, which one request at a time may use.
    trials: HashMap<Fingerprint, Arc<Semaphore>>,
    /// Origins of credentials whose refusals were read from the store.
    read_origins: HashSet<Fingerprint>,
}

/// Permission to send a request with unknown credentials.
pub(crate) type TrialPermit = OwnedSemaphorePermit;

/// A refusal that is in force.
#[derive(Debug)]
struct Held {
    refusal: Refusal,
    credentials: Fingerprint,
    until: Instant,
}

impl Held {
    fn applies_to(&self, key: CallKey<'_>) -> bool {
        let refusal = &self.refusal;
        let is_same_call = refusal.project_id == key.project_id && refusal.endpoint == key.endpoint;
        self.credentials == key.credentials && (refusal.applies_everywhere || is_same_call)
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

    /// Records the result of a request.
    pub(crate) async fn report(&self, key: CallKey<'_>, outcome: Outcome<'_>) {
        let refusal = self.state.lock().report(key, outcome);
        if let (Some(store), Some(refusal)) = (&self.store, refusal) {
            store.keep(key.origin, refusal).await;
        }
    }
}

/// True if the gateway was too busy, or too broken, to check the credentials. False without a
/// response: an endpoint that does not respond cannot lock a key.
fn is_inconclusive(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::Refused { status, .. }
            if status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
    )
}

impl State {
    fn check(&mut self, key: CallKey<'_>) -> Result<(), ApiError> {
        let now = Instant::now();
        self.refusals.retain(|held| held.until > now);
        let Some(held) = self.refusals.iter().find(|held| held.applies_to(key)) else {
            return Ok(());
        };
        let (refusal, left) = (&held.refusal, held.until - now);
        Err(ApiError::HeldBack {
            endpoint: key.endpoint,
            status: StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::UNAUTHORIZED),
            code: refusal.code.clone(),
            cause: refusal.cause,
            ago: Duration::from_secs(REFUSAL_LIFETIME.saturating_sub(left).as_secs()),
            left: Duration::from_secs(left.as_secs().max(1)),
        })
    }

    fn is_accepted(&self, credentials: Fingerprint) -> bool {
        self.accepted.contains(&credentials)
    }

    /// Records a result. Returns the refusal, if it is one.
    fn report(&mut self, key: CallKey<'_>, outcome: Outcome<'_>) -> Option<Refusal> {
        let Outcome { error, now_millis } = outcome;
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
                self.accept(key.credentials);
                return None;
            }
        };
        let is_unauthorized = status == StatusCode::UNAUTHORIZED;
        if is_unauthorized {
            self.accepted.retain(|accepted| *accepted != key.credentials);
        } else {
            // A 403 proves that the credentials are valid.
            self.accept(key.credentials);
        }
        let refusal = Refusal {
            project_id: key.project_id.to_owned(),
            endpoint: key.endpoint,
            status: status.as_u16(),
            code: error_body.code.clone(),
            cause,
            applies_everywhere: is_unauthorized && cause != Some(Cause::WrongProject),
            at_millis: now_millis,
        };
        self.hold(key.credentials, refusal.clone(), REFUSAL_LIFETIME);
        Some(refusal)
    }

    fn accept(&mut self, credentials: Fingerprint) {
        if !self.is_accepted(credentials) {
            self.accepted.truncate(MAX_ACCEPTED - 1);
            self.accepted.push_front(credentials);
        }
    }

    fn hold(&mut self, credentials: Fingerprint, refusal: Refusal, left: Duration) {
        let until = Instant::now() + left;
        let held = Held { refusal, credentials, until };
        self.refusals.retain(|earlier| !earlier.is_like(&held));
        if self.refusals.len() >= MAX_REFUSALS {
            self.refusals.remove(0);
        }
        self.refusals.push(held);
    }
}

#[cfg(test)]
mod tests;

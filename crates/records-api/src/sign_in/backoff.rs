//! Refused credentials are left alone: asking again and again locks the key for everybody.
//!
//! All projects of a process share what is known here, since they may share credentials.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::cause::Cause;
use super::credentials::Fingerprint;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::wire::ErrorBody;

/// Six refusals lock an access key for everybody who uses it, for five minutes.
const REFUSED_CREDENTIALS_PAUSE: Duration = Duration::from_secs(300);
/// Credentials that are remembered as good. Of more than these, those that were good first are tried
/// by one request at a time again.
const MAX_GOOD_CREDENTIALS: usize = 2048;

/// What is known of credentials. A 401 holds for every endpoint and project, a 403, and a 401 that
/// is about the project, for its own; all hold for the same credentials only.
#[derive(Debug, Default)]
pub struct CredentialBackoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    refusals: Vec<Refusal>,
    /// Credentials that were taken when they were last looked at, in the order in which that was
    /// learnt.
    good: VecDeque<Fingerprint>,
    /// Those of which nothing is known: one request at a time finds out.
    trials: HashMap<Fingerprint, Arc<Semaphore>>,
}

/// The right to ask with credentials of which nothing is known.
pub(crate) type TrialPermit = OwnedSemaphorePermit;

#[derive(Debug)]
struct Refusal {
    project_id: String,
    endpoint: Endpoint,
    status: StatusCode,
    error_body: ErrorBody,
    cause: Option<Cause>,
    credentials: Fingerprint,
    until: Instant,
}

impl Refusal {
    /// What is said of a project is not said of the credentials.
    fn holds_everywhere(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && self.cause != Some(Cause::WrongProject)
    }
}

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallKey<'a> {
    pub(crate) project_id: &'a str,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Fingerprint,
}

impl CredentialBackoff {
    /// Waits until this may be asked: at once, unless nobody knows yet whether the credentials are
    /// any good; then one at a time, so that a wrong key is refused once and not by all.
    pub(crate) async fn admit(&self, key: CallKey<'_>) -> Result<Option<TrialPermit>, ApiError> {
        let turn = {
            let mut state = self.0.lock();
            state.check(key)?;
            if state.good.contains(&key.credentials) {
                return Ok(None);
            }
            // Of these nobody waits any more, nor is anybody trying.
            state.trials.retain(|_, turn| Arc::strong_count(turn) > 1);
            let trial = || Arc::new(Semaphore::new(1));
            state.trials.entry(key.credentials).or_insert_with(trial).clone()
        };
        let turn = turn.acquire_owned().await.expect("the semaphore is never closed");
        let mut state = self.0.lock();
        state.check(key)?;
        Ok((!state.good.contains(&key.credentials)).then_some(turn))
    }

    /// Whether this may be asked by now.
    pub(crate) fn check(&self, key: CallKey<'_>) -> Result<(), ApiError> {
        self.0.lock().check(key)
    }

    /// Remembers what an answer, or the lack of one, says of the credentials.
    pub(crate) fn report(&self, error: Option<&ApiError>, key: CallKey<'_>) {
        let CallKey { project_id, endpoint, credentials } = key;
        if error.is_some_and(says_nothing) {
            return;
        }
        let mut state = self.0.lock();
        state.trials.remove(&credentials);
        let refused = match error {
            Some(ApiError::Refused { status, error_body, cause, .. })
                if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                Some((*status, error_body.clone(), *cause))
            }
            _ => None,
        };
        let is_good = state.good.contains(&credentials);
        match &refused {
            Some((StatusCode::UNAUTHORIZED, ..)) if is_good => {
                state.good.retain(|good| *good != credentials);
            }
            Some((StatusCode::UNAUTHORIZED, ..)) => {}
            _ if is_good => {}
            _ => {
                state.good.truncate(MAX_GOOD_CREDENTIALS - 1);
                state.good.push_front(credentials);
            }
        }
        if let Some((status, error_body, cause)) = refused {
            let until = Instant::now() + REFUSED_CREDENTIALS_PAUSE;
            let project_id = project_id.to_owned();
            state.refusals.push(Refusal {
                project_id,
                endpoint,
                status,
                error_body,
                cause,
                credentials,
                until,
            });
        }
    }
}

/// Whether the gateway was too busy, or too broken, to look at the credentials. A lack of any answer
/// is not this: where nobody answers there is nobody to lock a key.
fn says_nothing(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::Refused { status, .. }
            if status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
    )
}

impl State {
    fn check(&mut self, key: CallKey<'_>) -> Result<(), ApiError> {
        let now = Instant::now();
        self.refusals.retain(|refusal| refusal.until > now);
        let held = self.refusals.iter().find(|refusal| {
            let is_here = refusal.endpoint == key.endpoint && refusal.project_id == key.project_id;
            refusal.credentials == key.credentials && (refusal.holds_everywhere() || is_here)
        });
        held.map_or(Ok(()), |refusal| {
            Err(ApiError::HeldBack {
                endpoint: key.endpoint,
                status: refusal.status,
                error_body: refusal.error_body.clone(),
                cause: refusal.cause,
                left: Duration::from_secs((refusal.until - now).as_secs().max(1)),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_in::credentials::Credentials;

    #[test]
    fn a_refusal_holds_where_it_says_something() {
        let credentials = Credentials::Password("robot".to_owned(), "p".into()).fingerprint();
        let key = |project_id| CallKey { project_id, endpoint: Endpoint::IamTokens, credentials };
        for (status, cause, elsewhere) in [
            (StatusCode::UNAUTHORIZED, Cause::WrongPassword, false),
            (StatusCode::UNAUTHORIZED, Cause::WrongProject, true),
            (StatusCode::FORBIDDEN, Cause::NoPermission, true),
        ] {
            let error = ApiError::Refused {
                endpoint: Endpoint::IamTokens,
                status,
                error_body: ErrorBody::default(),
                cause: Some(cause),
                retry_after: None,
            };
            let backoff = CredentialBackoff::default();
            backoff.report(Some(&error), key("wrong"));
            assert!(backoff.check(key("wrong")).is_err(), "{cause:?}");
            assert_eq!(backoff.check(key("right")).is_ok(), elsewhere, "{cause:?}");
        }
    }
}

//! Stops requests with refused credentials for five minutes, because repeated failures lock the
//! access key for everyone who uses it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::credentials::Fingerprint;
use crate::endpoint::Endpoint;
use crate::error::{ApiError, Cause};
use crate::wire::ErrorBody;

/// The sixth refusal in a row locks an access key for five minutes, so refused credentials are not
/// tried again for as long.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(300);
/// Number of credentials that are remembered as accepted. If there are more, the oldest are treated
/// like unknown ones.
const MAX_ACCEPTED: usize = 2048;

/// Remembers which credentials were refused.
///
/// All projects of a process share it, because they may share credentials. A 401 applies to all
/// endpoints and projects, except if its cause is the project. That one, and a 403, apply to the
/// endpoint and project of the request only. All apply to the same credentials only.
#[derive(Debug, Default)]
pub struct CredentialBackoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    refusals: Vec<Refusal>,
    /// Credentials that were accepted when they were last used, newest first.
    accepted: VecDeque<Fingerprint>,
    /// Unknown credentials, which one request at a time may use.
    trials: HashMap<Fingerprint, Arc<Semaphore>>,
}

/// Permission to send a request with unknown credentials.
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
    fn applies_to(&self, key: CallKey<'_>) -> bool {
        let applies_everywhere =
            self.status == StatusCode::UNAUTHORIZED && self.cause != Some(Cause::WrongProject);
        let is_same_call = self.endpoint == key.endpoint && self.project_id == key.project_id;
        self.credentials == key.credentials && (applies_everywhere || is_same_call)
    }
}

/// Object of a refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallKey<'a> {
    pub(crate) project_id: &'a str,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Fingerprint,
}

impl CredentialBackoff {
    /// Waits until a request may be sent. With unknown credentials, one request at a time is sent,
    /// so that wrong credentials are refused once and not once per concurrent request; such a
    /// request holds the returned permit until its result has been reported.
    ///
    /// # Errors
    ///
    /// [`ApiError::HeldBack`] if the credentials were refused.
    pub(crate) async fn admit(&self, key: CallKey<'_>) -> Result<Option<TrialPermit>, ApiError> {
        let trial = {
            let mut state = self.0.lock();
            state.check(key)?;
            if state.accepted.contains(&key.credentials) {
                return Ok(None);
            }
            // Removes the trials that no request waits for or holds.
            state.trials.retain(|_, trial| Arc::strong_count(trial) > 1);
            let trial = || Arc::new(Semaphore::new(1));
            state.trials.entry(key.credentials).or_insert_with(trial).clone()
        };
        let permit = trial.acquire_owned().await.expect("the semaphore is never closed");
        // The request before this one has a result by now.
        let mut state = self.0.lock();
        state.check(key)?;
        Ok((!state.accepted.contains(&key.credentials)).then_some(permit))
    }

    /// Checks again whether a request may be sent.
    ///
    /// # Errors
    ///
    /// [`ApiError::HeldBack`] if the credentials were refused.
    pub(crate) fn check(&self, key: CallKey<'_>) -> Result<(), ApiError> {
        self.0.lock().check(key)
    }

    /// Records the result of a request: `None` for a success.
    pub(crate) fn report(&self, error: Option<&ApiError>, key: CallKey<'_>) {
        let CallKey { project_id, endpoint, credentials } = key;
        if error.is_some_and(is_inconclusive) {
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
        let is_accepted = state.accepted.contains(&credentials);
        match &refused {
            Some((StatusCode::UNAUTHORIZED, ..)) if is_accepted => {
                state.accepted.retain(|accepted| *accepted != credentials);
            }
            Some((StatusCode::UNAUTHORIZED, ..)) => {}
            _ if is_accepted => {}
            // Also after a 403, which proves that the credentials are valid.
            _ => {
                state.accepted.truncate(MAX_ACCEPTED - 1);
                state.accepted.push_front(credentials);
            }
        }
        if let Some((status, error_body, cause)) = refused {
            let until = Instant::now() + REFUSAL_LIFETIME;
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
        self.refusals.retain(|refusal| refusal.until > now);
        match self.refusals.iter().find(|refusal| refusal.applies_to(key)) {
            None => Ok(()),
            Some(refusal) => Err(ApiError::HeldBack {
                endpoint: key.endpoint,
                status: refusal.status,
                error_body: refusal.error_body.clone(),
                cause: refusal.cause,
                left: Duration::from_secs((refusal.until - now).as_secs().max(1)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Credentials;

    #[test]
    fn a_refusal_applies_to_the_calls_that_it_concerns() {
        let credentials = Credentials::Password("robot".to_owned(), "p".into()).fingerprint();
        let key = |project_id| CallKey { project_id, endpoint: Endpoint::IamTokens, credentials };
        for (status, cause, is_accepted_elsewhere) in [
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
            assert_eq!(backoff.check(key("right")).is_ok(), is_accepted_elsewhere, "{cause:?}");
        }
    }
}

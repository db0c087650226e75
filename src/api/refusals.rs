//! Refused credentials are left alone: asking again and again locks the key for everybody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::auth::Fingerprint;
use super::error::{ApiError, Endpoint};
use super::wire::Fault;

/// Six refusals lock an access key for everybody who uses it, for five minutes.
const REFUSED_CREDENTIALS_PAUSE: Duration = Duration::from_secs(300);

/// The refusals that still hold. A 401 holds for every endpoint, a 403 for its own; both hold for
/// the same credentials only.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Vec<Refusal>>);

#[derive(Debug)]
struct Refusal {
    endpoint: Endpoint,
    status: StatusCode,
    fault: Fault,
    credentials: Fingerprint,
    until: Instant,
}

impl Refusals {
    /// Whether this may be asked with these credentials by now.
    pub(super) fn check(
        &self,
        endpoint: Endpoint,
        credentials: Fingerprint,
    ) -> Result<(), ApiError> {
        let now = Instant::now();
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|refusal| refusal.until > now);
        let held = refusals.iter().find(|refusal| {
            refusal.credentials == credentials
                && (refusal.status == StatusCode::UNAUTHORIZED || refusal.endpoint == endpoint)
        });
        held.map_or(Ok(()), |refusal| {
            Err(ApiError::HeldBack {
                endpoint,
                status: refusal.status,
                fault: refusal.fault.clone(),
                left: Duration::from_secs((refusal.until - now).as_secs().max(1)),
            })
        })
    }

    /// Remembers an answer if it refuses the credentials.
    pub(super) fn remember(&self, error: &ApiError, credentials: Fingerprint) {
        let ApiError::Refused { endpoint, status, fault, .. } = error else { return };
        if !matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Refusal {
            endpoint: *endpoint,
            status: *status,
            fault: fault.clone(),
            credentials,
            until: Instant::now() + REFUSED_CREDENTIALS_PAUSE,
        });
    }
}

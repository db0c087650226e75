//! Keeps temporary credentials and renews them before they expire, one request at a time.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::call::requested_pause;
use crate::credentials::{Credentials, Fingerprint};
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;

/// Credentials that expire.
#[derive(Debug, Clone)]
pub(super) struct TemporaryCredentials {
    pub(super) credentials: Credentials,
    /// Expiry by the clock of the issuer, for people.
    pub(super) expires: Timestamp,
    /// When new ones should be requested.
    pub(super) renew_at: Instant,
    /// When they are no longer valid.
    pub(super) expires_at: Instant,
}

/// Upper limit of a lifetime, so that a time in the far future does not overflow. No issuer grants
/// more.
const MAX_LIFETIME_MILLIS: u64 = 366 * 24 * 3_600_000;

/// Returns how long credentials with this expiry are valid, by the clock of the issuer; `None` if
/// they have expired.
pub(super) fn lifetime(now: Timestamp, expires: Timestamp) -> Option<Duration> {
    let millis = u64::try_from(expires.millis().saturating_sub(now.millis())).ok()?;
    (millis > 0).then(|| Duration::from_millis(millis.min(MAX_LIFETIME_MILLIS)))
}

/// Minimum time between two requests for credentials.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    pub(super) after_success: Duration,
    pub(super) after_failure: Duration,
}

/// Keeps [`TemporaryCredentials`].
#[derive(Debug)]
pub(super) struct CredentialCache {
    /// Source of new credentials.
    endpoint: Endpoint,
    pauses: Pauses,
    state: Mutex<State>,
    /// Held while new credentials are requested.
    fetch_lock: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<TemporaryCredentials>,
    /// The API refused `current`.
    is_invalidated: bool,
    /// When credentials were last invalidated.
    invalidated_at: Option<Instant>,
    /// New credentials are being requested.
    is_fetching: bool,
    /// When new credentials may be requested again.
    next_fetch: Option<Instant>,
    /// Why the last request gave no credentials, or none that are valid until `next_fetch`.
    failure: Option<ApiError>,
}

/// Refused credentials are replaced at most once per this time. If their replacement is refused
/// too, their age is not the reason.
const INVALIDATION_PAUSE: Duration = Duration::from_secs(300);

/// The state of the cache at one time.
enum Lookup {
    /// Valid credentials.
    Fresh(Credentials),
    /// Valid credentials that should be renewed.
    Due(Credentials),
    /// No credentials until new ones are requested.
    Missing,
    /// No credentials, and it is too early to request new ones.
    Failed(ApiError),
}

impl CredentialCache {
    /// Creates an empty cache of credentials from `endpoint`.
    pub(super) fn new(endpoint: Endpoint, pauses: Pauses) -> Self {
        Self {
            endpoint,
            pauses,
            state: Mutex::default(),
            fetch_lock: tokio::sync::Mutex::default(),
        }
    }

    /// Returns valid credentials. `fetch` requests new ones if necessary; only one caller does so
    /// at a time. While another caller renews credentials that are still valid, returns these.
    ///
    /// # Errors
    ///
    /// The error of `fetch` if no credentials are valid. If a renewal fails while the current
    /// credentials are valid, the error goes to `renewal_failed` instead.
    pub(super) async fn get(
        &self,
        fetch: impl Future<Output = Result<TemporaryCredentials, ApiError>>,
        renewal_failed: impl Fn(&ApiError),
    ) -> Result<Credentials, ApiError> {
        let _fetch_lock = match self.look_up() {
            Lookup::Fresh(credentials) => return Ok(credentials),
            Lookup::Failed(error) => return Err(error),
            Lookup::Due(credentials) => match self.fetch_lock.try_lock() {
                Ok(lock) => lock,
                Err(_) => return Ok(credentials),
            },
            Lookup::Missing => self.fetch_lock.lock().await,
        };
        // Another caller may have fetched credentials while this one waited for the lock.
        let fallback = match self.look_up() {
            Lookup::Fresh(credentials) => return Ok(credentials),
            Lookup::Failed(error) => return Err(error),
            Lookup::Due(credentials) => Some(credentials),
            Lookup::Missing => None,
        };
        let fetching = Fetching::begin(self);
        let fetched = fetch.await;
        drop(fetching);
        match fetched {
            Ok(temporary) => Ok(self.store(temporary)),
            Err(error) => {
                self.store_failure(&error);
                let Some(fallback) = fallback else { return Err(error) };
                renewal_failed(&error);
                Ok(fallback)
            }
        }
    }

    fn store(&self, temporary: TemporaryCredentials) -> Credentials {
        let mut state = self.state.lock();
        let credentials = temporary.credentials.clone();
        let next_fetch = Instant::now() + self.pauses.after_success;
        let pause = humantime::format_duration(self.pauses.after_success);
        state.failure = (temporary.expires_at < next_fetch).then(|| ApiError::Invalid {
            endpoint: self.endpoint,
            what: format!("its credentials expire within {pause}"),
        });
        state.next_fetch = Some(next_fetch);
        state.is_invalidated = false;
        state.current = Some(temporary);
        credentials
    }

    fn store_failure(&self, error: &ApiError) {
        // Counted from now, because the failed request may have taken longer than the pause.
        let pause = requested_pause(error).unwrap_or_default().max(self.pauses.after_failure);
        let mut state = self.state.lock();
        state.next_fetch = Some(Instant::now() + pause);
        state.failure = Some(error.clone());
    }

    /// Marks credentials as refused by the API. Returns true if [`Self::get`] will return others.
    pub(super) fn invalidate(&self, refused: Fingerprint) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock();
        let is_current = state
            .current
            .as_ref()
            .is_some_and(|current| current.credentials.fingerprint() == refused);
        // Another caller has renewed the refused credentials in the meantime.
        if !is_current {
            return state.current.is_some();
        }
        if state.is_invalidated {
            return state.is_fetching || state.may_fetch(now);
        }
        if state.invalidated_at.is_some_and(|at| now < at + INVALIDATION_PAUSE) {
            return false;
        }
        state.is_invalidated = true;
        state.invalidated_at = Some(now);
        state.may_fetch(now)
    }

    /// Lets the next caller request new credentials, because those that they are requested with have
    /// changed.
    pub(super) fn renew_now(&self) {
        let mut state = self.state.lock();
        (state.next_fetch, state.failure, state.invalidated_at) = (None, None, None);
        if let Some(current) = &mut state.current {
            current.renew_at = Instant::now();
        }
    }

    /// Returns the expiry of the current credentials.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.state.lock().current.as_ref().map(|current| current.expires)
    }

    fn look_up(&self) -> Lookup {
        let now = Instant::now();
        let state = self.state.lock();
        let may_fetch = state.may_fetch(now);
        match &state.current {
            Some(current) if now < current.expires_at => {
                let credentials = current.credentials.clone();
                if state.is_invalidated && (may_fetch || state.is_fetching) {
                    Lookup::Missing
                } else if !state.is_invalidated && may_fetch && now >= current.renew_at {
                    Lookup::Due(credentials)
                } else {
                    // Also for refused credentials: the backoff knows the refusal and returns its
                    // error.
                    Lookup::Fresh(credentials)
                }
            }
            _ => match &state.failure {
                Some(error) if !may_fetch => Lookup::Failed(error.clone()),
                _ => Lookup::Missing,
            },
        }
    }
}

impl State {
    fn may_fetch(&self, now: Instant) -> bool {
        self.next_fetch.is_none_or(|next_fetch| now >= next_fetch)
    }
}

/// Marks the cache as fetching until it is dropped, also if the request is cancelled.
struct Fetching<'a>(&'a CredentialCache);

impl<'a> Fetching<'a> {
    fn begin(cache: &'a CredentialCache) -> Self {
        let mut state = cache.state.lock();
        state.is_fetching = true;
        // Applies if the request is cancelled.
        state.next_fetch = Some(Instant::now() + cache.pauses.after_failure);
        drop(state);
        Self(cache)
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_fetching = false;
    }
}

#[cfg(test)]
mod tests;

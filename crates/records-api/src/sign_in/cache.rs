//! What was obtained and expires: kept, renewed ahead of its end, by one at a time.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::credentials::{Credentials, Fingerprint};
use crate::client::throttle::asked_pause;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;

/// Credentials for a while.
#[derive(Debug, Clone)]
pub(super) struct TemporaryCredentials {
    pub(super) credentials: Credentials,
    /// Their end by the clock of who gave them, as people are told it.
    pub(super) expires: Timestamp,
    /// From when on new ones are asked for.
    pub(super) renew_at: Instant,
    /// From when on they are of no use.
    pub(super) ends_at: Instant,
}

/// What is valid for longer is renewed as if it were not: nobody gives such credentials.
const MAX_LIFETIME_MILLIS: u64 = 366 * 24 * 3_600_000;

/// How long what expires then is valid, by the clock of who gave it; `None` if it has expired.
pub(super) fn lifetime(now: Timestamp, expires: Timestamp) -> Option<Duration> {
    let millis = u64::try_from(expires.millis().saturating_sub(now.millis())).ok()?;
    (millis > 0).then(|| Duration::from_millis(millis.min(MAX_LIFETIME_MILLIS)))
}

/// Keeps a [`TemporaryCredentials`].
#[derive(Debug)]
pub(super) struct CredentialCache {
    /// Where new ones are asked for.
    endpoint: Endpoint,
    /// So long nobody asks for new ones after some came, and after none came.
    pauses: (Duration, Duration),
    state: Mutex<State>,
    /// Who holds it asks for new ones.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    lease: Option<TemporaryCredentials>,
    /// The lease was refused where it was used.
    is_refused: bool,
    /// When a lease was last given up because it was refused.
    refused_at: Option<Instant>,
    /// Somebody asks for new ones.
    is_fetching: bool,
    /// When new ones may be asked for again.
    not_before: Option<Instant>,
    /// Why nothing came then, or nothing that lasts until then.
    failure: Option<ApiError>,
}

/// A refused lease is replaced once in so long: if new ones are refused too, it is not their age.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// What can be had at a moment.
enum Lookup {
    /// Good credentials.
    Fresh(Credentials),
    /// Good ones that should be renewed.
    Due(Credentials),
    /// None before others were asked for.
    Missing,
    /// None, and it is too early to ask again.
    Failed(ApiError),
}

impl CredentialCache {
    /// `pauses`: so long nobody asks `endpoint` for new ones after some came, and after none came.
    pub(super) fn new(endpoint: Endpoint, pauses: (Duration, Duration)) -> Self {
        Self { endpoint, pauses, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Good credentials; `ask` gets new ones. Only one asks at a time. Whoever finds that they
    /// should be renewed, while another does so, goes on with what there is.
    ///
    /// # Errors
    ///
    /// Why there are none. That a renewal failed while what there is is still good is told to
    /// `failed` only.
    pub(super) async fn get(
        &self,
        ask: impl Future<Output = Result<TemporaryCredentials, ApiError>>,
        failed: impl Fn(&ApiError),
    ) -> Result<Credentials, ApiError> {
        let _turn = match self.look_up() {
            Lookup::Fresh(credentials) => return Ok(credentials),
            Lookup::Failed(error) => return Err(error),
            Lookup::Due(credentials) => match self.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(credentials),
            },
            Lookup::Missing => self.turn.lock().await,
        };
        // Another may have asked while this one waited for its turn.
        let fallback = match self.look_up() {
            Lookup::Fresh(credentials) => return Ok(credentials),
            Lookup::Failed(error) => return Err(error),
            Lookup::Due(credentials) => Some(credentials),
            Lookup::Missing => None,
        };
        let fetching = Fetching::begin(self);
        let asked = ask.await;
        drop(fetching);
        let mut state = self.state.lock();
        match asked {
            Ok(lease) => {
                let credentials = lease.credentials.clone();
                let not_before = Instant::now() + self.pauses.0;
                let pause = humantime::format_duration(self.pauses.0);
                state.failure = (lease.ends_at < not_before).then(|| ApiError::Invalid {
                    endpoint: self.endpoint,
                    what: format!("what it gave ends within {pause}"),
                });
                state.not_before = Some(not_before);
                state.is_refused = false;
                state.lease = Some(lease);
                Ok(credentials)
            }
            Err(error) => {
                // From now on: to learn it may have taken longer than the pause.
                let pause = asked_pause(&error).unwrap_or_default().max(self.pauses.1);
                state.not_before = Some(Instant::now() + pause);
                state.failure = Some(error.clone());
                drop(state);
                let Some(fallback) = fallback else { return Err(error) };
                failed(&error);
                Ok(fallback)
            }
        }
    }

    /// These were refused where they were used. Returns whether others are asked for at once.
    pub(super) fn invalidate(&self, refused: Fingerprint) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock();
        let is_ours =
            state.lease.as_ref().is_some_and(|lease| lease.credentials.fingerprint() == refused);
        // What was refused is not what there is now: somebody has renewed it meanwhile.
        if !is_ours {
            return state.lease.is_some();
        }
        if state.is_refused {
            return state.is_fetching || state.may_fetch(now);
        }
        if state.refused_at.is_some_and(|at| now < at + REFUSED_PAUSE) {
            return false;
        }
        state.is_refused = true;
        state.refused_at = Some(now);
        state.may_fetch(now)
    }

    /// When what there is expires.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.state.lock().lease.as_ref().map(|lease| lease.expires)
    }

    fn look_up(&self) -> Lookup {
        let now = Instant::now();
        let state = self.state.lock();
        let may_fetch = state.may_fetch(now);
        match &state.lease {
            Some(lease) if now < lease.ends_at => {
                let credentials = lease.credentials.clone();
                if state.is_refused && (may_fetch || state.is_fetching) {
                    Lookup::Missing
                } else if !state.is_refused && may_fetch && now >= lease.renew_at {
                    Lookup::Due(credentials)
                } else {
                    // A refusal of what there is is remembered where it was met.
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
        self.not_before.is_none_or(|not_before| now >= not_before)
    }
}

/// Somebody asks; ends with it, however it ends.
struct Fetching<'a>(&'a CredentialCache);

impl<'a> Fetching<'a> {
    fn begin(cache: &'a CredentialCache) -> Self {
        let mut state = cache.state.lock();
        state.is_fetching = true;
        state.not_before = Some(Instant::now() + cache.pauses.1);
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
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::sleep;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Who gives tokens for ten minutes, and how often that was asked.
    #[derive(Default)]
    struct Giver {
        asked: AtomicU32,
        fails: std::sync::atomic::AtomicBool,
    }

    impl Giver {
        async fn ask(&self) -> Result<TemporaryCredentials, ApiError> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(Duration::from_secs(1)).await;
            if self.fails.load(Ordering::Relaxed) {
                let what = "away".to_owned();
                return Err(ApiError::Unreachable { endpoint: Endpoint::IamTokens, what });
            }
            let now = Instant::now();
            Ok(TemporaryCredentials {
                credentials: Credentials::Token(format!("token {number}").into()),
                expires: Timestamp::from_millis(0),
                renew_at: now + 8 * MINUTE,
                ends_at: now + 10 * MINUTE,
            })
        }

        async fn token(&self, cache: &CredentialCache) -> Result<String, ApiError> {
            match cache.get(self.ask(), |_| {}).await? {
                Credentials::Token(token) => Ok(token.expose().to_owned()),
                other => panic!("{other:?}"),
            }
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_need_one_ask_once() {
        let (giver, cache) =
            (Giver::default(), CredentialCache::new(Endpoint::IamTokens, (MINUTE, MINUTE)));
        let all = (0..20).map(|_| giver.token(&cache));
        for token in futures_util::future::join_all(all).await {
            assert_eq!(token.unwrap(), "token 1");
        }
        assert_eq!(giver.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_ahead_by_one_while_the_others_go_on() {
        let (giver, cache) =
            (Giver::default(), CredentialCache::new(Endpoint::IamTokens, (MINUTE, MINUTE)));
        giver.token(&cache).await.unwrap();
        sleep(8 * MINUTE).await;
        let (first, second) = tokio::join!(giver.token(&cache), giver.token(&cache));
        assert_eq!((first.unwrap().as_str(), second.unwrap().as_str()), ("token 2", "token 1"));
        assert_eq!(giver.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_leaves_what_is_good_and_is_tried_once_a_minute() {
        let (giver, cache) =
            (Giver::default(), CredentialCache::new(Endpoint::IamTokens, (MINUTE, MINUTE)));
        giver.token(&cache).await.unwrap();
        giver.fails.store(true, Ordering::Relaxed);
        let mut told = 0;
        sleep(8 * MINUTE).await;
        let mut results = Vec::new();
        for _ in 0..10 {
            let seen = std::cell::Cell::new(0);
            let got = cache.get(giver.ask(), |_| seen.set(seen.get() + 1)).await;
            told += seen.get();
            results.push(got.is_ok());
            sleep(Duration::from_secs(20)).await;
        }
        assert_eq!(results.iter().filter(|good| **good).count(), 6, "{results:?}");
        assert_eq!((giver.asked(), told), (5, 2), "{results:?}");
        giver.fails.store(false, Ordering::Relaxed);
        sleep(MINUTE).await;
        assert_eq!(giver.token(&cache).await.unwrap(), "token 6");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_replaced_once_in_five_minutes() {
        let (giver, cache) =
            (Giver::default(), CredentialCache::new(Endpoint::IamTokens, (MINUTE / 2, MINUTE)));
        let refused =
            |number: u32| Credentials::Token(format!("token {number}").into()).fingerprint();
        giver.token(&cache).await.unwrap();
        sleep(MINUTE).await;
        assert!(cache.invalidate(refused(1)));
        assert_eq!(giver.token(&cache).await.unwrap(), "token 2");
        assert!(cache.invalidate(refused(1)), "that is the one before: there are others by now");
        assert!(!cache.invalidate(refused(2)));
        assert_eq!(giver.token(&cache).await.unwrap(), "token 2");
        sleep(5 * MINUTE).await;
        assert!(cache.invalidate(refused(2)));
        assert_eq!(giver.token(&cache).await.unwrap(), "token 3");
    }

    #[tokio::test(start_paused = true)]
    async fn all_whose_token_is_refused_at_once_wait_for_the_next() {
        let (giver, cache) =
            (Giver::default(), CredentialCache::new(Endpoint::IamTokens, (MINUTE, MINUTE)));
        giver.token(&cache).await.unwrap();
        sleep(MINUTE).await;
        let first = Credentials::Token("token 1".into()).fingerprint();
        let all = (0..4).map(|_| async {
            assert!(cache.invalidate(first));
            giver.token(&cache).await.unwrap()
        });
        assert_eq!(futures_util::future::join_all(all).await, ["token 2"; 4]);
        assert_eq!(giver.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_for_more_often_than_once_in_the_pause() {
        let (giver, cache) =
            (Giver::default(), CredentialCache::new(Endpoint::IamTokens, (MINUTE, MINUTE)));
        giver.fails.store(true, Ordering::Relaxed);
        for _ in 0..60 {
            assert!(giver.token(&cache).await.is_err());
            sleep(Duration::from_secs(5)).await;
        }
        assert!(giver.asked() <= 6, "{}", giver.asked());
    }
}

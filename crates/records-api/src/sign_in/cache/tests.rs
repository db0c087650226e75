//! Renewal of tokens that a simulated issuer gives for ten minutes.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::sleep;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// An issuer of tokens that are valid for ten minutes.
#[derive(Default)]
struct Issuer {
    requests: AtomicU32,
    fails: std::sync::atomic::AtomicBool,
}

impl Issuer {
    async fn issue(&self) -> Result<TemporaryCredentials, ApiError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(Duration::from_secs(1)).await;
        if self.fails.load(Ordering::Relaxed) {
            let what = "unavailable".to_owned();
            return Err(ApiError::Unreachable { endpoint: Endpoint::IamTokens, what });
        }
        let now = Instant::now();
        Ok(TemporaryCredentials {
            credentials: Credentials::Token(format!("token {number}").into()),
            expires: Timestamp::from_millis(0),
            renew_at: now + 8 * MINUTE,
            expires_at: now + 10 * MINUTE,
        })
    }

    async fn token(&self, cache: &CredentialCache) -> Result<String, ApiError> {
        match cache.get(self.issue(), |_| {}).await? {
            Credentials::Token(token) => Ok(token.expose().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn pauses(after_success: Duration, after_failure: Duration) -> Pauses {
    Pauses { after_success, after_failure }
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_request() {
    let (issuer, cache) =
        (Issuer::default(), CredentialCache::new(Endpoint::IamTokens, pauses(MINUTE, MINUTE)));
    let all = (0..20).map(|_| issuer.token(&cache));
    for token in futures_util::future::join_all(all).await {
        assert_eq!(token.unwrap(), "token 1");
    }
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_caller_renews_before_expiry_while_others_use_the_old_token() {
    let (issuer, cache) =
        (Issuer::default(), CredentialCache::new(Endpoint::IamTokens, pauses(MINUTE, MINUTE)));
    issuer.token(&cache).await.unwrap();
    sleep(8 * MINUTE).await;
    let (first, second) = tokio::join!(issuer.token(&cache), issuer.token(&cache));
    assert_eq!((first.unwrap().as_str(), second.unwrap().as_str()), ("token 2", "token 1"));
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_keeps_the_valid_token_and_is_retried_once_a_minute() {
    let (issuer, cache) =
        (Issuer::default(), CredentialCache::new(Endpoint::IamTokens, pauses(MINUTE, MINUTE)));
    issuer.token(&cache).await.unwrap();
    issuer.fails.store(true, Ordering::Relaxed);
    let mut reported = 0;
    sleep(8 * MINUTE).await;
    let mut results = Vec::new();
    for _ in 0..10 {
        let seen = std::cell::Cell::new(0);
        let got = cache.get(issuer.issue(), |_| seen.set(seen.get() + 1)).await;
        reported += seen.get();
        results.push(got.is_ok());
        sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(results.iter().filter(|good| **good).count(), 6, "{results:?}");
    assert_eq!((issuer.requests(), reported), (5, 2), "{results:?}");
    issuer.fails.store(false, Ordering::Relaxed);
    sleep(MINUTE).await;
    assert_eq!(issuer.token(&cache).await.unwrap(), "token 6");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_at_most_once_in_five_minutes() {
    let (issuer, cache) =
        (Issuer::default(), CredentialCache::new(Endpoint::IamTokens, pauses(MINUTE / 2, MINUTE)));
    let refused = |number: u32| Credentials::Token(format!("token {number}").into()).fingerprint();
    issuer.token(&cache).await.unwrap();
    sleep(MINUTE).await;
    assert!(cache.invalidate(refused(1)));
    assert_eq!(issuer.token(&cache).await.unwrap(), "token 2");
    assert!(cache.invalidate(refused(1)), "the token before, which has been replaced");
    assert!(!cache.invalidate(refused(2)));
    assert_eq!(issuer.token(&cache).await.unwrap(), "token 2");
    sleep(5 * MINUTE).await;
    assert!(cache.invalidate(refused(2)));
    assert_eq!(issuer.token(&cache).await.unwrap(), "token 3");
}

#[tokio::test(start_paused = true)]
async fn callers_whose_token_is_refused_wait_for_the_next() {
    let (issuer, cache) =
        (Issuer::default(), CredentialCache::new(Endpoint::IamTokens, pauses(MINUTE, MINUTE)));
    issuer.token(&cache).await.unwrap();
    sleep(MINUTE).await;
    let first = Credentials::Token("token 1".into()).fingerprint();
    let all = (0..4).map(|_| async {
        assert!(cache.invalidate(first));
        issuer.token(&cache).await.unwrap()
    });
    assert_eq!(futures_util::future::join_all(all).await, ["token 2"; 4]);
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_are_never_closer_than_the_pause() {
    let (issuer, cache) =
        (Issuer::default(), CredentialCache::new(Endpoint::IamTokens, pauses(MINUTE, MINUTE)));
    issuer.fails.store(true, Ordering::Relaxed);
    for _ in 0..60 {
        assert!(issuer.token(&cache).await.is_err());
        sleep(Duration::from_secs(5)).await;
    }
    assert!(issuer.requests() <= 6, "{}", issuer.requests());
}

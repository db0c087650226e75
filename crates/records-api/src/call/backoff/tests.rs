//! Refusals by their scope, their time and their store.

use futures_util::future::BoxFuture;

use super::*;
use crate::credentials::Credentials;
use crate::wire::ErrorBody;

const NOW: i64 = 1_795_176_000_000;
const MINUTE: Duration = Duration::from_secs(60);

fn password() -> Fingerprint {
    Credentials::Password("robot".to_owned(), "p".into()).fingerprint()
}

fn key(project_id: &str, endpoint: Endpoint) -> CallKey<'_> {
    CallKey { project_id, endpoint, credentials: password(), origin: password() }
}

fn refused(status: StatusCode, cause: Cause) -> ApiError {
    ApiError::Refused {
        endpoint: Endpoint::ScreenRecords,
        status,
        error_body: ErrorBody { code: Some("APIGW.0301".to_owned()), message: None },
        cause: Some(cause),
        retry_after: None,
    }
}

fn outcome(error: Option<&ApiError>) -> Outcome<'_> {
    Outcome { error, blames_credentials: true, now_millis: NOW }
}

/// Keeps refusals in memory, whoever asks.
#[derive(Debug, Default)]
struct Store(Mutex<Vec<Refusal>>);

impl RefusalStore for Store {
    fn find(&self, _: Fingerprint) -> BoxFuture<'_, Vec<Refusal>> {
        Box::pin(std::future::ready(self.0.lock().clone()))
    }

    fn keep(&self, _: Fingerprint, refusal: Refusal) -> BoxFuture<'_, ()> {
        *self.0.lock() = vec![refusal];
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_applies_to_the_calls_that_it_concerns() {
    let [records, pools] = [Endpoint::ScreenRecords, Endpoint::DesktopPools];
    for (status, cause, other_endpoint, other_project) in [
        (StatusCode::UNAUTHORIZED, Cause::WrongPassword, false, false),
        (StatusCode::UNAUTHORIZED, Cause::WrongProject, false, true),
        (StatusCode::FORBIDDEN, Cause::NoPermission, true, true),
    ] {
        let error = refused(status, cause);
        let backoff = CredentialBackoff::default();
        backoff.report(key("wrong", records), outcome(Some(&error))).await;
        assert!(backoff.check(key("wrong", records)).is_err(), "{cause:?}");
        assert_eq!(backoff.check(key("wrong", pools)).is_ok(), other_endpoint, "{cause:?}");
        assert_eq!(backoff.check(key("right", records)).is_ok(), other_project, "{cause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_process_waits_for_the_rest_of_the_five_minutes() {
    let call = key("p", Endpoint::ScreenRecords);
    // Minutes since the refusal by the clock of the later process, and minutes left.
    for (minutes, left) in [(0, 5), (3, 2), (4, 1), (5, 0), (60, 0), (-1, 5), (-500_000, 5)] {
        let store = Arc::new(Store::default());
        let backoff = CredentialBackoff::with_store(store.clone());
        let error = refused(StatusCode::UNAUTHORIZED, Cause::WrongKey);
        backoff.report(call, outcome(Some(&error))).await;
        let later = CredentialBackoff::with_store(store.clone());
        let now_millis = NOW + minutes * 60_000;
        let result = later.admit(call, now_millis).await;
        if left == 0 {
            assert!(result.is_ok(), "after {minutes} minutes");
            continue;
        }
        let Err(ApiError::HeldBack { left: shown, ago, code, cause, .. }) = result else {
            panic!("after {minutes} minutes: {result:?}");
        };
        assert_eq!((shown, ago), (left * MINUTE, (5 - left) * MINUTE), "after {minutes} minutes");
        assert_eq!(code.as_deref(), Some("APIGW.0301"));
        assert_eq!(cause, Some(Cause::WrongKey));
        // A time in the future is replaced, so that yet another process does not start anew.
        assert!(store.0.lock()[0].at_millis <= now_millis);
        tokio::time::advance(left * MINUTE + Duration::from_millis(1)).await;
        assert!(later.check(call).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_store_returns_is_not_trusted() {
    let call = key("p", Endpoint::ScreenRecords);
    for (status, code, at_millis, is_held) in [
        (401, "X".repeat(5000), NOW, true),
        (403, "a\u{1b}[31m\nb".to_owned(), NOW, true),
        (200, String::new(), NOW, false),
        (9999, String::new(), NOW, false),
        (401, String::new(), i64::MIN, false),
        (401, String::new(), i64::MAX, true),
    ] {
        let refusal = Refusal {
            project_id: "p".to_owned(),
            endpoint: Endpoint::ScreenRecords,
            status,
            code: Some(code),
            cause: None,
            applies_everywhere: true,
            at_millis,
        };
        let store = Store(Mutex::new(vec![refusal]));
        let backoff = CredentialBackoff::with_store(Arc::new(store));
        match backoff.admit(call, NOW).await {
            Ok(_) => assert!(!is_held, "{status} {at_millis}"),
            Err(error) => {
                assert!(is_held, "{status} {at_millis}");
                let text = error.to_string();
                assert!(text.len() < 300 && !text.contains(['\u{1b}', '\n']), "{text}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn renewed_temporary_credentials_are_tried_although_their_origin_is_the_same() {
    let store = Arc::new(Store::default());
    let origin = password();
    let token = |text: &str| Credentials::Token(text.into()).fingerprint();
    let call = |credentials| CallKey { credentials, origin, ..key("p", Endpoint::ScreenRecords) };
    let error = refused(StatusCode::UNAUTHORIZED, Cause::WrongToken);
    let backoff = CredentialBackoff::with_store(store.clone());
    assert!(backoff.admit(call(token("first")), NOW).await.is_ok());
    backoff.report(call(token("first")), outcome(Some(&error))).await;
    assert!(backoff.admit(call(token("first")), NOW).await.is_err());
    assert!(backoff.admit(call(token("second")), NOW).await.is_ok());
    let later = CredentialBackoff::with_store(store);
    assert!(later.admit(call(token("third")), NOW).await.is_err());
}

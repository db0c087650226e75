//! Authentication by each method against a simulated gateway, IAM and metadata service, over days
//! and months, with wrong and locked keys, and with credentials that are renewed or revoked.

mod binary;

use std::sync::Arc;
use std::time::Duration;

use records_api::secret::{SecretRules, Source};
use records_api::{Agency, Auth, IamUser, ReadLimit, Transport};
use records_api_simulator::{Access, Credential, Endpoint, ImdsVersion};
use screen_records_exporter::project::Project;
use screen_records_exporter::snapshot::Failure;
use tokio::time::{Instant, sleep};

use crate::harness::{Harness, HarnessOptions, SignIn, UP, script};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SECRET: &str = "the-secret-key-of-this-test";
const PASSWORD: &str = "the password \u{e4} of \"this\" test";
const EXPIRY: &str = "screen_records_exporter_credential_expiry_timestamp_seconds{project=\"p\"}";

fn value(text: &str) -> Source {
    Source::Value(text.into())
}

fn access_key(id: &str, secret: &str, token: Option<&str>) -> SignIn {
    let (id, secret, token) = (id.to_owned(), secret.to_owned(), token.map(str::to_owned));
    Arc::new(move |_| Auth::AccessKey {
        access_key: value(&id),
        secret_key: value(&secret),
        security_token: token.as_deref().map(value),
    })
}

fn password(password: Source) -> SignIn {
    Arc::new(move |_| {
        Auth::Password(IamUser {
            iam_endpoint: "http://iam.invalid".parse().unwrap(),
            domain: "acme".to_owned(),
            username: "robot".to_owned(),
            password: password.clone(),
        })
    })
}

fn agency() -> SignIn {
    Arc::new(|transport| {
        let endpoint = "http://metadata.invalid".parse().unwrap();
        Auth::EcsAgency(Arc::new(Agency::new(endpoint, transport.clone())))
    })
}

fn setup(auth: SignIn) -> HarnessOptions {
    let mut setup = HarnessOptions::new(300);
    let access = &mut setup.options.access;
    (access.access_key, access.secret_key) = (Some("AK".to_owned()), Some(SECRET.to_owned()));
    access.iam_domain = Some("acme".to_owned());
    access.iam_user = Some("robot".to_owned());
    access.iam_password = Some(PASSWORD.to_owned());
    access.agency = true;
    setup.auth = Some(auth);
    setup
}

/// Polls for `time`, with a pause after each poll. Returns the failures.
async fn polls(harness: &Harness, time: Duration, pause: Duration) -> Vec<Failure> {
    let mut failures = Vec::new();
    for _ in 0..time.as_secs() / pause.as_secs() {
        failures.extend(harness.poll().await.err());
        sleep(pause).await;
    }
    failures
}

fn asked(harness: &Harness, endpoint: Endpoint) -> u64 {
    harness.simulator().requests().of(endpoint)
}

/// Obtains a token from IAM.
async fn token(harness: &Harness) -> String {
    let body = serde_json::json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "domain": {"name": "acme"}, "name": "robot", "password": PASSWORD,
        }}},
        "scope": {"project": {"id": "0123abcd"}},
    }});
    let request = http::Request::post("http://iam.invalid/v3/auth/tokens?nocatalog=true")
        .header("content-type", "application/json")
        .body(body.to_string().into());
    let answer = harness.transport.send(request.unwrap(), ReadLimit::new(1 << 20)).await.unwrap();
    answer.headers["x-subject-token"].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn all_methods_authenticate_and_polls_are_correct() {
    let mut temporary = setup(access_key("AK", SECRET, Some("the-security-token")));
    temporary.options.access.security_token = Some("the-security-token".to_owned());
    let mut old = setup(agency());
    old.options.access.imds = ImdsVersion::V1;
    let mut large = setup(password(value(PASSWORD)));
    large.options.access.token_bytes = 40_000;
    for setup in [setup(access_key("AK", SECRET, None)), temporary, large, setup(agency()), old] {
        let harness = setup.start();
        harness.assert_polls_right("signed in").await;
        harness.assert_polls_right("and again").await;
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_of_ten_minutes_are_renewed_for_a_day_without_a_failed_poll() {
    let mut setup = setup(password(value(PASSWORD)));
    setup.options.access.token_lifetime = 10 * MINUTE;
    setup.options.records = 10;
    let harness = setup.start();
    assert_eq!(polls(&harness, 24 * HOUR, MINUTE / 2).await, []);
    let tokens = asked(&harness, Endpoint::Tokens);
    // Each token is used for 7.5 to 9 minutes, and until the next poll.
    assert!((24 * 60 / 10..=24 * 60 / 7).contains(&tokens), "{tokens}");
    let requests = harness.simulator().requests();
    let used = (1..=tokens)
        .filter(|number| requests.with(Endpoint::Records, &Credential::Token(*number)) > 0);
    assert_eq!(used.count() as u64, tokens, "all tokens were used");
    let left = harness.exposed().get(EXPIRY) - harness.clock_seconds();
    assert!((0.0..=600.0).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn requests_share_one_token() {
    let mut setup = setup(password(value(PASSWORD)));
    setup.options.records = 20_000;
    setup.limits.page_size = 100;
    let harness = setup.start();
    harness.assert_polls_right("200 pages").await;
    assert_eq!(asked(&harness, Endpoint::Tokens), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_replaced_immediately_and_only_once() {
    let mut setup = setup(password(value(PASSWORD)));
    setup.options.records = 20_000;
    setup.limits.page_size = 100;
    let harness = setup.start();
    harness.assert_polls_right("at first").await;
    sleep(MINUTE).await;
    harness.simulator().edit_access(Access::revoke_tokens);
    harness.assert_polls_right("with a new token").await;
    assert_eq!(asked(&harness, Endpoint::Tokens), 2);
    // If the gateway refuses all tokens, new ones are not requested again and again.
    harness.set_faults(&["status=401,endpoint=records"]);
    let failures = polls(&harness, HOUR, MINUTE / 2).await;
    assert_eq!(failures.len(), 120);
    assert!(asked(&harness, Endpoint::Tokens) <= 2 + 13, "{}", asked(&harness, Endpoint::Tokens));
}

#[tokio::test(start_paused = true)]
async fn polls_succeed_without_iam_while_the_token_is_valid() {
    let mut setup = setup(password(value(PASSWORD)));
    setup.options.access.token_lifetime = HOUR;
    let harness = setup.start();
    assert_eq!(polls(&harness, 44 * MINUTE, MINUTE).await, []);
    harness.set_faults(&["status=503,endpoint=tokens"]);
    let failures = polls(&harness, HOUR, MINUTE).await;
    // The token expires after an hour. The error then is that of IAM.
    assert!((40..=46).contains(&failures.len()), "{}", failures.len());
    let Failure { request, what, remedy, .. } = failures.last().unwrap();
    assert_eq!(request.as_deref(), Some("POST /v3/auth/tokens?nocatalog=true"));
    assert!(what.starts_with("iam-tokens answered 503"), "{what}: {remedy}");
    harness.set_faults(&[]);
    sleep(MINUTE).await;
    harness.assert_polls_right("IAM is available again").await;
}

#[tokio::test(start_paused = true)]
async fn polls_succeed_while_iam_hangs_and_the_token_is_valid() {
    let mut setup = setup(password(value(PASSWORD))).reading_everything();
    setup.options.access.token_lifetime = HOUR;
    setup.options.records = 2000;
    setup.limits.page_size = 100;
    let harness = setup.start();
    assert_eq!(polls(&harness, 44 * MINUTE, MINUTE).await, []);
    harness.set_faults(&["kind=hang,endpoint=tokens"]);
    sleep(11 * MINUTE).await;
    let begun = Instant::now();
    harness.assert_polls_right("while IAM hangs").await;
    // Only one request of the poll waits for IAM and the retries.
    assert!(begun.elapsed() < MINUTE, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_tried_once_in_five_minutes_and_never_while_locked() {
    let mut setup = setup(access_key("AK", "another-secret", None));
    setup.options.records = 5000;
    setup.limits.page_size = 100;
    let harness = setup.start();
    let failures = polls(&harness, HOUR, MINUTE / 4).await;
    assert_eq!(failures.len(), 240);
    let requests = harness.simulator().requests();
    assert!(requests.total <= 13, "{}", requests.total);
    assert!(!requests.locks.is_empty(), "it was locked: {:?}", requests.asked);
    for asked in &requests.asked {
        let locked =
            |lock: &&records_api_simulator::Lock| (lock.from + 1..lock.until).contains(&asked.at);
        assert_eq!(requests.locks.iter().find(locked), None, "{asked:?}");
    }
    let remedy = &failures[0].remedy;
    assert!(remedy.contains("access key is wrong") && remedy.contains("secret_key"), "{remedy}");
    assert_eq!(harness.exposed().get(UP), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_once_in_five_minutes_and_a_new_one_immediately() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "wrong\n").unwrap();
    let harness = setup(password(Source::file(file.path(), SecretRules::PASSWORD))).start();
    let failures = polls(&harness, 14 * MINUTE, MINUTE / 2).await;
    assert_eq!(failures.len(), 28);
    assert_eq!(asked(&harness, Endpoint::Tokens), 3);
    assert!(failures[0].remedy.contains("the password is wrong"), "{}", failures[0].remedy);
    assert!(failures[0].what.contains("IAM.0062"), "{}", failures[0].what);
    std::fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    sleep(MINUTE / 2).await;
    harness.assert_polls_right("the file was changed").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_replaced_in_its_files_takes_effect_immediately() {
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = (folder.path().join("ak"), folder.path().join("sk"));
    std::fs::write(&id, "AK\n").unwrap();
    std::fs::write(&secret, SECRET).unwrap();
    let files = (id.clone(), secret.clone());
    let harness = setup(Arc::new(move |_| Auth::AccessKey {
        access_key: Source::file(&files.0, SecretRules::ACCESS_KEY),
        secret_key: Source::file(&files.1, SecretRules::SECRET_KEY),
        security_token: None,
    }));
    let harness = harness.start();
    harness.assert_polls_right("at first").await;
    harness.simulator().edit_access(|access| access.set_key("AK2", "the-second-secret", None));
    assert!(harness.poll().await.unwrap_err().remedy.contains("access key is wrong"));
    std::fs::write(&id, "AK2").unwrap();
    std::fs::write(&secret, "the-second-secret").unwrap();
    harness.assert_polls_right("the files were changed").await;
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_is_replaced_takes_effect_immediately() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |key: &str, secret: &str| {
        std::fs::write(file.path(), format!("[basic]\nak = {key}\nsk = {secret}\n")).unwrap();
    };
    write("AK", SECRET);
    let path = file.path().to_owned();
    let harness = setup(Arc::new(move |_| Auth::Profile(path.clone()))).start();
    harness.assert_polls_right("at first").await;
    harness.simulator().edit_access(|access| access.set_key("AK2", "the-second-secret", None));
    assert!(harness.poll().await.unwrap_err().remedy.contains("access key is wrong"));
    write("AK2", "the-second-secret");
    harness.assert_polls_right("the profile was changed").await;
    std::fs::write(file.path(), "[basic]\nak = AK2\n").unwrap();
    harness.assert_polls_right("with the last valid key").await;
    harness.simulator().edit_access(|access| access.set_key("AK3", "the-third-secret", None));
    let what = harness.poll().await.unwrap_err().what;
    assert!(what.contains("holds no sk in its section [basic]"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn keys_of_an_agency_are_renewed_before_they_expire() {
    let mut setup = setup(agency());
    setup.options.access.key_lifetime = HOUR;
    setup.options.records = 10;
    let harness = setup.start();
    assert_eq!(polls(&harness, 24 * HOUR, MINUTE / 2).await, []);
    let fetches = asked(&harness, Endpoint::SecurityKey);
    assert!((24..=32).contains(&fetches), "{fetches}");
    // Tokens of the metadata service are valid for six hours.
    assert!(asked(&harness, Endpoint::MetadataToken) <= 5);
    let left = harness.exposed().get(EXPIRY) - harness.clock_seconds();
    assert!((0.0..=3600.0).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn the_metadata_service_is_queried_at_most_once_a_minute_whatever_it_responds() {
    for (fault, what) in [
        ("status=500,endpoint=security_key", "metadata-securitykey answered 500"),
        ("kind=html,endpoint=security_key", "metadata-securitykey answered, but its body"),
        ("kind=hang,endpoint=metadata_token", "metadata-token sent no complete response within 3s"),
        ("status=401,endpoint=security_key", "metadata-securitykey answered 401"),
    ] {
        let harness = setup(agency()).start();
        harness.set_faults(&[fault]);
        let failures = polls(&harness, 10 * MINUTE, Duration::from_secs(10)).await;
        assert!(failures.iter().all(|failure| failure.what.starts_with(what)), "{failures:?}");
        let requests = harness.simulator().requests();
        let most = if fault.starts_with("status=401") { 21 } else { 11 };
        let [keys, tokens] =
            [Endpoint::SecurityKey, Endpoint::MetadataToken].map(|e| requests.of(e));
        assert!(keys <= most && tokens <= most, "{fault}: {keys} {tokens}");
        harness.set_faults(&[]);
        sleep(MINUTE).await;
        harness.assert_polls_right(fault).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_expire_within_seconds_are_requested_at_most_once_a_minute() {
    let mut setup = setup(agency());
    setup.options.access.key_lifetime = Duration::from_secs(5);
    let harness = setup.start();
    let failures = polls(&harness, 10 * MINUTE, Duration::from_secs(10)).await;
    let fetches = asked(&harness, Endpoint::SecurityKey);
    assert!(fetches <= 11, "{fetches}");
    let what = &failures.last().unwrap().what;
    assert!(what.contains("metadata-securitykey") && what.contains("expire within"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_expire_within_a_second_are_requested_at_most_once_in_five_seconds() {
    let mut setup = setup(password(value(PASSWORD)));
    setup.options.access.token_lifetime = Duration::from_secs(1);
    let harness = setup.start();
    polls(&harness, MINUTE, Duration::from_secs(1)).await;
    let tokens = asked(&harness, Endpoint::Tokens);
    assert!(tokens <= 13, "{tokens}");
}

#[tokio::test(start_paused = true)]
async fn a_metadata_service_that_returns_its_token_in_an_error_does_not_reveal_it() {
    let transport = script(|_, request| {
        if request.method() == http::Method::PUT {
            return (200, "the-token-of-the-metadata-service".to_owned());
        }
        let token = request.headers()["x-metadata-token"].to_str().unwrap();
        (500, format!(r#"{{"error_code": "M.1", "error_msg": "no use for {token}"}}"#))
    });
    let harness = setup(agency()).start_at(transport);
    let failure = harness.poll().await.unwrap_err();
    assert!(failure.what.starts_with("metadata-securitykey answered 500"), "{failure:?}");
    assert!(!format!("{failure:?}").contains("the-token"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn the_message_of_a_407_is_not_shown() {
    let transport =
        script(|_, _| (407, r#"{"error_msg": "wrong: Basic dXNlcjpodXNo"}"#.to_owned()));
    let harness = setup(access_key("AK", SECRET, None)).start_at(transport);
    let failure = harness.poll().await.unwrap_err();
    assert_eq!(failure.what, "screen-records answered 407 Proxy Authentication Required");
    assert!(failure.remedy.contains("`api.proxy_url`"), "{}", failure.remedy);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_an_agency_gets_its_own_remedy() {
    let mut setup = setup(agency());
    setup.options.access.agency = false;
    let harness = setup.start();
    let failures = polls(&harness, 10 * MINUTE, MINUTE / 4).await;
    let Failure { remedy, .. } = failures.last().unwrap();
    assert!(remedy.starts_with("this server has no agency"), "{remedy}");
    assert!(asked(&harness, Endpoint::SecurityKey) <= 11);
    assert!(asked(&harness, Endpoint::MetadataToken) <= 1, "the token is not the cause");
    harness.simulator().edit_access(|access| access.set_agency(true));
    sleep(MINUTE).await;
    harness.assert_polls_right("an agency was configured").await;
}

#[tokio::test(start_paused = true)]
async fn each_cause_of_a_refusal_has_its_own_remedy() {
    let refused = async |setup: HarnessOptions, prepare: &dyn Fn(&Harness)| {
        let harness = setup.start();
        prepare(&harness);
        let Failure { what, remedy, .. } = harness.poll().await.unwrap_err();
        format!("{what}: {remedy}")
    };
    let right = || setup(access_key("AK", SECRET, None));
    let no = |_: &Harness| {};
    let text = refused(setup(access_key("NOBODY", SECRET, None)), &no).await;
    assert!(text.contains("the access key is wrong, deleted or disabled"), "{text}");
    let forbid = |harness: &Harness| harness.simulator().edit_access(|a| a.set_permission(false));
    let text = refused(right(), &forbid).await;
    assert!(text.contains("IAM action `workspace:screenRecord:list`"), "{text}");
    let mut other = right();
    other.options.project_id = Some("another".to_owned());
    let text = refused(other, &no).await;
    assert!(text.contains("do not belong to this project"), "{text}");
    let mut other = setup(password(value(PASSWORD)));
    other.options.project_id = Some("another".to_owned());
    let text = refused(other, &no).await;
    assert!(text.contains("do not belong to this project"), "{text}");
    let mut wrong_clock = right();
    wrong_clock.options.clock_ahead = 20 * MINUTE;
    let text = refused(wrong_clock, &no).await;
    assert!(text.contains("behind the API's, so the API does not accept its signatures"), "{text}");
    for (auth, endpoint, key) in [
        (password(value(PASSWORD)), "tokens", "`projects.auth.iam_endpoint`"),
        (agency(), "metadata_token", "`projects.auth.metadata_endpoint`"),
        (agency(), "security_key", "`projects.auth.metadata_endpoint`"),
    ] {
        let fault = format!("status=403,endpoint={endpoint}");
        let text = refused(setup(auth), &|harness| harness.set_faults(&[&fault])).await;
        assert!(text.contains(key) && !text.contains("IAM action"), "{text}");
    }
    let hang = |harness: &Harness| harness.set_faults(&["kind=hang,endpoint=metadata_token"]);
    let text = refused(setup(agency()), &hang).await;
    assert!(!text.contains("request_timeout"), "no config key changes this limit: {text}");
    // Another program locks the key by using it with a wrong secret again and again.
    let harness = right().start();
    harness.assert_polls_right("at first").await;
    for _ in 0..6 {
        let other = harness.many(1, access_key("AK", "wrong", None));
        assert!(other.projects()[0].poll_once().await.failure.is_some());
    }
    let Failure { remedy, .. } = harness.poll().await.unwrap_err();
    assert!(remedy.contains("is locked for five minutes"), "{remedy}");
    // A configured token that has expired.
    let mut short = setup(password(value(PASSWORD)));
    short.options.access.token_lifetime = HOUR;
    let harness = short.start();
    let token = token(&harness).await;
    sleep(2 * HOUR).await;
    let other = harness.many(1, Arc::new(move |_| Auth::Token(value(&token))));
    let remedy = other.projects()[0].poll_once().await.failure.unwrap().remedy;
    assert!(remedy.contains("the token has expired or was revoked"), "{remedy}");
}

#[tokio::test(start_paused = true)]
async fn projects_that_share_a_wrong_key_try_it_only_once() {
    let harness = setup(access_key("AK", "wrong", None)).start();
    let collector = harness.many(200, access_key("AK", "wrong", None));
    for _ in 0..10 {
        let polls = collector.projects().iter().map(Project::poll_once);
        let polls = futures_util::future::join_all(polls).await;
        assert!(polls.iter().all(|status| status.failure.is_some()));
        sleep(MINUTE).await;
    }
    let requests = harness.simulator().requests();
    assert!(requests.total <= 2, "{:?}", requests.counts);
}

#[tokio::test(start_paused = true)]
async fn a_busy_gateway_does_not_prove_that_a_key_is_valid() {
    for busy in ["status=503", "status=429"] {
        let harness = setup(access_key("AK", "wrong", None)).start();
        harness.set_faults(&[&format!("{busy},times=1,endpoint=records")]);
        let collector = harness.many(200, access_key("AK", "wrong", None));
        let polls = collector.projects().iter().map(Project::poll_once);
        let polls = futures_util::future::join_all(polls).await;
        assert!(polls.iter().all(|status| status.failure.is_some()));
        assert_eq!(harness.asked(), 2, "{busy}, then one refusal for all");
    }
}

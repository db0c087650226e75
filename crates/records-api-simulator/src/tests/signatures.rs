//! Signed requests: accepted, refused, and locked.

use super::*;
use crate::{access::authorization, wire::request};

const KEY: (&str, &str) = ("HPUAEXAMPLE", "secret of the tests");
const EXPIRED: &str = "calc ak sk signature fail:signature expired";
const PROJECT_LIST: &str = "/v2/p/screen-records?offset=0&limit=1&username=a%20b";

/// A request before it is signed.
struct Draft {
    uri: String,
    headers: HeaderMap,
    key: (String, String),
}

impl Draft {
    /// A correct request at a given time.
    fn at(millis: i64) -> Self {
        let mut headers = HeaderMap::new();
        let date = chrono::DateTime::from_timestamp_millis(millis).unwrap();
        let date = date.format("%Y%m%dT%H%M%SZ").to_string();
        headers.insert("x-sdk-date", date.parse().unwrap());
        headers.insert("host", "127.0.0.1:1".parse().unwrap());
        let key = (KEY.0.to_owned(), KEY.1.to_owned());
        Self { uri: PROJECT_LIST.to_owned(), headers, key }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    fn key(mut self, access_key: &str, secret_key: &str) -> Self {
        self.key = (access_key.to_owned(), secret_key.to_owned());
        self
    }

    fn signed(self) -> Request<Body> {
        let names: Vec<_> = self.headers.keys().map(|name| name.as_str().to_owned()).collect();
        let mut names: Vec<_> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        self.signed_with(&names)
    }

    fn signed_with(self, names: &[&str]) -> Request<Body> {
        let uri = self.uri.parse().unwrap();
        let unsigned = request::Request {
            endpoint: Endpoint::Records,
            project: "p",
            method: &http::Method::GET,
            uri: &uri,
            headers: &self.headers,
            body: b"",
        };
        let text = authorization((&self.key.0, &self.key.1), names, &unsigned);
        let mut request = Request::get(uri).header("Authorization", text);
        request.headers_mut().unwrap().extend(self.headers);
        request.body(Body::empty()).unwrap()
    }
}

/// A request signed with keys of the metadata service.
pub(super) fn signed_with_keys(millis: i64, credential: &Value) -> Request<Body> {
    let text = |name: &str| credential[name].as_str().unwrap();
    Draft::at(millis)
        .key(text("access"), text("secret"))
        .header("x-security-token", text("securitytoken"))
        .signed()
}

fn keyed(change: impl FnOnce(&mut Options)) -> Simulator {
    simulator(|options| {
        options.records = 10;
        options.access.access_key = Some(KEY.0.to_owned());
        options.access.secret_key = Some(KEY.1.to_owned());
        change(options);
    })
}

async fn auth_error(simulator: &Simulator, request: Request<Body>) -> String {
    let (status, _, body) = ask(simulator, request).await;
    assert_eq!((status, &body["error_code"]), (401, &"APIGW.0301".into()), "{body}");
    let message = body["error_msg"].as_str().unwrap();
    message.strip_prefix("Incorrect IAM authentication information: ").unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_correct_signature_is_accepted_and_a_wrong_one_is_not() {
    let simulator = keyed(|_| ());
    let (status, _, page) = ask(&simulator, Draft::at(NOW).signed()).await;
    assert_eq!((status, &page["screen_records"]), (200, &serde_json::json!([])));
    // Any header may be left unsigned, except the date.
    let bare = Draft::at(NOW).header("accept", "*/*").signed_with(&["x-sdk-date"]);
    assert_eq!(ask(&simulator, bare).await.0, 200);
    let undated = Draft::at(NOW).signed_with(&["host"]);
    assert!(auth_error(&simulator, undated).await.starts_with("verify aksk signature fail"));

    let changed = Draft::at(NOW).header("x-note", "a/b").key(KEY.0, "another secret").signed();
    assert_eq!(
        auth_error(&simulator, changed).await,
        "verify aksk signature fail, canonicalRequest:GET|/v2/p/screen-records/|\
         limit=1&offset=0&username=a%20b|host:127.0.0.1:1|x-note:a/b|\
         x-sdk-date:20240911T140000Z||host;x-note;x-sdk-date|\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let unknown = Draft::at(NOW).key("NOBODY", KEY.1).signed();
    assert_eq!(
        auth_error(&simulator, unknown).await,
        "Get secretKey failed,ak:NOBODY,err:ak not exist"
    );
    let unsigned = Request::get(PROJECT_LIST).body(Body::empty()).unwrap();
    assert_eq!(auth_error(&simulator, unsigned).await, "verify token failed");
    let odd = Request::get(PROJECT_LIST).header("Authorization", "SDK-HMAC-SHA256 what?");
    let odd = odd.body(Body::empty()).unwrap();
    assert_eq!(auth_error(&simulator, odd).await, "the Authorization header cannot be read");

    let requests = simulator.requests();
    let with = |who: &str| requests.with(Endpoint::Records, &Credential::AccessKey(who.to_owned()));
    assert_eq!((with(KEY.0), with("NOBODY")), (4, 1));
    assert_eq!(requests.with(Endpoint::Records, &Credential::None), 2);
    let outcomes: Vec<_> = requests.asked.iter().map(|request| request.outcome.as_str()).collect();
    assert_eq!(outcomes, ["200", "200", "401", "401", "401", "401", "401"]);
    assert!(requests.asked.iter().all(|request| request.at == NOW));
}

#[tokio::test(start_paused = true)]
async fn the_body_is_signed() {
    let simulator = keyed(|_| ());
    let (mut parts, _) = Draft::at(NOW).signed().into_parts();
    parts.headers.insert("content-type", "application/json".parse().unwrap());
    let with_body = Request::from_parts(parts, Body::from("{}"));
    assert!(auth_error(&simulator, with_body).await.starts_with("verify aksk signature fail"));
}

#[tokio::test(start_paused = true)]
async fn a_signature_is_valid_within_fifteen_minutes_of_the_clock() {
    let simulator = keyed(|_| ());
    for seconds in [-900, 900] {
        assert_eq!(ask(&simulator, Draft::at(NOW + seconds * 1000).signed()).await.0, 200);
    }
    for seconds in [-901, 901] {
        let request = Draft::at(NOW + seconds * 1000).signed();
        assert_eq!(auth_error(&simulator, request).await, EXPIRED);
    }
    let odd = Draft::at(NOW).header("x-sdk-date", "now").signed();
    assert_eq!(auth_error(&simulator, odd).await, EXPIRED);
}

#[tokio::test(start_paused = true)]
async fn the_sixth_failure_in_a_row_locks_the_key_for_five_minutes() {
    let simulator = keyed(|_| ());
    let wrong = || Draft::at(NOW).key(KEY.0, "wrong").signed();
    let locked = "AK access failed to reach the limit,forbidden.";
    for _ in 0..5 {
        assert!(auth_error(&simulator, wrong()).await.starts_with("verify"));
    }
    assert_eq!(ask(&simulator, Draft::at(NOW).signed()).await.0, 200, "not yet, and it resets");
    for _ in 0..6 {
        pass(1).await;
        assert!(auth_error(&simulator, wrong()).await.starts_with("verify"));
    }
    assert_eq!(auth_error(&simulator, Draft::at(NOW).signed()).await, locked);
    pass(299).await;
    assert_eq!(auth_error(&simulator, wrong()).await, locked);
    let lock = Lock { who: KEY.0.to_owned(), from: NOW + 6000, until: NOW + 306_000 };
    assert_eq!(simulator.edit_access(|access| access.locks()), simulator.requests().locks);
    assert_eq!(simulator.requests().locks, [lock]);
    pass(1).await;
    assert_eq!(ask(&simulator, Draft::at(NOW + 306_000).signed()).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_temporary_key_needs_its_token_and_a_permanent_one_has_none() {
    let simulator = keyed(|options| options.access.security_token = Some("token/of+it=".into()));
    let with_token = || Draft::at(NOW).header("x-security-token", "token/of+it=");
    assert_eq!(ask(&simulator, with_token().signed()).await.0, 200);
    for wrong in [
        Draft::at(NOW).signed(),
        Draft::at(NOW).header("x-security-token", "other").signed(),
        with_token().signed_with(&["host", "x-sdk-date"]),
    ] {
        assert_eq!(auth_error(&simulator, wrong).await, "decrypt token fail");
    }
    simulator.edit_access(|access| access.set_key(KEY.0, KEY.1, None));
    assert_eq!(auth_error(&simulator, with_token().signed()).await, "decrypt token fail");
    assert_eq!(ask(&simulator, Draft::at(NOW).signed()).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn the_project_header_must_match_the_path() {
    let simulator = keyed(|_| ());
    let with_project = |project| Draft::at(NOW).header("x-project-id", project).signed();
    assert_eq!(ask(&simulator, with_project("p")).await.0, 200);
    assert_eq!(outcome(&simulator, with_project("q")).await, (403, "WKS.0403".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn keys_and_permission_can_change_at_run_time() {
    let simulator = keyed(|_| ());
    simulator.edit_access(|access| access.set_key("NEW", "new secret", None));
    assert!(auth_error(&simulator, Draft::at(NOW).signed()).await.ends_with("err:ak not exist"));
    let new = || Draft::at(NOW).key("NEW", "new secret").signed();
    assert_eq!(ask(&simulator, new()).await.0, 200);
    simulator.edit_access(|access| access.set_permission(false));
    assert_eq!(outcome(&simulator, new()).await, (403, "APIGW.0302".to_owned()));
    let mut pools = Draft::at(NOW).key("NEW", "new secret");
    pools.uri = "/v2/p/desktop-pools".to_owned();
    assert_eq!(ask(&simulator, pools.signed()).await.0, 200);
    simulator.edit_access(|access| access.set_permission(true));
    assert_eq!(ask(&simulator, new()).await.0, 200);
}

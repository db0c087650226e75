//! The metadata service: temporary keys.

use super::{signatures::signed_with_keys, *};

fn with_agency(change: impl FnOnce(&mut Options)) -> Simulator {
    simulator(|options| {
        options.records = 10;
        options.access.agency = true;
        change(options);
    })
}

fn token_request(seconds: &str) -> Request<Body> {
    let request = Request::put("/meta-data/latest/api/token");
    request.header("X-Metadata-Token-Ttl-Seconds", seconds).body(Body::empty()).unwrap()
}

async fn token(simulator: &Simulator, seconds: &str) -> String {
    let (status, headers, body) = ask(simulator, token_request(seconds)).await;
    assert_eq!((status, headers["content-type"].as_bytes()), (200, &b"text/plain"[..]));
    body.as_str().unwrap().to_owned()
}

fn keys_request(token: Option<&str>) -> Request<Body> {
    let mut request = Request::get("/openstack/latest/securitykey");
    if let Some(token) = token {
        request = request.header("X-Metadata-Token", token);
    }
    request.body(Body::empty()).unwrap()
}

async fn keys(simulator: &Simulator, token: Option<&str>) -> Value {
    let (status, _, mut body) = ask(simulator, keys_request(token)).await;
    assert_eq!(status, 200, "{body}");
    body["credential"].take()
}

#[tokio::test(start_paused = true)]
async fn keys_are_renewed_ten_minutes_early_and_both_work_until_the_old_ones_expire() {
    let simulator = with_agency(|_| ());
    let token = token(&simulator, "21600").await;
    let works = async |keys: &Value, after: i64| {
        let request = signed_with_keys(NOW + after * 1000, keys);
        let (status, _, body) = ask(&simulator, request).await;
        (status, body["error_msg"].as_str().unwrap_or_default().contains("has expired"))
    };
    let old = keys(&simulator, Some(&token)).await;
    assert_eq!(old["expires_at"], "2024-09-11T15:00:00.000000Z");
    assert_eq!(works(&old, 0).await, (200, false));
    pass(2999).await;
    assert_eq!(keys(&simulator, Some(&token)).await, old);
    pass(1).await;
    let new = keys(&simulator, Some(&token)).await;
    assert_eq!(new["expires_at"], "2024-09-11T15:50:00.000000Z");
    assert!(["access", "secret", "securitytoken"].iter().all(|part| old[part] != new[part]));
    pass(599).await;
    assert_eq!(works(&old, 3599).await, (200, false));
    assert_eq!(works(&new, 3599).await, (200, false));
    pass(1).await;
    assert_eq!(works(&old, 3600).await, (401, true));
    assert_eq!(works(&new, 3600).await, (200, false));
    let requests = simulator.requests();
    assert_eq!(requests.with(Endpoint::SecurityKey, &Credential::MetadataToken(1)), 3);
    assert_eq!(requests.with(Endpoint::MetadataToken, &Credential::None), 1);
    let old_key = Credential::AccessKey(old["access"].as_str().unwrap().to_owned());
    assert_eq!(requests.with(Endpoint::Records, &old_key), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_need_a_valid_token() {
    let simulator = with_agency(|_| ());
    for wrong in ["0", "21601", "soon", ""] {
        assert_eq!(ask(&simulator, token_request(wrong)).await.0, 400, "{wrong}");
    }
    let token = token(&simulator, "60").await;
    for wrong in [None, Some("wrong")] {
        assert_eq!(ask(&simulator, keys_request(wrong)).await.0, 401);
    }
    pass(59).await;
    keys(&simulator, Some(&token)).await;
    pass(1).await;
    let (status, _, body) = ask(&simulator, keys_request(Some(&token))).await;
    assert_eq!((status, body), (401, "Unauthorized".into()));
}

#[tokio::test(start_paused = true)]
async fn the_first_version_has_no_tokens() {
    let simulator = with_agency(|options| options.access.imds = ImdsVersion::V1);
    assert_eq!(ask(&simulator, token_request("21600")).await.0, 405);
    let keys = keys(&simulator, None).await;
    assert_eq!(ask(&simulator, signed_with_keys(NOW, &keys)).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn without_an_agency_there_are_no_keys() {
    let simulator = with_agency(|options| options.access.agency = false);
    let token = token(&simulator, "21600").await;
    let none = (401, "Please configure Cloud Service Agency first".to_owned());
    assert_eq!(outcome(&simulator, keys_request(Some(&token))).await, none);
    simulator.edit_access(|access| access.set_agency(true));
    let given = keys(&simulator, Some(&token)).await;
    simulator.edit_access(|access| access.set_agency(false));
    assert_eq!(outcome(&simulator, keys_request(Some(&token))).await, none);
    assert_eq!(ask(&simulator, signed_with_keys(NOW, &given)).await.0, 200, "still valid");
}

#[tokio::test(start_paused = true)]
async fn faults_hit_the_metadata_service() {
    let simulator = with_agency(|_| ());
    let token = token(&simulator, "21600").await;
    let set = |text: &str| simulator.set_faults(vec![text.parse().unwrap()]);
    set("status=503,endpoint=metadata_token");
    assert_eq!(ask(&simulator, token_request("60")).await.0, 503);
    keys(&simulator, Some(&token)).await;
    set("kind=html,endpoint=security_key");
    let (status, _, body) = ask(&simulator, keys_request(Some(&token))).await;
    assert!(status == 200 && body.as_str().unwrap().contains("sign in"));
    set("kind=hang,endpoint=security_key");
    let patience = Duration::from_secs(3600);
    let waiting = tokio::time::timeout(patience, ask(&simulator, keys_request(Some(&token))));
    assert!(waiting.await.is_err());
    let counts = simulator.requests().counts;
    assert_eq!((counts["metadata_token"]["503"], counts["security_key"]["hang"]), (1, 1));
}

//! IAM: tokens for a password.

use super::*;

fn with_user(change: impl FnOnce(&mut Options)) -> Simulator {
    simulator(|options| {
        options.records = 10;
        options.access.iam_domain = Some("account".to_owned());
        options.access.iam_user = Some("exporter".to_owned());
        options.access.iam_password = Some("pass word".to_owned());
        change(options);
    })
}

fn sign_in_to(query: &str, user: [&str; 3], scope: &Value) -> Request<Body> {
    let [domain, name, password] = user;
    let body = serde_json::json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user":
            {"domain": {"name": domain}, "name": name, "password": password}}},
        "scope": scope,
    }});
    let request = Request::post(format!("/v3/auth/tokens{query}"));
    let request = request.header("Content-Type", "application/json;charset=utf8");
    request.body(Body::from(body.to_string())).unwrap()
}

fn sign_in(password: &str) -> Request<Body> {
    let scope = serde_json::json!({"project": {"id": "p"}});
    sign_in_to("?nocatalog=true", ["account", "exporter", password], &scope)
}

/// Signs in and returns the token.
async fn token(simulator: &Simulator, request: Request<Body>) -> String {
    let (status, headers, body) = ask(simulator, request).await;
    assert_eq!(status, 201, "{body}");
    headers["x-subject-token"].to_str().unwrap().to_owned()
}

fn list(token: &str) -> Request<Body> {
    Request::get("/v2/p/screen-records").header("X-Auth-Token", token).body(Body::empty()).unwrap()
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_password_gives_a_token_that_is_valid_until_it_expires() {
    let simulator = with_user(|_| ());
    let (status, headers, body) = ask(&simulator, sign_in("pass word")).await;
    assert_eq!(status, 201);
    let token = headers["x-subject-token"].to_str().unwrap();
    assert_eq!(token.len(), 4096);
    let issued = &body["token"];
    assert_eq!(issued["issued_at"], "2024-09-11T14:00:00.000000Z");
    assert_eq!(issued["expires_at"], "2024-09-12T14:00:00.000000Z");
    assert_eq!(issued["methods"], serde_json::json!(["password"]));
    assert_eq!(issued["catalog"], serde_json::json!([]));
    assert_eq!(
        (&issued["project"]["id"], &issued["user"]["name"]),
        (&"p".into(), &"exporter".into())
    );

    assert_eq!(ask(&simulator, list(token)).await.0, 200);
    pass(86_399).await;
    assert_eq!(ask(&simulator, list(token)).await.0, 200);
    pass(1).await;
    let (status, _, body) = ask(&simulator, list(token)).await;
    assert_eq!((status, &body["error_code"]), (401, &"APIGW.0307".into()));
    assert_eq!(body["error_msg"], "The token must be updated.");
    assert_eq!(outcome(&simulator, list("MIIPwhat")).await, is(401, "APIGW.0301"));
    let requests = simulator.requests();
    assert_eq!(requests.with(Endpoint::Records, &Credential::Token(1)), 3);
    assert_eq!(requests.with(Endpoint::Records, &Credential::UnknownToken), 1);
    assert_eq!(requests.with(Endpoint::Tokens, &Credential::User("exporter".to_owned())), 1);
    let logged = serde_json::to_string(&requests).unwrap();
    assert!(!logged.contains("pass word") && !logged.contains(&token[..20]));
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_get_no_token() {
    let simulator = with_user(|_| ());
    let scope = serde_json::json!({"project": {"id": "p"}});
    for user in [
        ["account", "exporter", "wrong"],
        ["account", "other", "pass word"],
        ["other", "exporter", "pass word"],
    ] {
        let (status, headers, body) = ask(&simulator, sign_in_to("", user, &scope)).await;
        assert_eq!((status, &body["error"]["error_code"]), (401, &"IAM.0062".into()));
        assert!(!headers.contains_key("x-subject-token"));
    }
    for body in ["", "{}", "[]", r#"{"auth":{"identity":{"methods":["token"]}}}"#] {
        let request = Request::post("/v3/auth/tokens").body(Body::from(body)).unwrap();
        let (status, _, body) = ask(&simulator, request).await;
        assert_eq!((status, &body["error"]["code"]), (400, &400.into()));
    }
    let nobody = simulator_without_user();
    assert_eq!(outcome(&nobody, sign_in("pass word")).await, is(401, "IAM.0062"));
}

fn simulator_without_user() -> Simulator {
    simulator(|options| options.records = 0)
}

#[tokio::test(start_paused = true)]
async fn too_many_wrong_passwords_lock_the_user_for_a_while() {
    let simulator = with_user(|_| ());
    for _ in 0..6 {
        assert_eq!(outcome(&simulator, sign_in("wrong")).await, is(401, "IAM.0062"));
    }
    assert_eq!(outcome(&simulator, sign_in("pass word")).await, is(401, "IAM.0061"));
    pass(899).await;
    assert_eq!(outcome(&simulator, sign_in("pass word")).await, is(401, "IAM.0061"));
    let who = "exporter".to_owned();
    let lock = Lock { who, from: NOW, until: NOW + 900_000 };
    assert_eq!(simulator.requests().locks, [lock]);
    pass(1).await;
    assert_eq!(ask(&simulator, sign_in("pass word")).await.0, 201);
}

#[tokio::test(start_paused = true)]
async fn the_password_and_tokens_can_change_at_run_time() {
    let simulator = with_user(|options| options.access.token_lifetime = Duration::from_secs(60));
    let first = token(&simulator, sign_in("pass word")).await;
    simulator.edit_access(|access| access.set_password("new"));
    assert_eq!(ask(&simulator, list(&first)).await.0, 200, "valid until it is revoked");
    assert_eq!(outcome(&simulator, sign_in("pass word")).await, is(401, "IAM.0062"));
    simulator.edit_access(Access::revoke_tokens);
    assert_eq!(outcome(&simulator, list(&first)).await, is(401, "APIGW.0307"));
    let second = token(&simulator, sign_in("new")).await;
    assert_ne!(first, second);
    assert_eq!(ask(&simulator, list(&second)).await.0, 200);
    assert_eq!(simulator.requests().with(Endpoint::Records, &Credential::Token(2)), 1);
    pass(60).await;
    assert_eq!(outcome(&simulator, list(&second)).await, is(401, "APIGW.0307"));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_valid_for_the_requested_project_only() {
    let scoped = async |simulator: &Simulator, scope: Value| {
        let request = sign_in_to("", ["account", "exporter", "pass word"], &scope);
        let (status, headers, _) = ask(simulator, request).await;
        let token = headers.get("x-subject-token")?.to_str().unwrap().to_owned();
        assert_eq!(status, 201);
        Some(outcome(simulator, list(&token)).await.0)
    };
    let json = |text| serde_json::from_str::<Value>(text).unwrap();
    let simulator = with_user(|_| ());
    let by_name = r#"{"project":{"name":"cn-north-4"}}"#;
    assert_eq!(scoped(&simulator, json(by_name)).await, Some(200));
    assert_eq!(scoped(&simulator, json(r#"{"project":{"id":"q"}}"#)).await, Some(403));
    assert_eq!(scoped(&simulator, json(r#"{"domain":{"name":"account"}}"#)).await, Some(403));
    assert_eq!(scoped(&simulator, Value::Null).await, Some(403));
    let both = r#"{"domain":{"name":"account"},"project":{"id":"p"}}"#;
    assert_eq!(scoped(&simulator, json(both)).await, Some(200), "the project takes precedence");

    let simulator = with_user(|options| {
        options.project_id = Some("p".to_owned());
        options.access.project_name = Some("eu-west-101".to_owned());
    });
    assert_eq!(scoped(&simulator, json(by_name)).await, None);
    assert_eq!(scoped(&simulator, json(r#"{"project":{"id":"q"}}"#)).await, None);
    assert_eq!(scoped(&simulator, json(r#"{"project":{"name":"eu-west-101"}}"#)).await, Some(200));
}

#[tokio::test(start_paused = true)]
async fn the_catalog_is_large_and_tokens_can_be() {
    let simulator = with_user(|options| options.access.token_bytes = 64_000);
    let scope = serde_json::json!({"project": {"id": "p"}});
    let user = ["account", "exporter", "pass word"];
    let (_, headers, body) = ask(&simulator, sign_in_to("", user, &scope)).await;
    assert_eq!(headers["x-subject-token"].len(), 64_000);
    assert!(body.to_string().len() > 2 << 20);
    let (_, headers, body) = ask(&simulator, sign_in("pass word")).await;
    assert!(body.to_string().len() < 1000);
    let token = headers["x-subject-token"].to_str().unwrap();
    assert_eq!(ask(&simulator, list(token)).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn faults_can_hit_only_the_token_endpoint() {
    let simulator = with_user(|options| options.token = Some("static".to_owned()));
    let set = |text: &str| simulator.set_faults(vec![text.parse().unwrap()]);
    for (fault, status) in [
        ("status=503,endpoint=tokens", 503),
        ("kind=echo,endpoint=tokens", 401),
        ("kind=redirect,endpoint=tokens", 302),
        ("kind=html,endpoint=tokens", 200),
        ("kind=empty-body,endpoint=tokens", 201),
        ("status=401,shape=text,message=no,endpoint=tokens", 401),
    ] {
        set(fault);
        let (got, headers, body) = ask(&simulator, sign_in("pass word")).await;
        assert_eq!(got, status, "{fault}: {body}");
        assert_eq!(headers.contains_key("x-subject-token"), status == 201, "{fault}");
        assert_eq!(ask(&simulator, list("static")).await.0, 200, "{fault}");
    }
    set("kind=hang,endpoint=tokens");
    let patience = Duration::from_secs(3600);
    let waiting = tokio::time::timeout(patience, ask(&simulator, sign_in("pass word")));
    assert!(waiting.await.is_err());
    let requests = simulator.requests();
    assert_eq!(requests.counts["tokens"]["hang"], 1);
    assert_eq!(requests.of(Endpoint::Tokens), 7);
    assert_eq!(requests.with(Endpoint::Records, &Credential::StaticToken), 6);
}

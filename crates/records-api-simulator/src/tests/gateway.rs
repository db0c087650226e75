//! The gateway, the transport of answers, and what faults do to them.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_gateway_checks_rate_limit_token_and_project() {
    let simulator = simulator(|options| {
        options.token = Some("secret".to_owned());
        options.project_id = Some("p".to_owned());
        options.rate_limit = Some(3);
        options.forbid_pools = true;
    });
    let with_token = |uri: &str| {
        let request = Request::get(uri).header("X-Auth-Token", "secret");
        let router = simulator.router();
        let request = request.body(Body::empty()).unwrap();
        async move { router.oneshot(request).await.unwrap().status().as_u16() }
    };
    let (status, body) = json(&simulator, LIST).await;
    assert_eq!((status.as_u16(), &body["error_code"]), (401, &"APIGW.0301".into()));
    assert_eq!(with_token("/v2/q/screen-records").await, 404);
    assert_eq!(with_token("/v2/p/desktop-pools").await, 403);
    let (status, body) = json(&simulator, LIST).await;
    assert_eq!((status.as_u16(), &body["error_code"]), (429, &"APIGW.0308".into()));
    assert!(body["error_msg"].as_str().unwrap().ends_with("limit:3,time:1 second"));
    pass(1).await;
    assert_eq!(with_token(LIST).await, 200);
    let requests = simulator.requests();
    assert_eq!(requests.of(Endpoint::Records), 4);
    assert_eq!(requests.counts["records"]["401"], 1);
    assert_eq!((requests.total, requests.recent.len()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn answers_carry_the_simulated_date_and_a_request_id() {
    let simulator = simulator(|_| ());
    let response = send(&simulator, LIST).await;
    assert_eq!(response.headers()["date"], "Wed, 11 Sep 2024 14:00:00 GMT");
    assert_eq!(response.headers()["x-request-id"].len(), 32);
    assert_eq!(send(&simulator, "/nowhere").await.status(), 404);
    let post = Request::post(LIST).body(Body::empty()).unwrap();
    assert_eq!(simulator.router().oneshot(post).await.unwrap().status(), 405);
}

#[tokio::test(start_paused = true)]
async fn answers_take_the_configured_latency() {
    let simulator = simulator(|options| {
        options.latency = Duration::from_millis(200);
        options.latency_jitter = Duration::from_millis(50);
    });
    let before = tokio::time::Instant::now();
    send(&simulator, LIST).await;
    let took = before.elapsed().as_millis();
    assert!((200..=252).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn every_fault_changes_the_answer() {
    let simulator = simulator(|_| ());
    let set = |text: &str| simulator.set_faults(vec![text.parse().unwrap()]);
    for (fault, status, code) in [
        ("status=400", 400, "WKS.0001"),
        ("status=403", 403, "APIGW.0302"),
        ("status=429,retry-after=2", 429, "APIGW.0308"),
        ("status=500", 500, "APIGW.0601"),
        ("status=502", 502, "APIGW.0610"),
        ("status=503", 503, "APIGW.0613"),
        ("kind=error-body", 200, "WKS.00010109"),
        ("kind=echo", 401, "APIGW.0301"),
    ] {
        set(fault);
        let (got, body) = json(&simulator, LIST).await;
        assert_eq!((got.as_u16(), &body["error_code"]), (status, &code.into()), "{fault}");
    }
    set("status=429,retry-after=2");
    assert_eq!(send(&simulator, LIST).await.headers()["retry-after"], "2");
    for (fault, body) in [("kind=empty-object", "{}"), ("kind=empty-body", "")] {
        set(fault);
        let got = send(&simulator, LIST).await.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(got, body, "{fault}");
    }
    set("kind=truncated");
    assert_eq!(json(&simulator, LIST).await, (StatusCode::OK, Value::Null));
    set("kind=reset");
    assert!(send(&simulator, LIST).await.into_body().collect().await.is_err());
    set("kind=redirect");
    assert_eq!(send(&simulator, LIST).await.status(), 302);
    set("kind=html");
    assert_eq!(send(&simulator, LIST).await.headers()["content-type"], "text/html");
    set("kind=hang");
    let patience = Duration::from_secs(3600);
    assert!(tokio::time::timeout(patience, send(&simulator, LIST)).await.is_err());
    set("kind=drip");
    let before = tokio::time::Instant::now();
    let (_, page) = json(&simulator, LIST).await;
    assert_eq!(page["screen_records"].as_array().unwrap().len(), 100);
    assert!(before.elapsed() > Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn rows_are_damaged_duplicated_and_omitted() {
    let simulator = simulator(|_| ());
    let set = |text: &str| simulator.set_faults(vec![text.parse().unwrap()]);
    let uri = format!("{LIST}?limit=1000");
    set("kind=rows,as=no-id,share=0.1");
    let (_, page) = json(&simulator, &uri).await;
    let rows = page["screen_records"].as_array().unwrap();
    let without = rows.iter().filter(|row| row.get("id").is_none()).count();
    assert!(rows.len() == 1000 && (60..140).contains(&without), "{without}");
    set("kind=duplicates,share=0.1");
    let (_, page) = json(&simulator, &uri).await;
    let all = ids(page["screen_records"].as_array().unwrap());
    let mut distinct = all.clone();
    distinct.dedup();
    assert!(distinct.len() == 1000 && (1060..1140).contains(&all.len()));
    set("kind=omitted,share=0.1");
    let (_, page) = json(&simulator, &uri).await;
    assert!(page["screen_records"].as_array().unwrap().len() < 950);
    for (defect, field) in [("no-start", "start_time"), ("wrong-types", "size")] {
        set(&format!("kind=rows,as={defect}"));
        let (_, page) = json(&simulator, &uri).await;
        assert!(!page["screen_records"][0][field].is_number(), "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_shows_the_world_as_it_was_when_the_fault_was_set() {
    let simulator = simulator(|options| options.records = 0);
    simulator.edit(|world| world.insert(Record::new(7, NOW)));
    simulator.set_faults(vec!["kind=stale,times=1".parse().unwrap()]);
    simulator.edit(|world| {
        world.set_status(7, Status::RecCompleted);
        world.insert(Record::new(8, NOW))
    });
    let (_, stale) = json(&simulator, LIST).await;
    assert_eq!(stale["total_count"], 1);
    assert_eq!(stale["screen_records"][0]["status"], "RECORDING");
    let (_, fresh) = json(&simulator, LIST).await;
    assert_eq!(fresh["total_count"], 2);
}

#[tokio::test]
async fn the_simulator_serves_a_socket_until_shutdown() {
    let simulator = Simulator::new(
        &Options { records: 5, faults: vec!["kind=hang".parse().unwrap()], ..Options::default() },
        clock(),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(run(listener, simulator.clone(), shutdown.clone()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let help = client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(help.contains("/simulator/truth"));
    let truth = client.get(format!("{url}/simulator/truth?from=2020-01-01T00:00:00Z"));
    let truth: Value =
        serde_json::from_str(&truth.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(truth["records"], 5);
    let faults = client.post(format!("{url}/simulator/faults"));
    let faults = faults.header("content-type", "application/json").body(r#"["kind=reset"]"#);
    assert_eq!(faults.send().await.unwrap().text().await.unwrap(), r#"["kind=reset"]"#);
    let broken = client.get(format!("{url}{LIST}")).send().await;
    assert!(match broken {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    });
    simulator.set_faults(vec!["kind=hang".parse().unwrap()]);
    let hanging = tokio::spawn(client.get(format!("{url}{LIST}")).send());
    while simulator.requests().total < 2 {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    server.await.unwrap().unwrap();
    hanging.abort();
}

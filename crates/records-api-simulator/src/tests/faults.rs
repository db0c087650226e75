//! Faults that change more than the status.

use http::HeaderMap;

use super::*;

fn set(simulator: &Simulator, fault: &str) {
    simulator.set_faults(vec![fault.parse().expect(fault)]);
}

/// Sends a request under a fault and returns status, headers and body.
async fn under(simulator: &Simulator, fault: &str, uri: &str) -> (u16, HeaderMap, Vec<u8>) {
    set(simulator, fault);
    let (parts, body) = send(simulator, uri).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, body.into())
}

#[tokio::test(start_paused = true)]
async fn pages_can_have_no_rows_or_be_lists() {
    let simulator = simulator(|_| ());
    let (status, _, body) = under(&simulator, "kind=list", LIST).await;
    assert_eq!((status, body.as_slice()), (200, b"[]".as_slice()));
    let (status, _, body) = under(&simulator, "kind=no-rows", LIST).await;
    assert_eq!(status, 200);
    assert_eq!(body, br#"{"total_count":2000,"screen_records":[]}"#);
}

#[tokio::test(start_paused = true)]
async fn every_shape_of_an_error_has_its_fields() {
    let simulator = simulator(|_| ());
    for (shape, pointer, expected) in [
        ("plain", "/error_code", "APIGW.0302"),
        ("encoded", "/encoded_authorization_message", "ZW5jb2RlZA=="),
        ("encoded", "/error_code", "APIGW.0302"),
        ("detail", "/error_detail", "The IAM user is not authorized to access the API"),
        ("details", "/details/0/error_code", "APIGW.0302"),
        ("camel", "/errorCode", "APIGW.0302"),
        ("code", "/code", "APIGW.0302"),
        ("nested", "/error/title", "Error"),
        ("nested-code", "/error/error_code", "APIGW.0302"),
    ] {
        let (status, _, body) = under(&simulator, &format!("status=403,shape={shape}"), LIST).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, 403);
        assert_eq!(body.pointer(pointer), Some(&expected.into()), "{shape}: {body}");
    }
    let (_, _, body) = under(&simulator, "status=401,shape=nested", LIST).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["code"], 401, "a number");
    let fault = "status=401,code=APIGW.0307,message=The token must be updated.";
    let (_, _, body) = under(&simulator, fault, LIST).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error_code"], "APIGW.0307");
    assert_eq!(body["error_msg"], "The token must be updated.");
    let (status, _, body) = under(&simulator, "kind=error-body,shape=camel", LIST).await;
    assert_eq!(status, 200);
    assert!(body.starts_with(br#"{"errorCode":"WKS.00010109""#));
}

#[tokio::test(start_paused = true)]
async fn a_429_says_when_to_retry_in_every_way_or_not_at_all() {
    let simulator = simulator(|_| ());
    for (keys, header, text) in [
        ("", None, "limit:200,time:1 second"),
        (",window=5-minute", None, "limit:200,time:5 minute"),
        (",retry-after=7", Some("7"), "limit:200,time:1 second"),
        (",window=none,retry-after-date=90", Some("Wed, 11 Sep 2024 14:01:30 GMT"), "reached"),
        (",window=none,retry-after-date=-1", Some("Wed, 11 Sep 2024 13:59:59 GMT"), "reached"),
        (",window=none", None, "The throttling threshold has been reached"),
        (",shape=html", None, ""),
        (",shape=empty", None, ""),
    ] {
        let (status, headers, body) = under(&simulator, &format!("status=429{keys}"), LIST).await;
        assert_eq!(status, 429);
        let got = headers.get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(got, header, "{keys}");
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = body["error_msg"].as_str().unwrap_or_default();
        assert!(message.ends_with(text) && message.is_empty() == text.is_empty(), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_another_encoding_has_the_same_content() {
    let simulator = simulator(|options| options.hostile_names = true);
    let right = under(&simulator, "status=500,times=0", LIST).await.2;
    let right: Value = serde_json::from_slice(&right).unwrap();
    let decode = |name: &str, body: &[u8]| -> String {
        let pairs = || body.chunks(2).map(|pair| [pair[0], pair[1]]);
        let units: Vec<u16> = match name {
            "utf-16le" => pairs().map(u16::from_le_bytes).collect(),
            "utf-16be" => pairs().map(u16::from_be_bytes).collect(),
            "bom" => return String::from_utf8(body[3..].to_vec()).unwrap(),
            _ => body.iter().map(|byte| u16::from(*byte)).collect(),
        };
        String::from_utf16(&units).unwrap()
    };
    for (name, charset) in [
        ("utf-16le", "utf-16le"),
        ("utf-16be", "utf-16be"),
        ("bom", "utf-8"),
        ("latin-1", "iso-8859-1"),
    ] {
        let (status, headers, body) =
            under(&simulator, &format!("kind=encoding,as={name}"), LIST).await;
        assert_eq!(status, 200);
        assert!(headers["content-type"].to_str().unwrap().ends_with(charset));
        assert!(serde_json::from_slice::<Value>(&body).is_err(), "{name} is not UTF-8 JSON");
        assert_eq!(serde_json::from_str::<Value>(&decode(name, &body)).unwrap(), right, "{name}");
        let fault = format!("status=500,encoding={name}");
        let (status, _, body) = under(&simulator, &fault, LIST).await;
        assert_eq!(status, 500);
        let text = decode(name, &body);
        assert!(text.contains("Internal server error. (Réessayez plus tard.)"), "{text}");
        assert_ne!(body, text.as_bytes(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_are_repeated_in_every_encoding() {
    let simulator = simulator(|_| ());
    for (keys, status, expected) in [
        ("", 401, "|x-auth-token:a/b+c"),
        (",as=json-escaped", 401, r"|x-auth-token:a\/b+c"),
        (",as=base64", 401, "|x-auth-token:YS9iK2M="),
        (",as=base64-all,status=500", 500, "canonicalRequest: R0VUfHgtYXV0aC10b2tlbjphL2IrYw=="),
        (",as=url,status=403", 403, "|x-auth-token:a%2Fb%2Bc"),
    ] {
        set(&simulator, &format!("kind=echo{keys}"));
        let request = Request::get(LIST).header("X-Auth-Token", "a/b+c");
        let request = request.body(Body::empty()).unwrap();
        let response = simulator.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains(expected), "{text}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body["error_code"].as_str().unwrap().starts_with("APIGW."));
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_have_the_configured_location() {
    let simulator = simulator(|_| ());
    for (keys, status, location) in [
        ("", 302, "http://127.0.0.1:1/elsewhere"),
        (",to=same,status=307", 307, "/elsewhere"),
        (",to=other,location=http://127.0.0.1:8/x?a=b", 302, "http://127.0.0.1:8/x?a=b"),
        (",status=308", 308, "http://127.0.0.1:1/elsewhere"),
    ] {
        let (got, headers, body) = under(&simulator, &format!("kind=redirect{keys}"), LIST).await;
        assert_eq!((got, body.len()), (status, 0));
        assert_eq!(headers["location"], location);
    }
}

#[tokio::test(start_paused = true)]
async fn nested_arrays_have_the_configured_depth_and_position() {
    let simulator = simulator(|_| ());
    let page = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let one = format!("{LIST}?limit=1");
    for (keys, uri, pointer) in [
        ("", &one, "/screen_records/0/nested"),
        (",at=page", &one, "/nested"),
        (",at=top", &one, ""),
        ("", &format!("{LIST}?offset=9999"), "/nested"),
        ("", &"/v2/p/desktop-pools".to_owned(), "/desktop_pools/0/nested"),
        ("", &"/nowhere".to_owned(), "/nested"),
    ] {
        let (status, _, body) = under(&simulator, &format!("kind=deep,levels=5{keys}"), uri).await;
        assert_eq!(status, 200);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let deep = body.pointer(pointer).unwrap_or_else(|| panic!("{uri}{keys}: {body}"));
        assert_eq!(deep.to_string(), page(5));
    }
    let (_, _, body) = under(&simulator, "kind=deep", &one).await;
    assert!(String::from_utf8(body).unwrap().contains(&page(10_000)));
}

#[tokio::test(start_paused = true)]
async fn unrequested_rows_are_real_records_in_page_order() {
    let simulator = simulator(|_| ());
    let from = NOW - 86_400_000;
    let sorted = "sort_field=start_time&sort_type=asc&limit=20";
    let early = format!("{LIST}?{sorted}&start_time={}", space(from));
    let rows = |body: Vec<u8>| -> Vec<Record> {
        let page: Value = serde_json::from_slice(&body).unwrap();
        let id = |row: &Value| u128::from_str_radix(row["id"].as_str().unwrap(), 16).unwrap();
        let ids = page["screen_records"].as_array().unwrap().iter().map(id).collect::<Vec<_>>();
        simulator.edit(|world| ids.iter().map(|id| world.record(*id).unwrap().clone()).collect())
    };
    let right = rows(under(&simulator, "kind=stale", &early).await.2);
    let wrong = rows(under(&simulator, "kind=rows,as=outside,count=2", &early).await.2);
    assert_eq!(wrong[2..], right);
    assert!(wrong[..2].iter().all(|record| record.start < from && record.end.unwrap() < from));
    let down = early.replace("asc", "desc");
    let wrong = rows(under(&simulator, "kind=rows,as=outside", &down).await.2);
    assert_eq!(wrong.len(), 21);
    assert!(wrong[20].start < from && wrong.is_sorted_by_key(|record| -record.start));
    let filtered = format!("{LIST}?{sorted}&type=FULL");
    let fault = "kind=rows,as=outside,why=filter,count=3";
    let wrong = rows(under(&simulator, fault, &filtered).await.2);
    assert_eq!(wrong.iter().filter(|record| record.kind != Kind::Full).count(), 3);
    assert!(wrong.len() == 23 && wrong.is_sorted_by_key(|record| record.start));
    let nothing = format!("{LIST}?{sorted}&username=nobody");
    assert_eq!(rows(under(&simulator, fault, &nothing).await.2).len(), 3);
    let unfiltered = format!("{LIST}?{sorted}");
    assert_eq!(rows(under(&simulator, fault, &unfiltered).await.2).len(), 20);
}

#[tokio::test]
async fn huge_bodies_reach_a_real_client() {
    let options = Options { records: 5, ..Options::default() };
    let simulator = Simulator::new(&options, clock());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{LIST}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(run(listener, simulator.clone(), shutdown.clone()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = |gzip| {
        let builder = reqwest::Client::builder().tls_certs_only([]).gzip(gzip);
        builder.build().unwrap()
    };
    let size = 24_u64 << 20;
    for (kind, as_, gzip) in [
        ("huge", "rows", true),
        ("huge", "text", false),
        ("bomb", "rows", true),
        ("bomb", "text", true),
    ] {
        set(&simulator, &format!("kind={kind},bytes={size},as={as_}"));
        let mut response = client(gzip).get(&url).send().await.unwrap();
        assert_eq!(response.headers().get("content-length"), None);
        let mut read = 0;
        while let Some(chunk) = response.chunk().await.unwrap() {
            read += chunk.len() as u64;
        }
        assert_eq!(read, size, "{kind} {as_}");
    }
    let response = client(false).get(&url).send().await.unwrap();
    assert_eq!(
        response.headers()["content-encoding"],
        "gzip",
        "although the client does not accept it"
    );
    assert!(response.bytes().await.unwrap().len() < 100_000);
    // The default size, of which the client reads only a part.
    set(&simulator, "kind=bomb,status=500");
    let mut response = client(true).get(&url).send().await.unwrap();
    assert_eq!(response.status(), 500);
    let mut read = 0;
    while read < 40 << 20 {
        read += response.chunk().await.unwrap().unwrap().len();
    }
    drop(response);
    shutdown.cancel();
    server.await.unwrap().unwrap();
}

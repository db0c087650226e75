//! Requests as a client may write them: the header `Host`, and the forms of a request target.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Api, Exporter, PATIENCE, config};

/// Sends a request as it is written, and returns status and body.
fn send(exporter: &Exporter, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(exporter.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(exporter: &Exporter, path: &str, version: &str, headers: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/{version}\r\n{headers}Connection: close\r\n\r\n");
    send(exporter, &request)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_exactly_one_valid_host_is_refused_on_every_path() {
    let api = Api::start(&["--records", "1"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    let paths = ["/", "/metrics", "/probe?target=p", "/failures", "/sd", "/-/healthy", "/-/ready"];
    for path in paths {
        assert_eq!(get(&exporter, path, "1.1", "Host: x\r\n").0, 200, "{path}");
        for (headers, says) in [
            ("", "no Host header"),
            ("Host: x\r\nHost: x\r\n", "more than one Host header"),
            ("Host: x y\r\n", "invalid Host header"),
            ("Host: user@x\r\n", "invalid Host header"),
            ("Host: x/y\r\n", "invalid Host header"),
            ("Host: x:+80\r\n", "invalid Host header"),
            ("Host: ::1\r\n", "invalid Host header"),
            ("Host: [x]\r\n", "invalid Host header"),
        ] {
            let (status, body) = get(&exporter, path, "1.1", headers);
            assert_eq!(status, 400, "{path} {headers:?}");
            assert!(body.contains(says), "{path} {headers:?}: {body}");
        }
    }
    assert_eq!(get(&exporter, "/nowhere", "1.1", "").0, 400);
    assert_eq!(send(&exporter, "POST /-/reload HTTP/1.1\r\nConnection: close\r\n\r\n").0, 400);
    assert_eq!(get(&exporter, "/metrics", "1.0", "").0, 200, "HTTP/1.0 has no Host");
    assert_eq!(get(&exporter, "/metrics", "1.0", "Host: a\r\nHost: b\r\n").0, 400);
    let counted = get(&exporter, "/metrics", "1.1", "Host: x\r\n").1;
    let refused = "screen_records_exporter_http_requests_total{path=\"/sd\",code=\"400\"} 8\n";
    assert!(counted.contains(refused), "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_an_absolute_request_target_replaces_the_header() {
    let api = Api::start(&["--records", "1"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    let header = "Host: ignored:1\r\n";
    assert_eq!(get(&exporter, "http://x/metrics", "1.1", header).0, 200);
    assert_eq!(get(&exporter, "http://x/metrics", "1.1", "").0, 400);
    assert_eq!(get(&exporter, "http://user@x/metrics", "1.1", header).0, 400);
    assert_eq!(get(&exporter, "http://x:1/nowhere", "1.1", header).0, 404);
    let (status, body) = get(&exporter, "http://exporter.example.org:8080/sd", "1.1", header);
    let groups: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &groups[0]["targets"]), (200, &json!(["exporter.example.org:8080"])));
    assert_eq!(
        send(&exporter, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").0,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_discovery_answers_only_addresses_that_prometheus_can_scrape() {
    let api = Api::start(&["--records", "1"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    for (host, address) in [
        ("x", "x:80"),
        ("x:1", "x:1"),
        ("x:65535", "x:65535"),
        ("x:080", "x:80"),
        ("Exporter-1.example.org.:10047", "Exporter-1.example.org.:10047"),
        ("pod_1", "pod_1:80"),
        ("192.0.2.1", "192.0.2.1:80"),
        ("[2001:db8::1]", "[2001:db8::1]:80"),
        ("[::1]:10047", "[::1]:10047"),
    ] {
        let (status, body) = get(&exporter, "/sd", "1.1", &format!("Host: {host}\r\n"));
        assert_eq!(status, 200, "{host}: {body}");
        let groups: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(groups[0]["targets"], json!([address]), "{host}");
    }
    for host in [
        "",
        ":80",
        "x:",
        "x:0",
        "x:00",
        "x:65536",
        "x:99999",
        "x:+80",
        "x:-1",
        "x:80:80",
        "x:8a",
        "user@x",
        "user:word@x:80",
        "x y",
        "x/y",
        "x?y",
        "x#y",
        "x\\y",
        "x,y",
        "x%20y",
        "\"x\"",
        "<x>",
        "::1",
        "2001:db8::1",
        "[::1",
        "::1]",
        "[]",
        "[x]",
        "[::1]80",
        "[::1]:",
        "[fe80::1%25eth0]",
        "[192.0.2.1]",
        "{x}",
        "x'y",
        "ü",
        "http://x",
    ] {
        let (status, body) = get(&exporter, "/sd", "1.1", &format!("Host: {host}\r\n"));
        assert_eq!(status, 400, "{host:?}: {body}");
        assert!(body.contains("Host header"), "{host:?}: {body}");
    }
    assert_eq!(get(&exporter, "/sd", "1.0", "").0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_what_is_wrong_with_its_target() {
    let api = Api::start(&["--records", "1"]);
    let named =
        |name: &str| config(&api.url, "").replace("name = \"p\"", &format!("name = '{name}'"));
    let text = ["p", "a+b", "a b", "100%"].map(named).concat();
    let exporter = Exporter::start(&text).await;
    for (query, name) in [
        ("target=p", "p"),
        ("target=a%2Bb", "a+b"),
        ("target=a+b", "a b"),
        ("target=a%20b", "a b"),
        ("target=100%25", "100%"),
        ("module=x&target=p&x=%31&y", "p"),
    ] {
        let (status, body) = get(&exporter, &format!("/probe?{query}"), "1.1", "Host: x\r\n");
        assert_eq!(status, 200, "{query}: {body}");
        let up = format!("workspace_screen_records_up{{project=\"{name}\"}}");
        assert!(body.contains(&up), "{query}: {body}");
    }
    for (query, status, says) in [
        ("", 400, "/probe?target=NAME"),
        ("target", 400, "/probe?target=NAME"),
        ("target=", 400, "/probe?target=NAME"),
        ("Target=p", 400, "/probe?target=NAME"),
        ("target=p&target=a%2Bb", 400, "two targets, \"p\" and \"a+b\""),
        ("target=p&target=p", 400, "two targets, \"p\" and \"p\""),
        ("target=p&x&target=", 400, "two targets, \"p\" and \"\""),
        ("target=a&target=b&target=c", 400, "3 targets"),
        ("target=%", 400, "percent-encoding"),
        ("target=%4", 400, "percent-encoding"),
        ("target=100%", 400, "percent-encoding"),
        ("target=%zz", 400, "percent-encoding"),
        ("target=%ff", 400, "UTF-8"),
        ("target=other", 404, "a+b\na b\n100%\n"),
        ("target=P", 404, "Known projects:\np\n"),
    ] {
        let answer = get(&exporter, &format!("/probe?{query}"), "1.1", "Host: x\r\n");
        assert_eq!(answer.0, status, "{query}: {}", answer.1);
        assert!(answer.1.contains(says), "{query}: {}", answer.1);
    }
}

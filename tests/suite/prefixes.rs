//! `web.external_url` and `web.route_prefix`: every link works behind a proxy that keeps the path,
//! strips it or replaces it.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::support::{Api, Exporter, client, client_builder, config, folder, get_json, run, write};

/// A proxy that answers below `/ext`, and forwards with `replaced` in its place.
struct Proxy {
    replaced: &'static str,
    upstream: OnceLock<String>,
}

async fn forward(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().as_str();
    let Some(rest) = path.strip_prefix("/ext") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let url = format!("{}{}{rest}", proxy.upstream.get().unwrap(), proxy.replaced);
    let host = request.headers()["host"].clone();
    let answer = not_following().get(url).header("host", host).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = (status, answer.bytes().await.unwrap()).into_response();
    for name in ["content-type", "location"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(axum::http::HeaderName::from_static(name), value.clone());
        }
    }
    response
}

fn not_following() -> reqwest::Client {
    client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// The links to other pages and form actions of a page.
fn links(html: &str) -> BTreeSet<String> {
    let of = |attribute: &str| -> Vec<String> {
        let values = html.split(attribute).skip(1);
        values.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&")).collect()
    };
    let links = [of(" href=\""), of(" action=\"")].concat();
    links.into_iter().filter(|link| !link.starts_with("data:") && !link.starts_with('#')).collect()
}

/// Follows every link from a page on. Returns the paths of all pages.
async fn crawl(server: &str, start: &str) -> BTreeSet<String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![start.to_owned()]);
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = not_following().get(format!("{server}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let is_page = answer.headers()["content-type"].to_str().unwrap().starts_with("text/html");
        let text = answer.text().await.unwrap();
        next.extend(if is_page { links(&text) } else { BTreeSet::new() });
    }
    seen
}

const PAGES: [&str; 26] = [
    "/",
    "/?refresh=off",
    "/-/healthy",
    "/-/ready",
    "/api/v1/desktops",
    "/api/v1/desktops?format=csv",
    "/api/v1/desktops?project=a%26b",
    "/api/v1/desktops?project=a%26b&format=csv",
    "/api/v1/desktops?project=p",
    "/api/v1/desktops?project=p&format=csv",
    "/api/v1/failures",
    "/api/v1/failures?format=csv",
    "/api/v1/failures?project=a%26b",
    "/api/v1/failures?project=a%26b&format=csv",
    "/api/v1/failures?project=p",
    "/api/v1/failures?project=p&format=csv",
    "/desktops",
    "/desktops?project=a%26b",
    "/desktops?project=p",
    "/failures",
    "/failures?project=a%26b",
    "/failures?project=p",
    "/probe?target=a%26b",
    "/probe?target=p",
    "/runbook",
    "/sd",
];

/// No record has failed, and all desktops are on one page, so that the links do not depend on the records.
const WORLD: [&str; 6] = ["--records", "100", "--desktops", "40", "--failure-share", "0"];

fn expected(prefix: &str, metrics: &str) -> BTreeSet<String> {
    PAGES.iter().chain([&metrics]).map(|page| format!("{prefix}{page}")).collect()
}

fn two(api: &Api, web: &str) -> String {
    let other = config(&api.url, "").replace("name = \"p\"", "name = \"a&b\"");
    config(&api.url, &format!("[web]\n{web}\n")) + &other
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_works_behind_a_proxy() {
    let api = Api::start(&WORLD);
    for (replaced, web, metrics) in [
        ("/ext", "", "/metrics"),
        ("", "route_prefix = '/'", "/metrics"),
        ("", "route_prefix = '/'\ntelemetry_path = '/ext/m'", "/ext/m"),
        ("/int/er", "route_prefix = 'int/er/'", "/metrics"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let proxy = Arc::new(Proxy { replaced, upstream: OnceLock::new() });
        let router = Router::new().fallback(forward).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let text = two(&api, &format!("external_url = 'http://{address}/ext/'\n{web}"));
        let exporter = Exporter::start(&text).await;
        proxy.upstream.set(exporter.url.clone()).unwrap();

        let server = format!("http://{address}");
        assert_eq!(crawl(&server, "/ext/").await, expected("/ext", metrics), "{web}");
        let missing = client().get(format!("{server}/ext/nowhere")).send().await.unwrap();
        assert_eq!(missing.status(), 404);
        let says = format!("Not found. See /ext/ or /ext{metrics}\n");
        assert_eq!(missing.text().await.unwrap(), says);

        // Prometheus reaches the exporter through the proxy, or directly.
        let through = get_json(&format!("{server}/ext/sd")).await;
        assert_eq!(through[0]["targets"], json!([address]), "{web}");
        assert_eq!(through[0]["labels"]["__metrics_path__"], "/ext/probe", "{web}");
        let direct = get_json(&format!("{}{replaced}/sd", exporter.url)).await;
        let target = exporter.url.trim_start_matches("http://");
        assert_eq!(direct[0]["targets"], json!([target]), "{web}");
        assert_eq!(direct[0]["labels"]["__metrics_path__"], format!("{replaced}/probe"), "{web}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_prefix_alone_is_the_prefix_of_everything() {
    let api = Api::start(&WORLD);
    let exporter = Exporter::start(&two(&api, "route_prefix = 'a/b/'")).await;
    assert_eq!(crawl(&exporter.url, "/a/b/").await, expected("/a/b", "/metrics"));
    assert_eq!(crawl(&exporter.url, "/a/b").await.len(), 28);
    let root = not_following().get(&exporter.url).send().await.unwrap();
    assert_eq!(
        (root.status().as_u16(), root.headers()["location"].to_str().unwrap()),
        (302, "/a/b")
    );
    for path in ["/metrics", "/-/healthy", "/a", "/a/bc", "/a/b/a/b/metrics", "/a/b//metrics"] {
        let missing = not_following().get(format!("{}{path}", exporter.url)).send().await.unwrap();
        assert_eq!(missing.status(), 404, "{path}");
        assert_eq!(missing.text().await.unwrap(), "Not found. See /a/b/ or /a/b/metrics\n");
    }
    let reload = client().post(format!("{}/a/b/-/reload", exporter.url)).send().await.unwrap();
    assert_eq!(reload.status(), 200);
    let probe = client().get(format!("{}/a/b/probe", exporter.url)).send().await.unwrap();
    assert!(probe.text().await.unwrap().contains("/a/b/probe?target=NAME"));
    let log = exporter.process.stderr();
    assert!(log.contains(" path=/a/b/metrics "), "{log}");
    // The label has no prefix.
    let metrics = client().get(format!("{}/a/b/metrics", exporter.url)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let count = |path: &str, code: u16, count: usize| {
        let name = "screen_records_exporter_http_requests_total";
        let line = format!("{name}{{path=\"{path}\",code=\"{code}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    };
    count("/", 200, 5);
    count("/", 302, 1);
    count("/failures", 200, 6);
    count("/-/healthy", 200, 2);
    count("/probe", 400, 1);
    count("other", 404, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_external_host_is_told_its_scheme_with_its_port() {
    let api = Api::start(&["--records", "1"]);
    let https = json!("https");
    let (default, other) = ("https://example.org/x", "https://example.org:8443/x");
    for (external_url, host, target, scheme) in [
        (default, "example.org", "example.org:443", &https),
        (default, "Example.org:443", "Example.org:443", &https),
        (default, "example.org:80", "example.org:80", &Value::Null),
        (default, "example.com", "example.com:80", &Value::Null),
        // A proxy may not pass the port on.
        (other, "example.org", "example.org:8443", &https),
        (other, "example.org:8443", "example.org:8443", &https),
        (other, "example.org:443", "example.org:443", &Value::Null),
    ] {
        let text = two(&api, &format!("external_url = '{external_url}'"));
        let exporter = Exporter::start(&text).await;
        let url = format!("{}/x/sd", exporter.url);
        let answer = client().get(&url).header("Host", host).send().await.unwrap();
        let groups: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(groups[0]["targets"], json!([target]));
        assert_eq!(groups[0]["labels"]["__scheme__"], *scheme, "{host}");
        assert_eq!(groups[0]["labels"]["__metrics_path__"], "/x/probe", "{host}");
    }
}

#[test]
fn an_invalid_external_url_or_prefix_is_refused_with_what_is_accepted() {
    let folder = folder();
    for (key, value, says) in [
        ("external_url", "ftp://example.org", "with http:// or https://"),
        ("external_url", "example.org/x", "with http:// or https://"),
        ("external_url", "https://example.org/x?y", "without user, query and fragment"),
        ("external_url", "https://example.org/x#y", "without user, query and fragment"),
        ("external_url", "https://me:hush@example.org", "<redacted>@example.org"),
        ("external_url", "https://example.org/a/../b", "a path of letters"),
        ("route_prefix", "/a/../b", "a path such as \"/screen-records\""),
        ("route_prefix", "/a//b", "parts of letters, digits"),
        ("route_prefix", "/{a}", "parts of letters, digits"),
        ("route_prefix", "/a b", "parts of letters, digits"),
        ("route_prefix", "https://example.org/a", "parts of letters, digits"),
    ] {
        let text = config("http://127.0.0.1:1", &format!("[web]\n{key} = '{value}'\n"));
        let file = write(folder.path(), "config.toml", &text);
        let output = run(&["check", "--config.file", file.to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{key} {value}: {error}");
        assert!(
            error.contains(&format!("web.{key}: ")) && error.contains(says),
            "{value}: {error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
}

//! The real binary, from outside: commands, exit codes, scrapes, failures, the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::harness::is_counter;
use crate::support::{
    Api, Exporter, Metrics, Process, ReservedPort, TOKEN, binary, client, config, eventually,
    folder, get, rest_of_stdout, run, write,
};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";

fn settings(min_interval: &str, more: &str) -> String {
    format!("[poll]\nmin_interval = \"{min_interval}\"\n{more}")
}

#[tokio::test]
async fn ten_scrapes_at_once_cost_one_poll() {
    let api = Api::start(&["--records", "500", "--latency", "50ms"]);
    // Nobody gives up on a slow poll, and a busy machine has time for all scrapes before one more is due.
    let patient = settings("20s", "default_timeout = \"2m\"\n");
    let exporter = Exporter::start(&config(&api.url, &patient)).await;
    let before = exporter.scraped_until(UP, 1.0).await;
    // The next poll is due 18 s after the first one began.
    tokio::time::sleep(Duration::from_secs(18)).await;
    let requests = api.list_requests().await;
    let url = format!("{}/metrics", exporter.url);
    let scrapes = (0..10).map(|_| get(&url));
    let bodies = futures_util::future::join_all(scrapes).await;
    let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
    for body in &bodies {
        let after = Metrics::parse(body).get(polls);
        assert!((after - before.get(polls) - 1.0).abs() < 0.1, "{after}");
    }
    let of_a_poll = "screen_records_exporter_poll_api_requests{project=\"p\"}";
    let of_a_poll = Metrics::parse(&bodies[0]).get(of_a_poll);
    assert_eq!((api.list_requests().await - requests) as f64, of_a_poll);
}

#[tokio::test]
async fn a_scrape_is_answered_within_its_timeout_while_a_poll_goes_on() {
    let api = Api::start(&["--records", "200"]);
    // The answer is due two seconds after the question, and a busy machine has 20 more to give it.
    let offset = settings("0s", "timeout_offset = \"20s\"\n");
    let exporter = Exporter::start(&config(&api.url, &offset)).await;
    let first = exporter.scraped_until(UP, 1.0).await;
    api.fail("kind=hang").await;

    let begun = tokio::time::Instant::now();
    let scrape = client()
        .get(format!("{}/metrics", exporter.url))
        .header("X-Prometheus-Scrape-Timeout-Seconds", "22");
    let body = scrape.send().await.unwrap().text().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(22), "{:?}", begun.elapsed());
    let metrics = Metrics::parse(&body);
    let records = "workspace_screen_records{";
    assert_eq!(metrics.of(records), first.of(records));
    assert!(metrics.of(records).len() > 6);
}

#[tokio::test]
async fn when_the_api_is_away_the_last_figures_stay_a_while_and_then_nothing_until_it_returns() {
    let port = ReservedPort::new();
    let api = Api::start_on(&port.address, &["--records", "300", "--seed", "7"]);
    let more = "max_staleness = \"20s\"\n[api]\nmax_retries = 0\n";
    let exporter = Exporter::start(&config(&api.url, &settings("100ms", more))).await;
    let whole = exporter.scraped_until(UP, 1.0).await;
    assert!(whole.of("workspace_screen_records{").len() > 6);
    drop(api);

    let down = exporter.scraped_until(UP, 0.0).await;
    for family in ["workspace_screen_records{", "workspace_user_screen_records"] {
        assert_eq!(down.of(family), whole.of(family), "the figures before are shown unchanged");
    }
    let bare = eventually("the gauges are gone", async || {
        let metrics = exporter.metrics().await;
        metrics.of("workspace_screen_records{").is_empty().then_some(metrics)
    });
    let left = bare.await.of("workspace_").into_keys().filter(|name| !is_counter(name));
    let left: BTreeSet<String> = left.collect();
    let expected =
        ["counting_since_timestamp_seconds", "snapshot_timestamp_seconds", "up", "window_seconds"];
    let expected = expected.map(|name| format!("workspace_screen_records_{name}{{project=\"p\"}}"));
    assert_eq!(left, BTreeSet::from(expected));
    let page = get(&exporter.url).await;
    assert!(
        page.contains("cannot be reached") && page.contains("check <code>projects.endpoint</code>")
    );
    exporter.process.says("poll failed").await;

    let _api = Api::start_on(&port.address, &["--records", "300", "--seed", "7"]);
    let back = exporter.scraped_until(UP, 1.0).await;
    assert!(back.of("workspace_screen_records{").len() > 6);
}

#[tokio::test]
async fn a_signal_ends_it_cleanly_without_waiting_for_the_requests_under_way() {
    for signal in ["TERM", "INT"] {
        let api = Api::start(&["--records", "100"]);
        // The request, and the scrape that waits for it, take longer than the test does.
        let more = "default_timeout = \"2m\"\n[api]\nrequest_timeout = \"5m\"\n";
        let exporter = Exporter::start(&config(&api.url, &settings("0s", more))).await;
        exporter.scraped_until(UP, 1.0).await;
        api.fail("kind=hang").await;
        let url = format!("{}/metrics", exporter.url);
        let scrape = tokio::spawn(async move { client().get(url).send().await });
        eventually("the scrape is under way", async || api.hanging().await).await;
        let (code, _) = exporter.process.end_by(signal).await;
        assert_eq!(code, Some(0), "{signal}");
        scrape.abort();
    }
}

#[tokio::test]
async fn the_demo_prints_where_to_look_changes_unasked_and_keeps_nothing() {
    let folder = folder();
    let mut demo = binary();
    demo.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY").current_dir(folder.path());
    let mut process = Process::start(demo.args(["demo", "--web.listen-address", "127.0.0.1:0"]));
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        text.push_str(&process.line());
        text.push('\n');
    }
    for name in [
        "dashboards/screen-records.json",
        "dashboards/screen-records-exporter.json",
        "examples/monitoring",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        assert!(text.contains(name) && path.exists(), "{name}: {text}");
    }
    let url = |page: &str| text.split_whitespace().find(|word| word.ends_with(page)).unwrap();
    for page in ["/failures", "/desktops", "/runbook"] {
        get(url(page)).await;
    }
    // No scrape starts a poll.
    let landing = url("/failures").strip_suffix("failures").unwrap();
    let up = || {
        eventually("the demo is up", async || {
            let page = get(landing).await;
            page.contains("✓ Up").then_some(page)
        })
    };
    let page = up().await;
    assert!(page.contains(">demo</a>"), "{page}");
    let completed = |page: &str| {
        let cell = page.split("<dt>Snapshot</dt><dd><time datetime=\"").nth(1).unwrap();
        cell.split('"').next().unwrap().to_owned()
    };
    let first = completed(&page);
    eventually("a second poll", async || (completed(&up().await) > first).then_some(())).await;
    assert!(get(url("/metrics")).await.contains("workspace_screen_records_up{project=\"demo\"} 1"));
    let (code, _) = process.end_by("TERM").await;
    assert_eq!(code, Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn once_prints_the_metrics_and_says_by_its_exit_code_whether_all_is_well() {
    let api = Api::start(&["--records", "300"]);
    let folder = folder();
    let file = write(folder.path(), "config.toml", &config(&api.url, ""));
    let output = run(&["once", "--config.file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let metrics = Metrics::parse(&String::from_utf8(output.stdout).unwrap());
    let total: f64 = metrics.of("workspace_screen_records{").values().sum();
    assert_eq!(total, api.truth().await["records"].as_f64().unwrap());
    drop(api);
    let output = run(&["once", "--config.file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let metrics = Metrics::parse(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(metrics.get(UP), 0.0);
    assert!(String::from_utf8_lossy(&output.stderr).contains("error: p: screen-records cannot"));
}

#[tokio::test]
async fn check_shows_the_config_without_secrets_and_online_what_the_api_says() {
    let api = Api::start(&["--records", "300"]);
    let folder = folder();
    let file = write(folder.path(), "config.toml", &config(&api.url, ""));
    let file = file.to_str().unwrap();
    let output = run(&["check", "--online", "--config.file", file]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("token = \"<redacted>\"") && !text.contains(TOKEN), "{text}");
    assert!(text.contains("# p: signed in\n#   rows of the window: 1000 requested, "), "{text}");

    let wrong = std::fs::read_to_string(file).unwrap().replace(TOKEN, "another-secret-token");
    let wrong = write(folder.path(), "wrong.toml", &wrong);
    let output = run(&["check", "--online", "--config.file", wrong.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        error,
        "error: p: screen-records answered 401 Unauthorized (APIGW.0301): the token is wrong, has \
         expired, or belongs to another region: check `projects.auth` and `projects.endpoint`\n"
    );
}

/// The example's recordings began in 2024, and no window reaches so far: so it is served as
/// printed, which must give an empty window and no failure, and with recent days in its dates.
#[tokio::test]
async fn the_documented_example_becomes_the_right_metrics() {
    let printed = include_str!("../fixtures/documented-example.json");
    let recent = printed.replace("2024-03-12", &days_ago(2)).replace("2024-09-30", &days_ago(1));
    for (body, expected) in [(printed.to_owned(), [0.0, 0.0, 0.0]), (recent, [2.0, 1185.0, 6620.0])]
    {
        let url = serve_example(body).await;
        let exporter = Exporter::start(&config(&url, "")).await;
        let metrics = exporter.scraped_until(UP, 1.0).await;
        let families = ["records{", "records_size_bytes{", "records_duration_seconds{"];
        for (family, expected) in families.iter().zip(expected) {
            let total: f64 = metrics.of(&format!("workspace_screen_{family}")).values().sum();
            assert_eq!(total, expected, "{family}");
        }
        if expected[0] > 0.0 {
            let pool = "3cjh2068-xxxx-xxxx-xxxx-535f4b315364";
            let labels =
                format!("project=\"p\",status=\"UPLOAD_COMPLETED\",type=\"FULL\",pool=\"{pool}\"");
            assert_eq!(metrics.get(&format!("workspace_screen_records{{{labels}}}")), 1.0);
            assert_eq!(
                metrics.get(&format!("workspace_screen_records_size_bytes{{{labels}}}")),
                546.0
            );
            let user = "project=\"p\",user=\"wanghaha\",status=\"UPLOAD_COMPLETED\"";
            let duration = format!("workspace_user_screen_records_duration_seconds{{{user}}}");
            assert_eq!(metrics.get(&duration), 3620.0);
        }
    }
}

/// The day, as the API writes it, this many days before today.
fn days_ago(days: i64) -> String {
    use records_api::clock::{Clock, SystemClock};
    use records_api::record::Timestamp;
    let moment = Timestamp::from_millis(SystemClock.now_millis() - days * 86_400_000);
    moment.to_query()[..10].to_owned()
}

/// A server that has the example and nothing else: the same answer, whatever is asked.
async fn serve_example(body: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let route = axum::routing::get(async move || body);
    let router = axum::Router::new().route("/v2/0123abcd/screen-records", route);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_scrape_that_waits_for_a_poll_takes_no_slot_and_headers_have_limits() {
    let api = Api::start(&["--records", "50"]);
    let more = "default_timeout = \"2m\"\n[web]\nmax_concurrent_requests = 1\n\
                [api]\nrequest_timeout = \"5m\"\n";
    let more = settings("0s", more);
    let exporter = Exporter::start(&config(&api.url, &more)).await;
    exporter.scraped_until(UP, 1.0).await;
    api.fail("kind=hang").await;
    let url = format!("{}/metrics", exporter.url);
    let waiting = tokio::spawn(client().get(&url).send());
    eventually("the scrape waits for its poll", async || api.hanging().await).await;
    for path in ["", "/failures", "/-/healthy"] {
        assert!(!get(&format!("{}{path}", exporter.url)).await.is_empty(), "{path}");
    }
    assert!(!waiting.is_finished());
    waiting.abort();
    let huge = client().get(&exporter.url).header("X-Long", "x".repeat(64 * 1024)).send().await;
    match huge {
        Ok(response) => assert_eq!(response.status(), 431),
        Err(error) => assert!(!error.is_timeout(), "{error:?}"),
    }
}

#[tokio::test]
async fn requests_that_are_too_many_at_once_are_answered_503() {
    let api = Api::start(&["--records", "5000"]);
    let more = settings("5m", "[web]\nmax_concurrent_requests = 1\n");
    let exporter = Exporter::start(&config(&api.url, &more)).await;
    exporter.scraped_until(UP, 1.0).await;
    let refused = eventually("one of many requests is refused", async || {
        let requests = (0..50).map(|_| client().get(format!("{}/metrics", exporter.url)).send());
        let answers = futures_util::future::join_all(requests).await;
        let mut answers = answers.into_iter().map(Result::unwrap);
        answers.find(|answer| answer.status() != 200)
    });
    let refused = refused.await;
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.unwrap().contains("web.max_concurrent_requests"));
}

#[tokio::test]
async fn an_address_in_use_ends_the_start_with_a_remedy() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut process = Process::start(binary().args(["demo", "--web.listen-address", &address]));
    let text = rest_of_stdout(&mut process);
    assert!(text.is_empty(), "{text}");
    let error = eventually("it says why", async || {
        let error = process.stderr();
        error.contains("error:").then_some(error)
    });
    assert!(error.await.contains("set another address with --web.listen-address"));
}

#[tokio::test]
async fn a_port_alone_is_served_on_ipv4_and_on_ipv6_if_the_machine_has_it() {
    let folder = folder();
    let file = write(folder.path(), "config.toml", &config("http://127.0.0.1:9", ""));
    let mut command = binary();
    command.args(["--web.listen-address", ":0", "--config.file"]).arg(file);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let port = exporter.url.rsplit(':').next().unwrap();
    get(&format!("http://127.0.0.1:{port}/-/healthy")).await;
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        get(&format!("http://[::1]:{port}/-/healthy")).await;
    } else {
        assert!(exporter.process.stderr().contains("IPv6 is not available"));
    }
}

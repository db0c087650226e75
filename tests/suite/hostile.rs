//! The real binary at a hostile API: answers that would fill memory, leak credentials or never
//! end cost a failed poll, and nothing of what is secret shows anywhere.

use crate::support::{Api, Exporter, Metrics, TOKEN, config, eventually, get, get_json};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";
const FAILED: &str = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";
const MOST_MEMORY_KB: u64 = 150_000;

fn fast(more: &str) -> String {
    format!(
        "[log]\nlevel = \"trace\"\n[poll]\nmin_interval = \"0s\"\nmax_staleness = \"1h\"\n\
         [api]\nmax_retries = 0\nrequest_timeout = \"3s\"\n{more}"
    )
}

/// The most memory that a process ever had, in kB.
fn peak_memory(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Scrapes until another poll has failed.
async fn next_failure(exporter: &Exporter, before: &Metrics) -> Metrics {
    let failures = before.get(FAILED);
    eventually("a poll fails", async || {
        let metrics = exporter.metrics().await;
        (metrics.get(FAILED) > failures).then_some(metrics)
    })
    .await
}

fn assert_no_secret(text: &str, place: &str) {
    // In base64 the beginning stands by itself where each header is encoded alone.
    let in_base64 = "c2VjcmV0LXRva2Vu".to_owned();
    for secret in [TOKEN.to_owned(), TOKEN.replace('-', "%2D"), TOKEN[..12].to_owned(), in_base64] {
        assert!(!text.contains(&secret), "{place} shows {secret}: {text}");
    }
}

#[tokio::test]
async fn hostile_answers_cost_a_poll_little_memory_and_no_secret() {
    let api = Api::start(&["--records", "1500"]);
    let elsewhere = Api::start(&["--records", "10"]);
    let exporter = Exporter::start(&config(&api.url, &fast(""))).await;
    let whole = exporter.scraped_until(UP, 1.0).await.of("workspace_screen_records{");
    let away = format!("kind=redirect,location={}/v2/0123abcd/screen-records", elsewhere.url);
    let mut before = exporter.metrics().await;
    for fault in [
        "kind=huge",
        "kind=huge,as=text",
        "kind=bomb",
        "kind=bomb,as=text",
        "kind=huge,status=500",
        "kind=deep,at=top,levels=10000",
        "kind=deep,at=top,levels=3000000",
        "kind=encoding,as=utf-16le",
        "kind=reset",
        "kind=hang",
        &away,
        "kind=redirect,to=same,status=308",
        "kind=error-body",
        "kind=html",
        "kind=echo,as=plain,status=400",
        "kind=echo,as=json-escaped,status=500",
        "kind=echo,as=url,status=404",
        "kind=echo,as=base64,status=502",
        "kind=echo,as=base64-all,status=400",
        // The last one: these credentials are left alone from then on.
        "kind=echo",
    ] {
        api.fail(&format!("{fault},endpoint=records")).await;
        // A poll that was under way may still have met the fault before.
        let first = next_failure(&exporter, &before).await;
        before = next_failure(&exporter, &first).await;
        assert_eq!(before.get(UP), 0.0, "{fault}");
        assert_eq!(before.of("workspace_screen_records{"), whole, "{fault}");
        let page = get(&exporter.url).await;
        assert!(
            page.contains("Remedy: ") && page.contains("/v2/0123abcd/screen-records?"),
            "{page}"
        );
        assert_no_secret(&page, "the page");
        assert_no_secret(&get(&format!("{}/metrics", exporter.url)).await, "/metrics");
        let memory = peak_memory(&exporter.process.id());
        assert!(memory < MOST_MEMORY_KB, "{fault}: {memory} kB");
    }
    assert_no_secret(&exporter.process.stderr(), "the log");
    let requests = get_json(&format!("{}/simulator/requests", elsewhere.url)).await;
    assert_eq!(requests["total"].as_u64(), Some(0), "no request followed the redirect");
}

#[tokio::test]
async fn a_host_without_name_or_tls_is_named_with_a_remedy_and_logged_once() {
    let api = Api::start(&["--records", "10"]);
    for (endpoint, what) in [
        (api.url.replace("http://", "https://"), "cannot be reached: "),
        ("https://no-such-host.invalid".to_owned(), "cannot be reached: "),
    ] {
        let exporter = Exporter::start(&config(&endpoint, &fast(""))).await;
        let mut metrics = exporter.metrics().await;
        for _ in 0..3 {
            metrics = next_failure(&exporter, &metrics).await;
        }
        assert_eq!(metrics.get(UP), 0.0);
        assert!(metrics.of("workspace_screen_records{").is_empty());
        let page = get(&exporter.url).await;
        assert!(page.contains(what) && page.contains("DNS, firewall and TLS"), "{page}");
        let log = exporter.process.stderr();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("\"poll failed\"")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        for part in ["level=warn", "project=p", "request=", what, "remedy=\"check", "since="] {
            assert!(lines[0].contains(part), "{part}: {}", lines[0]);
        }
        assert_no_secret(&log, "the log");
    }
}

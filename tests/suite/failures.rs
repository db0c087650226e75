//! `/failures` and `/api/v1/failures`, compared with the simulator's data.

mod filters;

use std::time::Duration;

use chrono::DateTime;
use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{Simulator, Status};
use serde_json::{Value, json};

use crate::harness::{Harness, HarnessOptions, failures};
use crate::support::{Api, Exporter, TOKEN, client, config, eventually, get, get_json};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";

/// Returns the ids of the failures that a project shows, newest first, each with whether it was counted.
fn shown_with_counted(harness: &Harness) -> Vec<(String, bool)> {
    let failed = harness.project.failed();
    let shown = failures(&failed).into_iter();
    shown.map(|failure| (failure.id.unwrap().to_owned(), failure.counted)).collect()
}

/// Returns the ids of the failures that a project shows, newest first.
fn shown(harness: &Harness) -> Vec<String> {
    shown_with_counted(harness).into_iter().map(|(id, _)| id).collect()
}

/// Returns the ids of the failures in the simulator, newest first.
fn failed(simulator: &Simulator) -> Vec<String> {
    let truth = simulator.truth(i64::MIN);
    truth.failures.iter().map(|failure| failure.id.clone()).collect()
}

fn state() -> (tempfile::TempDir, HarnessOptions) {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = HarnessOptions::new(2000);
    setup.limits.max_requests_per_second = 1000.0;
    setup.state = Some(folder.path().join("p.redb"));
    (folder, setup)
}

#[tokio::test(start_paused = true)]
async fn failures_are_shown_until_they_are_resolved_and_survive_a_restart() {
    let (_folder, setup) = state();
    let harness = setup.start();
    assert!(harness.project.failed().as_of.is_none(), "no poll has completed yet");
    assert_eq!(harness.poll().await, Ok(()));
    let all = failed(harness.simulator());
    assert!(all.len() > 20, "{}", all.len());
    assert_eq!(shown(&harness), all);
    let list = harness.project.failed();
    assert!(!list.is_stale && list.as_of.is_some());
    assert_eq!((list.list.len(), list.list.before_counting()), (all.len(), all.len()));

    let id = harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
    let list = harness.project.failed();
    assert_eq!(shown_with_counted(&harness)[0], (format!("{id:032x}"), true));
    assert_eq!(shown(&harness), failed(harness.simulator()));

    let (before, polled) = (shown(&harness), list.as_of.unwrap());
    let harness = harness.restart();
    let list = harness.project.failed();
    assert_eq!(shown(&harness), before, "they survive a restart");
    assert!(list.is_stale && list.as_of.unwrap() <= polled, "and have the time of the last poll");
    assert!(shown_with_counted(&harness)[0].1);

    harness.simulator().edit(|world| world.set_status(id, Status::UploadCompleted));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
    eventually("the record is read again", async || {
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(harness.poll().await, Ok(()));
        (shown(&harness) == failed(harness.simulator())).then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_poll_changes_nothing_and_the_list_becomes_stale() {
    let (_folder, setup) = state();
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let (before, as_of) = (shown(&harness), harness.project.failed().as_of);
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::RecFailed));
    harness.set_faults(&["status=500,after=2"]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(harness.poll().await.is_err());
    assert_eq!((shown(&harness), harness.project.failed().as_of), (before.clone(), as_of));
    assert!(!harness.project.failed().is_stale);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((shown(&harness), harness.project.failed().as_of), (before, as_of));
    assert!(harness.project.failed().is_stale);
}

#[tokio::test(start_paused = true)]
async fn failures_are_discarded_when_the_filter_changes() {
    let (_folder, setup) = state();
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let mut harness = harness;
    harness.setup.poll.filter.username = Some("nobody".to_owned());
    let harness = harness.restart();
    assert!(shown(&harness).is_empty());
    assert_eq!(harness.project.failed().as_of, None);
    assert_eq!(harness.poll().await, Ok(()));
    assert!(shown(&harness).is_empty());
}

#[tokio::test]
async fn the_json_equals_the_data_of_the_simulator() {
    let api = Api::start(&["--records", "3000", "--hostile-names", "--odd-share", "0.05"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    exporter.scraped_until(UP, 1.0).await;
    let truth = api.truth().await;
    let url = format!("{}/api/v1/failures", exporter.url);
    let answer = get_json(&url).await;
    assert_eq!(answer["truncated"], false);
    let of_project = &answer["projects"][0];
    assert_eq!((&of_project["name"], &of_project["stale"]), (&json!("p"), &json!(false)));
    let number = json!(answer["failures"].as_array().unwrap().len());
    for name in ["kept", "failed", "before_counting"] {
        assert_eq!(of_project[name], number, "{name}");
    }
    assert_eq!((&answer["total"], &answer["unknown"]), (&number, &json!({})));
    let expected: Vec<Value> = truth["failures"].as_array().unwrap().clone();
    assert!(expected.len() > 50);
    let mut found = answer["failures"].as_array().unwrap().clone();
    for failure in &mut found {
        let failure = failure.as_object_mut().unwrap();
        assert_eq!(failure.remove("project"), Some(json!("p")));
        assert_eq!(failure.remove("counted"), Some(json!(false)));
    }
    assert_eq!(found, expected);

    let page = std::fs::read_to_string("docs/failures.md").unwrap();
    let documented = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let documented: Value = serde_json::from_str(documented).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&documented), keys(&answer));
    assert_eq!(keys(&documented["projects"][0]), keys(&answer["projects"][0]));
    assert_eq!(keys(&documented["failures"][0]), keys(&answer["failures"][0]));

    let first = &expected[0];
    for (name, value) in [("status", "UPLOAD_FAILED"), ("type", "FULL"), ("pool", "_none")] {
        let wanted = |failure: &&Value| {
            let own = failure[name].as_str().unwrap_or("_none");
            own == value
        };
        let wanted: Vec<_> = expected.iter().filter(wanted).collect();
        assert!(!wanted.is_empty() && wanted.len() < expected.len(), "{name}");
        let some = get_json(&format!("{url}?{name}={value}")).await;
        let ids: Vec<_> = some["failures"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
        assert!(ids.into_iter().eq(wanted.into_iter().map(|f| &f["id"])), "{name}");
    }
    let limited = get_json(&format!("{url}?limit=1")).await;
    assert_eq!(
        (&limited["truncated"], &limited["failures"][0]["id"]),
        (&json!(true), &first["id"])
    );
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("user", first["user"].as_str().unwrap())
        .append_pair("project", "p")
        .finish();
    let of_user = get_json(&format!("{url}?{query}")).await;
    assert_eq!(of_user["failures"][0]["id"], first["id"]);
}

#[tokio::test]
async fn folded_pools_and_users_are_found_under_other() {
    let api = Api::start(&["--records", "3000", "--pools", "20", "--failure-share", "0.1"]);
    let limits = "labels.max_pools = 3\nlabels.max_users = 5\n";
    let exporter = Exporter::start(&config(&api.url, limits)).await;
    let metrics = exporter.scraped_until(UP, 1.0).await;
    let url = format!("{}/api/v1/failures", exporter.url);
    let found = async |query: &str| {
        let answer = get_json(&format!("{url}?{query}")).await;
        answer["failures"].as_array().unwrap().len() as f64
    };
    let counted = |family: &str, label: &str| {
        let all = metrics.of(family).into_iter();
        let of_label = all.filter(|(name, _)| {
            name.contains("_FAILED\"") && name.contains(&format!("{label}=\"_other\""))
        });
        of_label.map(|(_, value)| value).sum::<f64>()
    };
    let pools = counted("workspace_screen_records{", "pool");
    assert!(pools > 20.0 && pools < found("").await, "{pools}");
    assert_eq!(found("pool=_other").await, pools);
    assert_eq!(found("user=_other").await, counted("workspace_user_screen_records{", "user"));
}

#[tokio::test]
async fn an_invalid_query_is_refused_on_both_paths() {
    let api = Api::start(&["--records", "10"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    for (query, code, says) in [
        ("?statuss=REC_FAILED", 400, "accepted are project, status"),
        ("?status=UPLOADING", 400, "REC_FAILED and UPLOAD_FAILED"),
        ("?limit=10001", 400, "from 1 to 10000"),
        ("?project=<b>", 404, "known are p"),
    ] {
        let page = client().get(format!("{}/failures{query}", exporter.url)).send().await.unwrap();
        assert_eq!(page.status(), code, "{query}");
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        let page = page.text().await.unwrap();
        assert!(page.contains(says) && page.contains("href=\"/failures\""), "{query}: {page}");
        assert!(!page.contains("<b>"), "{page}");
        let url = format!("{}/api/v1/failures{query}", exporter.url);
        let answer = client().get(url).send().await.unwrap();
        assert_eq!(answer.status(), code, "{query}");
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(answer["error"].as_str().unwrap().contains(says), "{query}: {answer}");
    }
}

#[tokio::test]
async fn pages_have_a_strict_content_security_policy_and_are_not_cached() {
    let api = Api::start(&["--records", "10"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    for path in [
        "/",
        "/failures",
        "/failures?limit=3",
        "/api/v1/failures",
        "/desktops",
        "/api/v1/desktops",
        "/runbook",
    ] {
        let url = format!("{}{path}", exporter.url);
        let page = client().get(&url).send().await.unwrap();
        assert_eq!(page.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(page.headers()["x-content-type-options"], "nosniff", "{path}");
        let head = client().head(&url).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.headers().len()), (200, page.headers().len()));
        assert_eq!(head.text().await.unwrap(), "");
        if path.starts_with("/api") {
            continue;
        }
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = page.text().await.unwrap();
        for part in ["<script", " style=", "http://", "https://", " src=", "onload"] {
            assert!(!html.contains(part), "{path} contains {part}");
        }
    }
}

/// Texts that could break a page, a table or a terminal.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "</td></table><!--",
    "&lt;b&gt; &amp; &#0;",
    "line\nbreak\r\ttab \u{0}\u{1b}[31m\u{7f}\u{85}",
    "\u{202e}fdp.exe\u{2066} 用户 👩🏽‍💻",
];

#[tokio::test]
async fn hostile_texts_are_escaped_and_truncated() {
    let text = |number: usize| match number {
        6 => "x".repeat(1 << 20),
        7 => format!("<b>{}", "用\"".repeat(1 << 18)),
        number => HOSTILE[number].to_owned(),
    };
    let start = DateTime::from_timestamp_millis(SystemClock.now_millis() - 60_000).unwrap();
    let start = start.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let row = |number| {
        let text = text(number);
        json!({
            "id": format!("{number}{text}"), "desktop_id": text, "desktop_name": text,
            "desktop_pool_id": text, "username": text, "status": "UPLOAD_FAILED",
            "type": text, "obs_bucket": text, "file_directory": text, "video_filename": text,
            "start_time": start, "size": u64::MAX,
        })
    };
    let rows: Vec<_> = (0..8).map(row).collect();
    let body = json!({"total_count": rows.len(), "screen_records": rows}).to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move || async move { ([("content-type", "application/json")], body.clone()) };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let exporter = Exporter::start(&config(&format!("http://{address}"), "")).await;
    exporter.scraped_until(UP, 1.0).await;
    let answer = get_json(&format!("{}/api/v1/failures", exporter.url)).await;
    let failures = answer["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 8, "{answer}");
    for failure in failures {
        let number: usize = failure["id"].as_str().unwrap()[..1].parse().unwrap();
        for name in ["desktop_id", "desktop_name", "pool", "user", "type", "bucket", "file_name"] {
            let shown = failure[name].as_str().unwrap();
            if number < 6 {
                assert_eq!(shown, HOSTILE[number], "{name}");
            } else {
                let is_label = !matches!(name, "desktop_name" | "file_name");
                let is_truncated =
                    if is_label { shown.contains('…') } else { shown.ends_with("...") };
                assert!(shown.len() <= 512 && is_truncated, "{name}");
            }
        }
    }
    let page = get(&format!("{}/failures", exporter.url)).await;
    assert!(page.len() < 100_000, "{}", page.len());
    for part in ["<script", "<img", "<b>", "\u{0}", "\u{1b}", "\u{202e}", "\u{2066}", "\r", "<!--"]
    {
        assert!(!page.contains(part), "{part:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(page.matches("<tr>").count(), 9);
    assert_eq!(page.matches("</table>").count(), 1);
    assert!(!page.contains(TOKEN));
}

//! `/records` and `/api/v1/records`: the same lists over HTTP, one at a time for each project.

use std::time::Duration;

use records_api_simulator::Fault;
use reqwest::StatusCode;
use serde_json::Value;

use super::api::{Listed, Served, TRUE_COLUMNS, only, parsed};
use crate::support::{Exporter, config, eventually, get, get_json, plain_client, project};

const ENABLED: &str = "[api]\nmax_requests_per_second = 1000\nmax_retries = 0\nrequest_timeout = \"15s\"\n\
                       [web]\nrecords = true\n";
/// A range that holds all records.
const ALL: &str = "from=2020-01-01&to=2040-01-01";

async fn exporter(served: &Served, more: &str) -> Exporter {
    Exporter::start(&config(&served.url, &format!("{ENABLED}{more}"))).await
}

async fn answer(url: &str) -> (StatusCode, String) {
    let response = plain_client().get(url).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

async fn csv(exporter: &Exporter, query: &str) -> Vec<Listed> {
    let url = format!("{}/api/v1/records?format=csv&{query}", exporter.url);
    parsed(get(&url).await.as_bytes())
}

fn set_fault(served: &Served, fault: &str) {
    served.simulator.set_faults(vec![fault.parse::<Fault>().unwrap()]);
}

#[tokio::test]
async fn nothing_is_served_unless_it_is_enabled() {
    let served = Served::start(10, |_| {}).await;
    let exporter = Exporter::start(&config(&served.url, "")).await;
    for path in ["/records", "/api/v1/records"] {
        let (status, text) = answer(&format!("{}{path}", exporter.url)).await;
        assert_eq!((status, text.starts_with("Not found.")), (StatusCode::NOT_FOUND, true));
    }
    assert!(!get(&exporter.url).await.contains("/records\""));
}

#[tokio::test]
async fn lists_are_the_truth_of_the_api_as_csv_and_json() {
    let served = Served::start(9000, |options| options.odd_share = 0.05).await;
    let exporter = exporter(&served, "").await;
    let truth = served.truth(i64::MIN);
    let listed = csv(&exporter, ALL).await;
    assert_eq!(only(&listed, &TRUE_COLUMNS), only(&truth, &TRUE_COLUMNS));
    let json = get_json(&format!("{}/api/v1/records?{ALL}", exporter.url)).await;
    let rows = json["records"].as_array().unwrap();
    let ids = rows.iter().map(|row| vec![row["id"].as_str().unwrap().to_owned()]);
    assert_eq!(ids.collect::<Vec<_>>(), only(&truth, &["id"]));
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 22));
    let json = get_json(&format!("{}/api/v1/records", exporter.url)).await;
    let count = json["records"].as_array().unwrap().len();
    let day = served.now - 24 * 3_600_000;
    let recent = served.truth(day).len();
    assert!(count.abs_diff(recent) < 20 && count > 100, "{count} of {recent}");
    let mut users = truth.iter().map(|row| &row["username"]);
    let user = users.find(|user| !user.is_empty()).unwrap();
    let listed = csv(&exporter, &format!("{ALL}&user={user}")).await;
    assert!(!listed.is_empty() && listed.iter().all(|row| row["username"] == *user));
    let response =
        plain_client().get(format!("{}/api/v1/records?format=csv", exporter.url)).send().await;
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"records.csv\"");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers().get("content-length").is_none());
}

#[tokio::test]
async fn bad_queries_are_refused_with_what_is_accepted() {
    let served = Served::start(10, |_| {}).await;
    let exporter = exporter(&served, "").await;
    for (query, status, says) in [
        ("statuss=x", 400, "unknown parameter statuss"),
        ("status=x", 400, "accepted are RECORDING"),
        ("from=x", 400, "midnight in UTC"),
        ("project=x", 404, "known are p"),
    ] {
        for path in ["/records", "/api/v1/records"] {
            let (found, text) = answer(&format!("{}{path}?{query}", exporter.url)).await;
            assert_eq!(found.as_u16(), status, "{path}?{query}");
            assert!(text.contains(says), "{path}?{query}: {text}");
        }
    }
}

#[tokio::test]
async fn the_page_has_a_form_and_the_first_records() {
    let served = Served::start(3000, |options| options.hostile_names = true).await;
    let exporter = exporter(&served, "route_prefix = \"/x\"\n").await;
    let landing = get(&format!("{}/x/", exporter.url)).await;
    assert!(landing.contains("<a href=\"/x/records\">Records</a>"), "{landing}");
    let page = get(&format!("{}/x/records", exporter.url)).await;
    assert!(page.contains("<form method=\"get\" action=\"/x/records\">"), "{page}");
    assert!(page.contains("formaction=\"/x/api/v1/records\""), "{page}");
    assert!(!page.contains("<table>") && !page.contains("<script"), "{page}");
    let page = get(&format!("{}/x/records?{ALL}", exporter.url)).await;
    assert!(page.contains("Oldest 1000 shown, more match"), "{page}");
    assert_eq!(page.matches("<tr><td").count(), 1000);
    assert!(!page.contains("<script"));
    let first = &served.truth(i64::MIN)[0];
    assert!(page.contains(&format!("<code>{}</code>", first["id"])));
    let page = get(&format!("{}/x/records?{ALL}&user=nobody", exporter.url)).await;
    assert!(page.contains("No matching records.") && page.contains("value=\"nobody\""), "{page}");
    let failures = get(&format!("{}/x/failures", exporter.url)).await;
    assert!(failures.contains("<a href=\"/x/records\">Records</a>"), "{failures}");
}

#[tokio::test]
async fn hashed_users_are_selected_by_hash_and_names_are_omitted() {
    let served = Served::start(2000, |_| {}).await;
    let more = "[labels]\nuser = \"hash\"\nuser_hash_key = \"a-key-of-sixteen-or-more-bytes\"\n";
    let exporter = exporter(&served, more).await;
    let truth = served.truth(i64::MIN);
    let listed = csv(&exporter, ALL).await;
    assert_eq!(only(&listed, &["id"]), only(&truth, &["id"]));
    let (shown, known) = (&listed[0], &truth[0]);
    assert!(shown["username"].len() == 16 && shown["username"] != known["username"]);
    for hidden in ["desktop_name", "file_directory", "video_filename", "event_filename"] {
        assert!(listed.iter().all(|row| row[hidden].is_empty()), "{hidden}");
    }
    assert_eq!(shown["desktop_id"], known["desktop_id"]);
    let ids = |column: &str, value: &str| {
        let rows: Vec<_> = truth.iter().filter(|row| row[column] == value).cloned().collect();
        only(&rows, &["id"])
    };
    let found = csv(&exporter, &format!("{ALL}&user={}", shown["username"])).await;
    assert_eq!(only(&found, &["id"]), ids("username", &known["username"]));
    let found = csv(&exporter, &format!("{ALL}&desktop={}", known["desktop_id"])).await;
    assert_eq!(only(&found, &["id"]), ids("desktop_id", &known["desktop_id"]));
    for (parameter, column) in [("user", "username"), ("desktop", "desktop_name")] {
        let found = csv(&exporter, &format!("{ALL}&{parameter}={}", known[column])).await;
        assert!(found.is_empty(), "{parameter}");
    }
    let page = get(&format!("{}/records?{ALL}", exporter.url)).await;
    assert!(!page.contains(&known["username"]) && page.contains(&shown["username"]));
    assert!(!page.contains(&format!("{}<small>", known["desktop_name"])));
}

#[tokio::test]
async fn dropped_users_cannot_be_selected() {
    let served = Served::start(500, |_| {}).await;
    let exporter = exporter(&served, "[labels]\nuser = \"drop\"\n").await;
    let listed = csv(&exporter, ALL).await;
    assert!(listed.len() == 500 && listed.iter().all(|row| row["username"].is_empty()));
    let (status, text) = answer(&format!("{}/api/v1/records?user=a", exporter.url)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("user is not accepted"), "{text}");
}

/// Number of requests that wait for an answer that never comes.
fn hanging(served: &Served) -> u64 {
    let requests = serde_json::to_value(served.simulator.requests()).unwrap();
    requests["counts"]["records"]["hang"].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn one_list_at_a_time_runs_for_each_project() {
    let served = Served::start(9000, |_| {}).await;
    let more = format!("{ENABLED}[poll]\nmin_interval = \"1h\"\n{}", project("q", &served.url));
    let text = config(&served.url, &more);
    let exporter = Exporter::start(&text).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"q\"}", 1.0).await;
    set_fault(&served, "kind=hang,after=3,times=1");
    let url = format!("{}/api/v1/records?{ALL}", exporter.url);
    let first = plain_client().get(format!("{url}&project=p"));
    let first = tokio::spawn(async move { first.send().await.unwrap().bytes().await });
    eventually("the list waits", async || (hanging(&served) > 0).then_some(())).await;
    for query in ["project=p", "format=json"] {
        let response = plain_client().get(format!("{url}&{query}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{query}");
        assert_eq!(response.headers()["retry-after"], "10");
        assert!(response.text().await.unwrap().contains("another list of project p runs"));
    }
    let (status, text) = answer(&format!("{}/records?{ALL}&project=p", exporter.url)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(text.contains("another list of project p runs"), "{text}");
    let (status, text) = answer(&format!("{url}&project=q")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["records"].as_array().unwrap().len(),
        9000
    );
    // The client leaves, so the next list may begin.
    first.abort();
    eventually("the list has ended", async || {
        let (status, _) = answer(&format!("{url}&project=p")).await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_list_that_fails_is_cut_off_and_one_that_cannot_begin_is_an_error() {
    let served = Served::start(60_000, |_| {}).await;
    let exporter = exporter(&served, "[poll]\nmin_interval = \"1h\"\n").await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    for format in ["json", "csv"] {
        set_fault(&served, "status=500,after=50");
        let url = format!("{}/api/v1/records?{ALL}&format={format}", exporter.url);
        let mut response = plain_client().get(&url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut text = Vec::new();
        let ended = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                ended => break ended,
            }
        };
        assert!(ended.is_err(), "{format}: the connection was cut off");
        assert!(text.len() > 1000 && !text.ends_with(b"]}\n"), "{format}");
        exporter.process.says("a list of records failed").await;
        set_fault(&served, "status=500");
        let (status, text) = answer(&url).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        let error =
            serde_json::from_str::<Value>(&text).unwrap()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("p: ") && error.contains("answered 500"), "{error}");
        let (status, text) = answer(&format!("{}/records?{ALL}", exporter.url)).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert!(text.contains("answered 500"), "{text}");
    }
}

#[tokio::test]
async fn a_list_takes_no_slot_from_scrapes() {
    let served = Served::start(9000, |_| {}).await;
    let more = "max_concurrent_requests = 1\n[poll]\nmin_interval = \"1h\"\n";
    let exporter = exporter(&served, more).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    set_fault(&served, "kind=hang,times=1");
    let first = plain_client().get(format!("{}/api/v1/records?{ALL}", exporter.url));
    let first = tokio::spawn(async move { first.send().await });
    eventually("the list waits", async || (hanging(&served) > 0).then_some(())).await;
    let scraped = tokio::time::timeout(Duration::from_secs(60), exporter.metrics()).await.unwrap();
    assert_eq!(scraped.get("workspace_screen_records_up{project=\"p\"}"), 1.0);
    first.abort();
}

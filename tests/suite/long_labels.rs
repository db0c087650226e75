//! `labels.max_value_bytes`: long values from the API are truncated in metrics, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use records_api::clock::{Clock, SystemClock};
use serde_json::json;

use crate::support::{
    Exporter, Metrics, client, config, eventually, folder, get, get_json, run, write,
};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";

/// User names of about 300 bytes that begin alike, of characters of one to four bytes.
pub(crate) fn long_names() -> Vec<String> {
    let mut names = Vec::new();
    for text in ["x", "é", "用", "👩"] {
        let name = text.repeat(300 / text.len());
        names.extend([format!("{name}1"), format!("{name}2"), format!("-{name}")]);
    }
    names
}

/// An API with one failed record for each user.
pub(crate) async fn api_of(users: &[String]) -> String {
    let start = DateTime::from_timestamp_millis(SystemClock.now_millis() - 60_000).unwrap();
    let start = start.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let row = |(number, user): (usize, &String)| {
        json!({
            "id": number.to_string(), "desktop_pool_id": format!("pool of {user}"),
            "username": user, "status": "UPLOAD_FAILED", "type": format!("type of {user}"),
            "start_time": start,
        })
    };
    let rows: Vec<_> = users.iter().enumerate().map(row).collect();
    let body = json!({"total_count": rows.len(), "screen_records": rows}).to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move || async move { ([("content-type", "application/json")], body.clone()) };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn labels(max: usize) -> String {
    format!("[labels]\nmax_value_bytes = {max}\n")
}

/// The values of all labels in a text.
fn values(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    values.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_values_are_truncated_in_metrics_and_nowhere_else() {
    let users = long_names();
    let api = api_of(&users).await;
    for max in [256, 200, 101, 32] {
        let exporter = Exporter::start(&config(&api, &labels(max))).await;
        let metrics = exporter.scraped_until(UP, 1.0).await;
        let total = users.len() as f64;
        for family in ["workspace_screen_records{", "workspace_user_screen_records{"] {
            assert_eq!(metrics.of(family).values().sum::<f64>(), total, "{max} {family}");
        }
        let shown: BTreeSet<_> = metrics
            .of("workspace_user_screen_records{")
            .into_keys()
            .map(|name| name.split('"').nth(3).unwrap().to_owned())
            .collect();
        assert_eq!(shown.len(), users.len(), "{max}: {shown:?}");
        for accept in ["text/plain", "application/openmetrics-text;version=1.0.0"] {
            let request = client().get(format!("{}/metrics", exporter.url));
            let text = request.header("Accept", accept).send().await.unwrap().text().await.unwrap();
            let longest = values(&text).into_iter().max_by_key(String::len).unwrap();
            assert!((max - 3..=max).contains(&longest.len()), "{max}: {longest}");
        }
        // A link from an alert contains the label, and shows the whole name.
        let mut found = BTreeMap::new();
        for user in &shown {
            let url = reqwest::Url::parse_with_params(
                &format!("{}/api/v1/failures", exporter.url),
                [("user", user)],
            );
            let answer = get_json(url.unwrap().as_str()).await;
            let [failure] = &answer["failures"].as_array().unwrap()[..] else { panic!("{answer}") };
            let name = failure["user"].as_str().unwrap().to_owned();
            assert_eq!(failure["pool"], format!("pool of {name}"));
            let (begin, hash) = user.rsplit_once('…').unwrap();
            assert!(name.starts_with(begin) && hash.len() == 8, "{user}");
            found.insert(name, user);
        }
        assert_eq!(found.len(), users.len());
        assert!(users.iter().all(|user| found.contains_key(user)));
        let page = get(&format!("{}/failures", exporter.url)).await;
        assert!(users.iter().all(|user| page.contains(user)), "{max}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_the_truncated_form_of_another_one_is_another_user() {
    let users = ["x".repeat(300), "short".to_owned()];
    let exporter = Exporter::start(&config(&api_of(&users).await, "")).await;
    let metrics = exporter.scraped_until(UP, 1.0).await;
    let shown = metrics.of("workspace_user_screen_records{").into_keys();
    let shown = shown.map(|name| name.split('"').nth(3).unwrap().to_owned());
    let shown = shown.max_by_key(String::len).unwrap();
    assert_eq!(shown.len(), 256);
    let users = [users[0].clone(), shown];
    let exporter = Exporter::start(&config(&api_of(&users).await, "")).await;
    let metrics = exporter.scraped_until(UP, 1.0).await;
    assert_eq!(metrics.of("workspace_user_screen_records{").len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_whose_truncated_names_are_equal_are_never_two_series() {
    // Their SHA-256 begin with ea6bc9f6.
    let users = ["6542", "70735"].map(|end| format!("{}{end}", "x".repeat(40)));
    let api = api_of(&users).await;
    let text = config(&api, &format!("{}[poll]\nmin_interval = '100ms'\n", labels(32)));
    let exporter = Exporter::start(&text).await;
    let metrics = exporter.scraped_until(UP, 1.0).await;
    let family = metrics.of("workspace_user_screen_records{");
    assert_eq!(family.values().sum::<f64>(), 2.0);
    let sum = |user: &str| -> f64 {
        let of_user = family.iter().filter(|(name, _)| name.contains(&format!("user=\"{user}\"")));
        of_user.map(|(_, value)| value).sum()
    };
    assert_eq!((sum("xxxxxxxxxxxxxxxxxxxxx…ea6bc9f6"), sum("_other")), (1.0, 1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_above_512_bytes_stay_apart() {
    let users = ["1", "2"].map(|end| format!("{}{end}", "x".repeat(600)));
    let exporter = Exporter::start(&config(&api_of(&users).await, "")).await;
    let metrics = exporter.scraped_until(UP, 1.0).await;
    assert_eq!(metrics.of("workspace_user_screen_records{").len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_length_at_once() {
    let api = api_of(&long_names()).await;
    let folder = folder();
    let text = |max| config(&api, &labels(max));
    let file = write(folder.path(), "config.toml", &text(256));
    let mut command = crate::support::binary();
    command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(file);
    let exporter = Exporter::of(crate::support::Process::start(&mut command)).await;
    exporter.scraped_until(UP, 1.0).await;
    let longest = async || {
        let metrics: Metrics = exporter.metrics().await;
        metrics.0.into_keys().flat_map(|name| values(&name)).map(|v| v.len()).max().unwrap()
    };
    assert_eq!(longest().await, 256);
    write(folder.path(), "config.toml", &text(100));
    let reload = client().post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
    assert_eq!(reload.status(), 200);
    eventually("values are shorter", async || (longest().await == 100).then_some(())).await;
}

#[test]
fn labels_of_the_config_that_are_longer_than_the_limit_are_refused() {
    let folder = folder();
    for (limit, code) in [(32, 2), (39, 2), (40, 0), (31, 2), (2049, 2)] {
        let text = config("http://127.0.0.1:1", &labels(limit));
        let text = text.replace("name = \"p\"", &format!("name = \"{}\"", "é".repeat(20)));
        let text = format!("{text}labels = {{ site = \"{}\" }}\n", "x".repeat(40));
        let file = write(folder.path(), "config.toml", &text);
        let output = run(&["check", "--config.file", file.to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{limit}: {error}");
        if matches!(limit, 32 | 39) {
            let says = format!("has 40 bytes, more than labels.max_value_bytes ({limit})");
            assert_eq!(error.matches(&says).count(), 2, "{error}");
            assert!(error.contains("projects[0].name") && error.contains("labels.site"), "{error}");
        } else if code == 2 {
            assert!(error.contains("a whole number from 32 to 512"), "{error}");
        }
    }
}

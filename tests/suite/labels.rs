//! What labels show of people, and constant labels.

use std::collections::BTreeSet;
use std::time::Duration;

use screen_records_exporter::project::{PollOptions, ProjectConfig, Users};
use serde_json::Value;

use crate::harness::HarnessOptions;
use crate::support::{Api, Exporter, client, config, eventually, folder, get, get_json, write};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";

async fn exporter(api: &Api, more: &str) -> Exporter {
    let quick = "[poll]\nmin_interval = '100ms'\ncounter_hold = '0s'\n";
    let exporter = Exporter::start(&config(&api.url, &format!("{quick}{more}"))).await;
    exporter.scraped_until(UP, 1.0).await;
    exporter
}

/// Everything that is served, but the page `/`, which names nobody.
async fn served(exporter: &Exporter) -> String {
    let mut all = String::new();
    for path in [
        "/metrics",
        "/probe?target=p",
        "/failures?limit=1000",
        "/api/v1/failures",
        "/desktops?limit=1000",
        "/api/v1/desktops",
        "/api/v1/desktops?format=csv",
    ] {
        all.push_str(&get(&format!("{}{path}", exporter.url)).await);
    }
    let request = client().get(format!("{}/metrics", exporter.url));
    let request = request.header("Accept", "application/openmetrics-text;version=1.0.0");
    all + &request.send().await.unwrap().text().await.unwrap()
}

/// The values of a label in a text.
fn values(text: &str, label: &str) -> BTreeSet<String> {
    let start = format!("{label}=\"");
    let rests = text.split(start.as_str()).skip(1);
    rests.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The texts of a member in what failed, of an exporter that hides nothing.
async fn names(api: &Api, member: &str) -> BTreeSet<String> {
    let exporter = exporter(api, "").await;
    let failures = get_json(&format!("{}/api/v1/failures", exporter.url)).await;
    let failures = failures["failures"].as_array().unwrap().iter();
    failures.filter_map(|failure| failure[member].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn names_are_hashed_or_dropped_everywhere() {
    let api = Api::start(&["--records", "2000"]);
    let users = names(&api, "user").await;
    let others: BTreeSet<_> = names(&api, "desktop_name")
        .await
        .into_iter()
        .chain(names(&api, "file_name").await)
        .collect();
    assert!(users.len() > 3 && others.len() > 3, "{users:?} {others:?}");
    let hash = "[labels]\nuser = 'hash'\nuser_hash_key = 'sixteen characters'\n";
    for (more, shown) in [(hash, true), ("[labels]\nuser = 'drop'\n", false)] {
        let exporter = exporter(&api, more).await;
        let text = served(&exporter).await;
        for name in users.iter().chain(&others) {
            assert!(!text.contains(name.as_str()), "{name} is shown with {more}");
        }
        let hashes = values(&text, "user");
        assert_eq!(!hashes.is_empty(), shown, "{hashes:?}");
        let is_hash =
            |user: &String| user.len() == 16 && user.chars().all(|c| c.is_ascii_hexdigit());
        assert!(hashes.iter().all(|user| is_hash(user) || user == "_none"), "{hashes:?}");
        assert_eq!(text.contains("workspace_user_"), shown);
        let failures = get_json(&format!("{}/api/v1/failures", exporter.url)).await;
        let failures = failures["failures"].as_array().unwrap();
        assert!(failures.len() > 3);
        for failure in failures {
            assert_eq!(failure["user"].as_str().is_some_and(|u| hashes.contains(u)), shown);
            assert_eq!(
                (&failure["desktop_name"], &failure["file_name"]),
                (&Value::Null, &Value::Null)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_under_way_does_not_bring_names_back() {
    let mut setup = HarnessOptions::new(50);
    setup.options.latency = Duration::from_secs(2);
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let has_users = || harness.shown().keys().any(|name| name.starts_with("workspace_user_"));
    assert!(has_users());
    let project = harness.project.clone();
    let poll = tokio::spawn(async move { project.poll_once().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let earlier = harness.project.config();
    let options = PollOptions { users: Users::dropped(), ..earlier.options.clone() };
    let labels = (*earlier.labels).clone();
    harness.project.replace_config(ProjectConfig::new(labels, options, earlier.client.clone()));
    assert!(!has_users());
    assert_eq!(poll.await.unwrap().failure, None);
    assert!(!has_users());
}

#[tokio::test]
async fn the_key_of_the_hashes_is_read_again_at_each_poll() {
    let api = Api::start(&["--records", "50"]);
    let folder = folder();
    let file = write(folder.path(), "key", "the first key of the hashes\n");
    let more = format!("[labels]\nuser = 'hash'\nuser_hash_key_file = '{}'\n", file.display());
    let exporter = exporter(&api, &more).await;
    let users = async || values(&served(&exporter).await, "user");
    let first = users().await;
    std::fs::write(&file, "the second key of the hashes\n").unwrap();
    eventually("others are shown", async || users().await.is_disjoint(&first).then_some(())).await;
    let second = users().await;
    std::fs::remove_file(&file).unwrap();
    eventually("the log says so", async || {
        assert_eq!(users().await, second);
        exporter.process.stderr().contains("cannot be read").then_some(())
    })
    .await;
    assert_eq!(exporter.metrics().await.get(UP), 1.0);
    std::fs::write(&file, "the first key of the hashes\n").unwrap();
    eventually("the first are shown", async || (users().await == first).then_some(())).await;
}

#[tokio::test]
async fn constant_labels_stand_on_every_series_of_the_project() {
    let api = Api::start(&["--records", "300"]);
    let mut text = config(&api.url, "[poll]\ncounter_hold = '0s'\n");
    text.push_str("labels = { site = 'north \"1\"', z = 'é' }\n");
    text.push_str(&config(&api.url, "").replace("name = \"p\"", "name = \"other\""));
    let exporter = Exporter::start(&text).await;
    for project in ["p", "other"] {
        let site = if project == "p" { ",site=\"north \\\"1\\\"\",z=\"é\"" } else { "" };
        let up = format!("workspace_screen_records_up{{project=\"{project}\"{site}}}");
        exporter.scraped_until(&up, 1.0).await;
    }
    let text = served(&exporter).await;
    let lines = text.lines().filter(|line| line.contains('{') && !line.starts_with(['#', '<']));
    let (mut own, mut with) = (0, 0);
    for line in lines.filter(|line| line.starts_with("workspace_") || line.starts_with("screen_")) {
        let has = line.contains("site=\"north \\\"1\\\"\"") && line.contains("z=\"é\"");
        assert_eq!(has, line.contains("project=\"p\""), "{line}");
        with += usize::from(has);
        own += usize::from(has && line.starts_with("screen_records_exporter_"));
    }
    assert!(with > 200 && own > 20, "{with} {own}");
}

#[tokio::test]
async fn pools_without_a_record_have_a_name_and_zero_desktops_and_nothing_else() {
    let api = Api::start(&["--records", "0"]);
    let exporter = exporter(&api, "").await;
    let text = get(&format!("{}/metrics", exporter.url)).await;
    let of_family = |name: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        values(&lines.collect::<Vec<_>>().join("\n"), "pool")
    };
    let named = of_family("workspace_desktop_pool_info");
    assert!(!named.is_empty());
    for family in ["workspace_desktop_pool_desktops", "workspace_desktops_recorded"] {
        assert_eq!(of_family(family), named, "{family}");
    }
    let truth = get(&format!("{}/simulator/truth", api.url)).await;
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    for pool in truth["pools"].as_array().unwrap() {
        let (id, desktops) = (pool["pool"].as_str().unwrap(), &pool["desktop_count"]);
        let line =
            format!("workspace_desktop_pool_desktops{{project=\"p\",pool=\"{id}\"}} {desktops}\n");
        assert!(text.contains(&line) && desktops.as_u64() > Some(0), "{line}");
    }
    let recorded = text.lines().filter(|line| line.starts_with("workspace_desktops_recorded"));
    assert!(recorded.clone().all(|line| line.ends_with("} 0")), "{text}");
    assert_eq!(recorded.count(), 2 * named.len());
    let others = text.lines().filter(|line| line.starts_with("workspace_screen_record"));
    assert_eq!(others.filter(|line| line.contains("pool=")).count(), 0, "{text}");
}

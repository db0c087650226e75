//! Several projects in one process: `/metrics`, `/probe` and `/sd`.

use serde_json::json;

use crate::support::{Api, Exporter, TOKEN, client, eventually, get, get_json};

const UP: &str = "workspace_screen_records_up";

/// Starts an exporter with two projects; the API of the second one is unreachable.
async fn two(api: &str) -> Exporter {
    let project = |name: &str, url: &str| {
        format!(
            "[[projects]]\nname = '{name}'\nproject_id = '0'\nendpoint = '{url}'\n\
             auth = {{ method = 'token', token = '{TOKEN}' }}\n"
        )
    };
    let quick = "[poll]\nmin_interval = '100ms'\n[api]\nmax_retries = 0\n";
    let names = ["a \"b\" & c", "away"];
    let text =
        format!("{quick}{}{}", project(names[0], api), project(names[1], "http://127.0.0.1:1"));
    Exporter::start(&text).await
}

#[tokio::test]
async fn a_probe_contains_only_its_project() {
    let api = Api::start(&["--records", "300"]);
    let exporter = two(&api.url).await;
    let first = format!("{}/probe?target=a%20%22b%22%20%26%20c", exporter.url);
    let up = format!("{UP}{{project=\"a \\\"b\\\" & c\"}} 1");
    eventually("the first project is up", async || get(&first).await.contains(&up).then_some(()))
        .await;
    let all = get(&format!("{}/metrics", exporter.url)).await;
    let one = get(&first).await;
    let of_records = |text: &str, project: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("workspace_"));
        // There may have been a poll in between.
        let lines = lines.filter(|line| !line.contains("_timestamp_seconds{"));
        lines.filter(|line| line.contains(project)).map(str::to_owned).collect()
    };
    assert_eq!(of_records(&one, "project=\"a "), of_records(&all, "project=\"a "));
    assert!(!one.contains("away") && !one.contains("\nscreen_records_exporter_"), "{one}");
    assert!(!one.contains("\nprocess_"), "{one}");
    let other = get(&format!("{}/probe?target=away", exporter.url)).await;
    assert!(other.contains(&format!("{UP}{{project=\"away\"}} 0")), "{other}");
    assert!(!other.contains("workspace_screen_records{"), "{other}");
}

#[tokio::test]
async fn a_probe_without_a_known_target_names_the_projects() {
    let api = Api::start(&["--records", "1"]);
    let exporter = two(&api.url).await;
    for (query, status, says) in [
        ("", 400, "/probe?target=NAME"),
        ("?target=", 400, "/probe?target=NAME"),
        ("?target=a&target=away", 400, "/probe?target=NAME"),
        ("?target=%ff", 400, "not UTF-8"),
        ("?target=other", 404, "a \"b\" & c\naway\n"),
    ] {
        let url = format!("{}/probe{query}", exporter.url);
        let response = client().get(&url).send().await.unwrap();
        assert_eq!(response.status(), status, "{query}");
        assert!(response.text().await.unwrap().contains(says), "{query}");
    }
}

#[tokio::test]
async fn service_discovery_returns_each_project_at_the_requested_address() {
    let api = Api::start(&["--records", "1"]);
    let exporter = two(&api.url).await;
    let address = exporter.url.trim_start_matches("http://").to_owned();
    let group = |name: &str, address: &str| {
        json!({
            "targets": [address],
            "labels": {"__metrics_path__": "/probe", "__param_target": name},
        })
    };
    let both = |address: &str| json!([group("a \"b\" & c", address), group("away", address)]);
    let url = format!("{}/sd", exporter.url);
    assert_eq!(get_json(&url).await, both(&address));
    let response = client().get(&url).header("Host", "exporter.example.org").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let groups: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(groups, both("exporter.example.org:80"));
    let response = client().get(&url).header("Host", "user@example.org").send().await.unwrap();
    assert_eq!(response.status(), 400);
}

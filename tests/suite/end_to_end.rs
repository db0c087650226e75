//! The whole way: simulated API, exporter, a real Prometheus; promtool; the official SDK.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{
    Api, Exporter, Process, TOKEN, client, config, eventually, folder, get, get_json, write,
};

/// A real Prometheus that scrapes one target every second.
struct Prometheus {
    url: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    async fn start(target: &str) -> Self {
        let folder = folder();
        let target = target.strip_prefix("http://").unwrap();
        let text = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n\
             - job_name: records\n  static_configs:\n  - targets: ['{target}']\n"
        );
        let file = write(folder.path(), "prometheus.yml", &text);
        // The port is free now; Prometheus itself cannot choose one.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let process = Process::start(&mut command);
        let url = format!("http://127.0.0.1:{port}");
        let prometheus = Self { url, _process: process, _folder: folder };
        eventually("Prometheus is ready", async || {
            let ready = client().get(format!("{}/-/ready", prometheus.url)).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        prometheus
    }

    /// The answer to a query: value by label values, in the order of `labels`.
    async fn query(&self, query: &str, labels: &[&str]) -> BTreeMap<Vec<String>, f64> {
        let url = format!("{}/api/v1/query", self.url);
        let encoded =
            percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
        let answer = get_json(&format!("{url}?query={encoded}")).await;
        let series = answer["data"]["result"].as_array().unwrap();
        let of = |one: &Value| {
            let values =
                labels.iter().map(|label| one["metric"][label].as_str().unwrap_or("").to_owned());
            (values.collect(), one["value"][1].as_str().unwrap().parse().unwrap())
        };
        series.iter().map(of).collect()
    }
}

/// What the truth says, by these members, as PromQL answers it.
fn sums(rows: &Value, members: &[&str], figure: &str) -> BTreeMap<Vec<String>, f64> {
    let mut sums = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let key = members.iter().map(|member| row[member].as_str().unwrap().to_owned()).collect();
        *sums.entry(key).or_insert(0.0) += row[figure].as_f64().unwrap();
    }
    sums
}

/// Without the zeros, which the exporter adds for statuses without records.
fn nonzero(mut sums: BTreeMap<Vec<String>, f64>) -> BTreeMap<Vec<String>, f64> {
    sums.retain(|_, value| *value != 0.0);
    sums
}

#[tokio::test]
async fn prometheus_answers_with_the_truth_of_the_api() {
    let api = Api::start(&["--records", "10000", "--hostile-names", "--odd-share", "0.01"]);
    let exporter = Exporter::start(&config(&api.url, "[poll]\nmin_interval = \"1s\"\n")).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let prometheus = Prometheus::start(&exporter.url).await;
    eventually("a scrape has come in", async || {
        let up = prometheus.query("workspace_screen_records_up == 1 and on() up == 1", &[]).await;
        (!up.is_empty()).then_some(())
    })
    .await;

    let truth = api.truth().await;
    let figures = [("", "count"), ("_size_bytes", "size"), ("_duration_seconds", "duration")];
    for (suffix, figure) in figures {
        for (rows, metric, labels) in [
            ("by_pool", "workspace_screen_records", ["status"]),
            ("by_pool", "workspace_screen_records", ["type"]),
            ("by_pool", "workspace_screen_records", ["pool"]),
            ("by_user", "workspace_user_screen_records", ["user"]),
            ("by_user", "workspace_user_screen_records", ["status"]),
        ] {
            let query = format!("sum by ({}) ({metric}{suffix})", labels.join(", "));
            let answered = nonzero(prometheus.query(&query, &labels).await);
            let expected = nonzero(sums(&truth[rows], &labels, figure));
            assert!(expected.len() > 3, "{query}");
            assert_eq!(answered, expected, "{query}");
        }
        let labels = ["status", "type", "pool"];
        let metric = format!("workspace_screen_records{suffix}");
        let answered = nonzero(prometheus.query(&metric, &labels).await);
        assert_eq!(answered, nonzero(sums(&truth["by_pool"], &labels, figure)), "{metric}");
    }
    let one = |map: BTreeMap<Vec<String>, f64>| map.into_values().next().unwrap();
    let reported = one(prometheus.query("workspace_screen_records_reported", &[]).await);
    assert_eq!(reported, truth["records"].as_f64().unwrap());
    let body = get(&format!("{}/metrics", exporter.url)).await;
    let served = body.lines().filter(|line| !line.starts_with('#')).count();
    let scraped = one(prometheus.query("scrape_samples_scraped", &[]).await);
    // Figures of the exporter itself begin as they are first needed.
    assert!(scraped > 500.0 && scraped <= served as f64, "{scraped} of {served}");
}

#[tokio::test]
async fn promtool_and_the_python_parser_accept_the_exposition() {
    let api = Api::start(&["--records", "3000", "--hostile-names", "--odd-share", "0.05"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let body = get(&format!("{}/metrics", exporter.url)).await;

    let mut promtool = Command::new("promtool");
    let output = fed(promtool.args(["check", "metrics"]), &body);
    assert_eq!(output, (Some(0), String::new()));

    let parser = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as parse\n\
        seen = set()\n\
        for family in parse(sys.stdin.read()):\n\
        \x20   assert family.documentation and family.type != 'unknown', family.name\n\
        \x20   for sample in family.samples:\n\
        \x20       key = (sample.name, tuple(sorted(sample.labels.items())))\n\
        \x20       assert key not in seen, key\n\
        \x20       seen.add(key)\n\
        assert len(seen) > 500, len(seen)\n";
    let mut python = Command::new(python());
    let output = fed(python.args(["-c", parser]).env("PYTHONUTF8", "1"), &body);
    assert_eq!(output, (Some(0), String::new()));
}

#[tokio::test]
async fn the_official_sdk_lists_the_simulator_completely() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
    // Without a token to check: the SDK signs, and signatures are not verified yet.
    command.args(["simulate", "--listen", "127.0.0.1:0", "--records", "3500", "--hostile-names"]);
    let mut simulator = Process::start(&mut command);
    let url = simulator.line();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/list_records.py");
    let output = Command::new(python()).args([script, &url]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let truth = get_json(&format!("{url}/simulator/truth")).await;
    let expected = sums(&truth["by_pool"], &["status"], "count");
    let by_status = &listed["by_status"];
    for (status, count) in expected {
        assert_eq!(by_status[&status[0]].as_f64().unwrap_or(0.0), count, "{status:?}");
    }
    assert!(!error.contains(TOKEN));
}

fn python() -> String {
    std::env::var("SCREEN_RECORDS_TEST_PYTHON").expect("tests/run sets it to its Python")
}

/// Runs a command with this on its stdin: exit code and everything it said.
fn fed(command: &mut Command, input: &str) -> (Option<i32>, String) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

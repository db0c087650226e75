//! Real Prometheus servers: Debian's, which is installed, and the newer one that `tests/run` unpacks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use crate::catalog::read;
use crate::support::{Process, ReservedPort, client, eventually, folder, get_json, write};

/// A Prometheus that runs.
pub(super) struct Prometheus {
    pub(super) url: String,
    process: Process,
    /// The time of all queries, if it is not the present.
    moment: Mutex<Option<String>>,
    _port: ReservedPort,
    _folder: tempfile::TempDir,
}

/// Interval and timeout of scrapes. A scrape that takes longer, as on a busy machine, fails.
pub(super) const INTERVAL: &str = "5s";

/// A program of those that are newer than the installed ones.
pub(super) fn newer(name: &str) -> PathBuf {
    let folder = std::env::var("SCREEN_RECORDS_TEST_PROGRAMS");
    let folder = folder.expect("tests/run sets it to where its newer Prometheus is");
    Path::new(&folder).join(name)
}

/// The first number of a Prometheus' version.
pub(super) fn major_version(program: &Path) -> u32 {
    let output = Command::new(program).arg("--version").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let version = said.split("version ").nth(1).unwrap_or_else(|| panic!("{said}"));
    version.split('.').next().unwrap().parse().unwrap()
}

/// A config that scrapes one target, with more keys for the job if wanted.
pub(super) fn scrapes(target: &str, interval: &str, more: &str) -> String {
    let target = target.trim_start_matches("http://");
    format!(
        "global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n\
         scrape_configs:\n- job_name: records\n  static_configs:\n  - targets: ['{target}']\n{more}"
    )
}

/// A config that also evaluates the recording rules, once a second.
pub(super) fn records(config: &str) -> String {
    format!("rule_files: [{RULES}]\n{config}")
}

const RULES: &str = "recording-rules.yml";

impl Prometheus {
    /// The installed one, which scrapes one target.
    pub(super) async fn start(target: &str, interval: &str) -> Self {
        Self::launch(Path::new("prometheus"), &[], &scrapes(target, interval, "")).await
    }

    /// One with these flags and this config, once it is ready.
    pub(super) async fn launch(program: &Path, flags: &[&str], config: &str) -> Self {
        Self::launch_after("", program, flags, config).await
    }

    /// One that finds this history in its storage: OpenMetrics with timestamps.
    pub(super) async fn launch_after(
        history: &str,
        program: &Path,
        flags: &[&str],
        config: &str,
    ) -> Self {
        let folder = folder();
        let file = write(folder.path(), "prometheus.yml", config);
        let rules = read("dashboards/recording-rules.yml").replace("interval: 1m", "interval: 1s");
        write(folder.path(), RULES, &rules);
        let port = ReservedPort::new();
        let data = folder.path().join("data");
        if !history.is_empty() {
            let history = write(folder.path(), "history.txt", history);
            let mut promtool = Command::new("promtool");
            promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(history).arg(&data);
            let output = promtool.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        let is_agent = flags.iter().any(|flag| flag.ends_with("agent"));
        let storage = if is_agent { "storage.agent.path" } else { "storage.tsdb.path" };
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--{storage}={}", data.display()))
            .arg(format!("--web.listen-address={}", port.address))
            .args(flags);
        let process = Process::start(&mut command);
        let url = format!("http://{}", port.address);
        let moment = Mutex::default();
        let prometheus = Self { url, process, moment, _port: port, _folder: folder };
        eventually("Prometheus is ready", async || {
            let ready = client().get(format!("{}/-/ready", prometheus.url)).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        prometheus
    }

    /// The answer to a query: value by label values, in the order of `labels`.
    pub(super) async fn query(&self, query: &str, labels: &[&str]) -> BTreeMap<Vec<String>, f64> {
        let answer = self.answer(query).await;
        let series = answer.as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
        let of = |one: &Value| {
            let values =
                labels.iter().map(|label| one["metric"][label].as_str().unwrap_or("").to_owned());
            (values.collect(), one["value"][1].as_str().unwrap().parse().unwrap())
        };
        series.iter().map(of).collect()
    }

    /// The one value that a query has, if it has any.
    pub(super) async fn value(&self, query: &str) -> Option<f64> {
        let values = self.query(query, &[]).await;
        assert!(values.len() <= 1, "{query}: {values:?}");
        values.into_values().next()
    }

    pub(super) async fn answer(&self, query: &str) -> Value {
        let moment = self.moment.lock().unwrap().clone();
        let mut parameters = vec![("query", query)];
        parameters.extend(moment.as_deref().map(|moment| ("time", moment)));
        let mut answer = self.get("query", &parameters).await;
        answer["data"]["result"].take()
    }

    /// Waits until a condition has a result, and asks all later queries at the time of the newest scrape that
    /// it saw. A scrape that fails after it, as on a busy machine, changes no answer.
    pub(super) async fn stops_when(&self, condition: &str) {
        let newest = "max(timestamp(workspace_screen_records_up))";
        let query = format!("{newest} and on() ({condition})");
        let moment = eventually(condition, async || self.value(&query).await).await;
        *self.moment.lock().unwrap() = Some(format!("{moment:.3}"));
    }

    /// What a path of its API answers.
    pub(super) async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let encoded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        get_json(&format!("{}/api/v1/{path}?{}", self.url, parameters.join("&"))).await
    }

    /// Waits until it has scraped this many projects whose last poll succeeded.
    pub(super) async fn has_scraped(&self, projects: usize) {
        let query = "count(workspace_screen_records_up == 1)";
        eventually("a scrape has come in", async || {
            (self.value(query).await? >= projects as f64).then_some(())
        })
        .await;
    }

    /// The lines of its log that say that something is wrong.
    pub(super) fn complaints(&self) -> Vec<String> {
        let log = self.process.stderr();
        assert!(log.contains("Server is ready"), "it has a log: {log}");
        let is_wrong = |line: &&str| {
            let line = line.to_ascii_lowercase();
            ["level=warn", "level=error"].iter().any(|level| line.contains(level))
        };
        log.lines().filter(is_wrong).map(str::to_owned).collect()
    }
}

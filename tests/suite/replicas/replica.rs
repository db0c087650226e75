//! An exporter as a process, with a proxy of its own between it and the database.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use postgresql_server::Proxy;
use tokio::time::Instant;

use super::upstream::Samples;
use super::watcher::counters;
use crate::support::{Exporter, Metrics, Process, ReservedPort, binary, client_builder, get};

/// A process that may be stopped and started again, on the same port.
pub(super) struct Replica {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) proxy: Proxy,
    pub(super) config: PathBuf,
    pub(super) process: Option<Process>,
    /// Network namespace in which it runs, if not in that of the test.
    pub(super) namespace: Option<String>,
    _port: ReservedPort,
}

/// Returns the binary with this config and a state that only the config names.
pub(super) fn command(config: &Path) -> Command {
    let mut command = binary();
    command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
    command.arg("--config.file").arg(config);
    command
}

impl Replica {
    /// A replica that is not started yet.
    pub(super) fn new(name: &str, proxy: Proxy, config: PathBuf, port: ReservedPort) -> Self {
        let (name, url) = (name.to_owned(), format!("http://{}", port.address));
        Self { name, url, proxy, config, process: None, namespace: None, _port: port }
    }

    /// Starts the process and waits until it listens.
    pub(super) async fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut command = command(&self.config);
        if let Some(namespace) = &self.namespace {
            let mut inside = Command::new("ip");
            inside.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
            inside.args(["netns", "exec", namespace]).arg(command.get_program());
            inside.args(command.get_args());
            command = inside;
        }
        let exporter = Exporter::of(Process::start(&mut command)).await;
        self.process = Some(exporter.process);
    }

    /// Ends the process at once, as a crash of the machine would.
    pub(super) fn kill(&mut self) {
        self.signal("KILL");
        self.process = None;
    }

    pub(super) fn pause(&self) {
        self.signal("STOP");
    }

    pub(super) fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends the process by SIGTERM. Returns how long it took.
    pub(super) async fn stop(&mut self) -> Duration {
        let process = self.process.take().expect("it runs");
        let log = process.log();
        let (code, took) = process.end_by("TERM").await;
        assert_eq!(code, Some(0), "{}", log.lock().unwrap());
        took
    }

    fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("it runs").id();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub(super) fn log(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }

    /// Returns an answer, or none if the process does not run.
    pub(super) async fn scrape(&self) -> Option<Metrics> {
        self.process.as_ref()?;
        let client = client_builder().pool_max_idle_per_host(0).build().unwrap();
        let response = client.get(format!("{}/metrics", self.url)).send().await.ok()?;
        Some(Metrics::parse(&response.error_for_status().ok()?.text().await.ok()?))
    }

    /// Returns the answer to a scrape with this time limit, which must come, and how long it took.
    pub(super) async fn scrape_within(&self, limit: Duration) -> (Metrics, Duration) {
        let client = client_builder().pool_max_idle_per_host(0).build().unwrap();
        let begun = Instant::now();
        let request = client
            .get(format!("{}/metrics", self.url))
            .header("X-Prometheus-Scrape-Timeout-Seconds", limit.as_secs_f64().to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        (Metrics::parse(&text), begun.elapsed())
    }

    /// Returns an answer of a process that must answer.
    pub(super) async fn metrics(&self) -> Metrics {
        self.scrape()
            .await
            .unwrap_or_else(|| panic!("{} does not answer: {}", self.name, self.log()))
    }

    /// Returns the record series of an answer.
    pub(super) async fn records(&self) -> Samples {
        self.metrics().await.of("workspace_")
    }

    /// Returns the counters of an answer.
    pub(super) async fn counters(&self) -> Samples {
        counters(&self.metrics().await)
    }

    pub(super) async fn text(&self, path: &str) -> String {
        get(&format!("{}{path}", self.url)).await
    }

    /// Returns the status of an answer.
    pub(super) async fn status(&self, path: &str) -> u16 {
        let client = client_builder().pool_max_idle_per_host(0).build().unwrap();
        let response = client.get(format!("{}{path}", self.url)).send().await.unwrap();
        response.status().as_u16()
    }
}

//! Replicas that share a database, and the APIs of their projects.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use postgresql_server::{Proxy, Server, ServerOptions};
use records_api_simulator::Options;
use tokio::time::Instant;

use super::replica::Replica;
use super::upstream::{Samples, Upstream};
use super::watcher::counters;
use crate::support::{ReservedPort, eventually, folder, write};

/// Lease of most tests, the shortest that the config accepts.
pub(super) const LEASE: Duration = Duration::from_secs(2);

/// Time within which replicas recover from everything, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Choices of a test.
pub(super) struct ClusterOptions {
    pub(super) replicas: usize,
    pub(super) projects: usize,
    /// Keys of the section `poll`.
    pub(super) poll: String,
    /// Keys of the section `api`.
    pub(super) api: String,
    pub(super) lease: String,
    pub(super) upstream: fn(&mut Options),
    pub(super) server: ServerOptions,
}

impl Default for ClusterOptions {
    /// Three replicas of three projects, which are polled without waiting for a scrape.
    fn default() -> Self {
        Self {
            replicas: 3,
            projects: 3,
            poll: background("300ms"),
            api: String::new(),
            lease: "2s".to_owned(),
            upstream: |_| {},
            server: ServerOptions::default(),
        }
    }
}

/// Returns the keys of a project that is polled by itself.
pub(super) fn background(interval: &str) -> String {
    format!("mode = \"background\"\nmin_interval = \"{interval}\"\ncounter_hold = \"0s\"\n")
}

/// Returns the keys of a project that is polled by scrapes.
pub(super) fn by_scrapes(interval: &str) -> String {
    format!("mode = \"scrape\"\nmin_interval = \"{interval}\"\ncounter_hold = \"0s\"\n")
}

pub(super) struct Cluster {
    pub(super) replicas: Vec<Replica>,
    pub(super) upstreams: Vec<Arc<Upstream>>,
    pub(super) server: Server,
    pub(super) options: ClusterOptions,
    pub(super) folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts everything, and waits until each replica shows each project.
    pub(super) async fn start(options: ClusterOptions) -> Self {
        let mut cluster = Self::prepare(options).await;
        for number in 0..cluster.options.replicas {
            cluster.add(number, |config| config).await;
        }
        let starts = cluster.replicas.iter_mut().map(Replica::start);
        futures_util::future::join_all(starts).await;
        cluster.is_up().await;
        cluster
    }

    /// Starts the database and the APIs.
    pub(super) async fn prepare(options: ClusterOptions) -> Self {
        let server = Server::start_with(options.server.clone()).await;
        let mut upstreams = Vec::new();
        for number in 0..options.projects {
            let upstream = Upstream::start(number, "127.0.0.1", options.upstream).await;
            upstreams.push(Arc::new(upstream));
        }
        Self { replicas: Vec::new(), upstreams, server, options, folder: folder() }
    }

    /// Adds a replica that is not started yet. Its config may be changed.
    pub(super) async fn add(&mut self, number: usize, change: impl FnOnce(String) -> String) {
        let (proxy, port) = (Proxy::start(self.server.port).await, ReservedPort::new());
        let name = format!("r{number}");
        let config = change(self.config(&name, &proxy.url(), &port.address));
        let config = write(self.folder.path(), &format!("{name}.toml"), &config);
        self.replicas.push(Replica::new(&name, proxy, config, port));
    }

    /// Adds a replica and starts it.
    pub(super) async fn start_another(&mut self, change: impl FnOnce(String) -> String) -> usize {
        let number = self.replicas.len();
        self.add(number, change).await;
        self.replicas[number].start().await;
        number
    }

    /// Returns the config of a replica.
    pub(super) fn config(&self, name: &str, database: &str, address: &str) -> String {
        let lease = &self.options.lease;
        self.config_with(
            &format!("url = \"{database}\"\nlease = \"{lease}\"\nreplica = \"{name}\"\n"),
            address,
        )
    }

    /// Returns a config with these keys of the section `state`.
    pub(super) fn config_with(&self, state: &str, address: &str) -> String {
        let ClusterOptions { poll, api, .. } = &self.options;
        let projects: String = self.upstreams.iter().map(|upstream| upstream.section()).collect();
        format!(
            "[web]\nlisten_addresses = [\"{address}\"]\n[state]\n{state}[poll]\n{poll}\
             [api]\nmax_requests_per_second = 1000\n{api}\n{projects}"
        )
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.url.clone()).collect()
    }

    /// Returns the names of the projects.
    pub(super) fn projects(&self) -> Vec<String> {
        self.upstreams.iter().map(|upstream| upstream.name.clone()).collect()
    }

    /// Waits until something is there. Shows the logs of the running replicas if it never comes.
    pub(super) async fn eventually<T>(
        &self,
        what: &str,
        look: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let found = tokio::time::timeout(LIMIT, eventually(what, look)).await;
        found.unwrap_or_else(|_| panic!("never came: {what}\n{}", self.logs()))
    }

    fn logs(&self) -> String {
        let log = |replica: &Replica| format!("{}:\n{}\n", replica.name, replica.log());
        self.running().map(log).collect()
    }

    /// Waits until each running replica shows a snapshot of each project and the last poll succeeded.
    pub(super) async fn is_up(&self) {
        for replica in self.running() {
            self.eventually(&format!("{} is up", replica.name), async || {
                let metrics = replica.scrape().await?;
                let is_up = |name: &String| {
                    metrics.0.get(&format!("workspace_screen_records_up{{project=\"{name}\"}}"))
                        == Some(&1.0)
                };
                self.projects().iter().all(is_up).then_some(())
            })
            .await;
        }
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|replica| replica.process.is_some())
    }

    /// Makes random changes in all projects.
    pub(super) fn change(&self, count: usize) {
        for upstream in &self.upstreams {
            upstream.change(count);
        }
    }

    /// Returns the counters that all entries so far require.
    pub(super) fn truth(&self) -> Samples {
        self.upstreams.iter().flat_map(|upstream| upstream.counters()).collect()
    }

    /// Waits until each running replica shows exactly the entries that happened.
    pub(super) async fn shows_the_truth(&self) {
        for upstream in &self.upstreams {
            upstream.end_records();
        }
        let truth = self.truth();
        for replica in self.running() {
            let begun = Instant::now();
            loop {
                let shown = replica.scrape().await.map(|metrics| counters(&metrics));
                let difference = shown.as_ref().map(|shown| difference(shown, &truth));
                match difference.as_deref() {
                    Some("") => break,
                    // A poll is missing, or it was counted twice. Lower values may still become right.
                    difference => assert!(
                        begun.elapsed() < LIMIT && !difference.unwrap_or("").contains("above"),
                        "{}: {difference:?}\n{}",
                        replica.name,
                        self.logs()
                    ),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Returns the numbers of the running replicas that say they lead, for each project.
    pub(super) async fn leaders(&self) -> BTreeMap<String, Vec<usize>> {
        let mut leaders: BTreeMap<String, Vec<usize>> =
            self.projects().into_iter().map(|name| (name, Vec::new())).collect();
        for (number, replica) in self.replicas.iter().enumerate() {
            let Some(metrics) = replica.scrape().await else { continue };
            for (name, leaders) in &mut leaders {
                if metrics.0.get(&own("state_leader", name)) == Some(&1.0) {
                    leaders.push(number);
                }
            }
        }
        leaders
    }

    /// Waits until exactly one replica leads the project, and returns its number.
    pub(super) async fn leader(&self, project: &str) -> usize {
        self.eventually(&format!("one replica leads {project}"), async || {
            match self.leaders().await.get(project).map(Vec::as_slice) {
                Some([leader]) => Some(*leader),
                _ => None,
            }
        })
        .await
    }

    /// Waits until the numbers of projects that the running replicas lead differ by at most one. Returns how long
    /// it took.
    pub(super) async fn is_balanced(&self, what: &str) -> Duration {
        let begun = Instant::now();
        self.eventually(what, async || {
            let leaders = self.leaders().await;
            let of = |number: &usize| leaders.values().filter(|led| **led == [*number]).count();
            let numbers = 0..self.replicas.len();
            let led = numbers.filter(|number| self.replicas[*number].process.is_some());
            let led: Vec<usize> = led.map(|number| of(&number)).collect();
            let is_balanced = led.iter().max().unwrap() - led.iter().min().unwrap() <= 1;
            (is_balanced && led.iter().sum::<usize>() == leaders.len()).then(|| begun.elapsed())
        })
        .await
    }
}

/// Returns the name of a sample of the exporter's own metrics.
pub(super) fn own(name: &str, project: &str) -> String {
    format!("screen_records_exporter_{name}{{project=\"{project}\"}}")
}

/// Describes how counters differ from the truth: what is below, and what is above it. Only entries into a final
/// status are known.
fn difference(shown: &Samples, truth: &Samples) -> String {
    let families: Vec<_> = truth.keys().map(|name| name.split('{').next().unwrap()).collect();
    let is_known = |name: &str| {
        let family = name.split('{').next().unwrap();
        let statuses = ["REC_FAILED", "UPLOAD_COMPLETED", "UPLOAD_FAILED"];
        let is_final = statuses.iter().any(|status| name.contains(&format!("\"{status}\"")));
        families.contains(&family) && (is_final || !name.contains("status="))
    };
    let mut text = String::new();
    let unknown = shown.iter().filter(|(name, _)| is_known(name) && !truth.contains_key(*name));
    for (name, value) in unknown.filter(|(_, value)| **value > 0.0) {
        writeln!(text, "{name}: {value} above 0").unwrap();
    }
    for (name, expected) in truth {
        let value = shown.get(name).copied().unwrap_or_default();
        if value != *expected {
            let side = if value > *expected { "above" } else { "below" };
            writeln!(text, "{name}: {value} {side} {expected}").unwrap();
        }
    }
    text
}

//! Runs the real binary for a test: on free ports, ready when its log says so, ended with the test. Beside it
//! its simulated API, and a client.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// The one deadline of all tests with real processes. A busy machine stays within it; a test waits for all
/// of it only if it fails. Shorter than the longest timeout that the config allows.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// A port that no other program is given while this lives, for a server that starts later or again.
///
/// The socket is bound and does not listen: a server may bind the same port, connections are refused until
/// one does, and the system hands the port out to nobody who asks for any.
pub(crate) struct ReservedPort {
    _socket: tokio::net::TcpSocket,
    pub(crate) address: String,
}

impl ReservedPort {
    pub(crate) fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Self { _socket: socket, address }
    }
}

/// A process that ends with its owner.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stderr: Arc<Mutex<String>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut source, sink) = (BufReader::new(child.stderr.take().unwrap()), stderr.clone());
        std::thread::spawn(move || {
            let mut line = String::new();
            while source.read_line(&mut line).is_ok_and(|read| read > 0) {
                sink.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        Self { child, stdout, stderr }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Lines that the process writes to stderr, also after its end.
    pub(crate) fn log(&self) -> Arc<Mutex<String>> {
        self.stderr.clone()
    }

    /// Waits until a line of the log contains these words, and returns the log. A line may come later than
    /// the answer that it belongs to.
    pub(crate) async fn says(&self, words: &str) -> String {
        eventually(words, async || Some(self.stderr()).filter(|log| log.contains(words))).await
    }

    /// True once the process has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Sends a signal by name and waits for the end. Returns the exit code and how long it took.
    pub(crate) async fn end_by(mut self, signal: &str) -> (Option<i32>, Duration) {
        let begun = tokio::time::Instant::now();
        let sent = Command::new("kill").args(["-s", signal, &self.id()]).status().unwrap();
        assert!(sent.success());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begun.elapsed());
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary with nothing of the environment that could change what it does.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
    command.env_clear();
    // Tests run side by side in one working directory.
    command.env("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY", "\"\"");
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).output().unwrap()
}

/// A folder for a test's files.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The simulated API as a process.
pub(crate) struct Api {
    _process: Process,
    pub(crate) url: String,
}

pub(crate) const TOKEN: &str = "secret-token-of-the-tests";

impl Api {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", arguments)
    }

    pub(crate) fn start_on(address: &str, arguments: &[&str]) -> Self {
        let mut command = binary();
        command.args(["simulate", "--listen", address, "--token", TOKEN]).args(arguments);
        let mut process = Process::start(&mut command);
        let url = process.line();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}: {}", process.stderr());
        Self { _process: process, url }
    }

    /// Sets the faults of the API; it speaks of their syntax in its help.
    pub(crate) async fn fail(&self, fault: &str) {
        let faults = serde_json::to_string(&[fault]).unwrap();
        let request = client()
            .post(format!("{}/simulator/faults", self.url))
            .header("Content-Type", "application/json")
            .body(faults);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// Takes its faults away.
    pub(crate) async fn mend(&self) {
        let request = client()
            .post(format!("{}/simulator/faults", self.url))
            .header("Content-Type", "application/json")
            .body("[]");
        request.send().await.unwrap().error_for_status().unwrap();
    }

    pub(crate) async fn truth(&self) -> Value {
        get_json(&format!("{}/simulator/truth", self.url)).await
    }

    /// Whether a request waits for an answer that never comes.
    pub(crate) async fn hanging(&self) -> Option<()> {
        let requests = get_json(&format!("{}/simulator/requests", self.url)).await;
        (requests["counts"]["records"]["hang"].as_u64()? > 0).then_some(())
    }

    /// Requests for lists of records so far.
    pub(crate) async fn list_requests(&self) -> u64 {
        let requests = get_json(&format!("{}/simulator/requests", self.url)).await;
        let counts = requests["counts"]["records"].as_object().cloned().unwrap_or_default();
        counts.values().filter_map(Value::as_u64).sum()
    }
}

/// A config for one project `p` at this API; `more` stands before the project.
pub(crate) fn config(api: &str, more: &str) -> String {
    format!("{more}\n{}", project("p", api))
}

/// A project at this API. More keys of it may follow.
pub(crate) fn project(name: &str, api: &str) -> String {
    format!(
        "[[projects]]\nname = \"{name}\"\nproject_id = \"0123abcd\"\nendpoint = \"{api}\"\n\
         auth = {{ method = \"token\", token = \"{TOKEN}\" }}\n"
    )
}

/// The exporter as a process.
pub(crate) struct Exporter {
    pub(crate) process: Process,
    pub(crate) url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Exporter {
    pub(crate) async fn start(config: &str) -> Self {
        let folder = folder();
        let file = write(folder.path(), "config.toml", config);
        let mut command = binary();
        command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(file);
        Self { _folder: Some(folder), ..Self::of(Process::start(&mut command)).await }
    }

    /// An exporter that was started otherwise.
    pub(crate) async fn of(mut process: Process) -> Self {
        let url = eventually("the exporter logs its address", async || {
            let ended = process.ended();
            let log = process.stderr();
            let address = log.split("address=").nth(1).and_then(|s| s.split_whitespace().next());
            assert!(!ended || address.is_some(), "the exporter ended: {log}");
            Some(format!("http://{}", address?))
        });
        let url = url.await;
        Self { process, url, _folder: None }
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::parse(&get(&format!("{}/metrics", self.url)).await)
    }

    /// Scrapes until a sample has a value.
    pub(crate) async fn scraped_until(&self, sample: &str, value: f64) -> Metrics {
        eventually(&format!("{sample} is {value}"), async || {
            let metrics = self.metrics().await;
            (metrics.0.get(sample) == Some(&value)).then_some(metrics)
        })
        .await
    }
}

/// The samples of an exposition by their name and labels as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, f64>);

impl Metrics {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut samples = BTreeMap::new();
        for line in lines {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let doubled = samples.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(doubled, None, "{name} stands twice");
        }
        Self(samples)
    }

    pub(crate) fn get(&self, sample: &str) -> f64 {
        *self.0.get(sample).unwrap_or_else(|| panic!("no sample {sample}"))
    }

    /// The samples of the families whose name begins so.
    pub(crate) fn of(&self, prefix: &str) -> BTreeMap<String, f64> {
        let found = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        found.map(|(name, value)| (name.clone(), *value)).collect()
    }
}

pub(crate) fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// A client that shows bodies as they come.
pub(crate) fn plain_client() -> reqwest::Client {
    client_builder().no_gzip().build().unwrap()
}

pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    // Another test may have installed one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE)
}

pub(crate) async fn get(url: &str) -> String {
    let response = client().get(url).send().await.unwrap();
    assert!(response.status().is_success(), "{url}: {}", response.status());
    response.text().await.unwrap()
}

pub(crate) async fn get_json(url: &str) -> Value {
    serde_json::from_str(&get(url).await).unwrap()
}

/// Polls until something is there.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What is left of a process' stdout.
pub(crate) fn rest_of_stdout(process: &mut Process) -> String {
    let mut text = String::new();
    process.stdout.read_to_string(&mut text).unwrap();
    text
}

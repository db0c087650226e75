//! The log when nobody reads stderr, or when it cannot be written.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::support::{
    Api, Metrics, ReservedPort, binary, client, config, eventually, folder, get, write,
};

/// Longest time that a scrape, or the end of the process, may take here. A busy machine stays within it.
const LIMIT: Duration = Duration::from_secs(20);
/// Capacity of a pipe.
const PIPE_BYTES: usize = 64 * 1024;

const DROPPED: &str = "screen_records_exporter_log_lines_dropped_total";

/// A process with any stderr, which ends with the test.
struct Daemon {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
    _port: ReservedPort,
    _api: Api,
}

impl Daemon {
    async fn start(stderr: Stdio) -> Self {
        Self::start_by(binary(), stderr).await
    }

    /// Starts it with this command, which may run the binary in another one.
    async fn start_by(mut command: Command, stderr: Stdio) -> Self {
        let (api, folder, port) = (Api::start(&["--records", "10"]), folder(), ReservedPort::new());
        let file = write(folder.path(), "config.toml", &config(&api.url, ""));
        command.args(["--log.level", "debug", "--web.listen-address", &port.address]);
        command.arg("--config.file").arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(stderr).spawn().unwrap();
        let url = format!("http://{}", port.address);
        let daemon = Self { child, url, _folder: folder, _port: port, _api: api };
        let healthy = eventually("it serves", async || daemon.answers("GET", "/-/healthy").await);
        tokio::time::timeout(LIMIT, healthy).await.expect("it does not answer");
        daemon
    }

    /// True if a request is answered 200 in time.
    async fn answers(&self, method: &str, path: &str) -> Option<()> {
        let url = format!("{}{path}", self.url);
        let request = client().request(method.parse().unwrap(), url).timeout(LIMIT);
        request.send().await.ok().filter(|response| response.status() == 200).map(drop)
    }

    async fn answers_everything(&self) {
        for (method, path) in [("GET", "/metrics"), ("GET", "/-/healthy"), ("POST", "/-/reload")] {
            assert!(self.answers(method, path).await.is_some(), "{method} {path}");
        }
    }

    /// Logs lines, because each of these connections fails.
    fn fail_connections(&self, count: usize) {
        for _ in 0..count {
            let mut client = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
            client.write_all(b"nonsense\r\n\r\n").unwrap();
            // The answer is 400.
            let _ = client.read(&mut [0; 512]);
        }
    }

    async fn dropped(&self) -> f64 {
        Metrics::parse(&get(&format!("{}/metrics", self.url)).await).get(DROPPED)
    }

    async fn end(&mut self) -> ExitStatus {
        let ended = async {
            let id = self.child.id().to_string();
            assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
            eventually("it ends", async || self.child.try_wait().unwrap()).await
        };
        tokio::time::timeout(LIMIT, ended).await.expect("SIGTERM does not end it")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe that is full, and that nobody reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut other = writer.try_clone().unwrap();
    let filling = std::thread::spawn(move || other.write_all(&vec![b'\n'; PIPE_BYTES]));
    // A user with many pipes gets smaller ones, and the thread waits: the pipe is full then as well.
    let begun = tokio::time::Instant::now();
    while !filling.is_finished() && begun.elapsed() < Duration::from_secs(1) {
        std::thread::yield_now();
    }
    (reader, writer)
}

/// Returns the numbers of dropped lines that a log reports.
fn reported(log: &str) -> Vec<f64> {
    let reports = log.lines().filter(|line| line.contains("message=\"log lines were dropped\""));
    let number = |line: &str| {
        assert!(line.contains(" since=2"), "{line}");
        line.split(" lines=").nth(1)?.split(' ').next()?.parse().ok()
    };
    reports.map(|line| number(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

#[tokio::test]
async fn a_full_stderr_blocks_neither_answers_nor_the_end() {
    let (_reader, writer) = full_pipe();
    let mut daemon = Daemon::start(writer.into()).await;
    daemon.fail_connections(3000);
    daemon.answers_everything().await;
    assert!(daemon.dropped().await > 0.0);
    assert_eq!(daemon.end().await.code(), Some(0));
}

#[tokio::test]
async fn dropped_lines_are_counted_and_reported_when_the_reader_is_back() {
    let folder = folder();
    let file = folder.path().join("log");
    let (reader, writer) = std::io::pipe().unwrap();
    let mut cat = Command::new("cat");
    let mut cat = cat.stdin(reader).stdout(File::create(&file).unwrap()).spawn().unwrap();
    let signal = |name: &str| {
        let sent = Command::new("kill").args(["-s", name, &cat.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    let mut daemon = Daemon::start(writer.into()).await;
    signal("STOP");
    daemon.fail_connections(3000);
    daemon.answers_everything().await;
    let dropped = daemon.dropped().await;
    assert!(dropped > 0.0);
    signal("CONT");
    let read = || std::fs::read_to_string(&file).unwrap();
    eventually("all dropped lines are reported", async || {
        let sum: f64 = reported(&read()).iter().sum();
        (sum == daemon.dropped().await).then_some(())
    })
    .await;
    assert_eq!(daemon.end().await.code(), Some(0));
    cat.wait().unwrap();
    let log = read();
    assert_eq!(reported(&log).len(), 1, "{log}");
    for line in log.lines() {
        let is_whole = line.starts_with("ts=2") && line.contains(" message=");
        assert!(is_whole, "{line:?}");
    }
    assert!(log.lines().last().unwrap().contains("shutting down"), "the last line is written");
}

#[tokio::test]
async fn a_stderr_that_cannot_be_written_is_counted_and_harms_nothing() {
    let mut daemon = Daemon::start(File::create("/dev/full").unwrap().into()).await;
    daemon.answers_everything().await;
    assert!(daemon.dropped().await > 0.0);
    assert_eq!(daemon.end().await.code(), Some(0));

    // Its reader is gone.
    let (_, writer) = std::io::pipe().unwrap();
    let mut daemon = Daemon::start(writer.into()).await;
    daemon.answers_everything().await;
    assert!(daemon.dropped().await > 0.0);
    assert_eq!(daemon.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_closed_stderr_harms_nothing() {
    let program = binary();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&-"]).arg(program.get_program()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut daemon = Daemon::start_by(command, Stdio::null()).await;
    daemon.answers_everything().await;
    assert_eq!(daemon.end().await.code(), Some(0));
}

#[tokio::test]
async fn commands_end_with_their_exit_code_though_nobody_reads_their_errors() {
    let folder = folder();
    let wrong = write(folder.path(), "config.toml", "[poll]\nwindow = 'soon'\n");
    let wrong = wrong.to_str().unwrap();
    // The second one is a failure of a project, after the log was started.
    let none = write(folder.path(), "none.toml", &config("http://127.0.0.1:1", ""));
    let once = ["once", "--config.file", none.to_str().unwrap()];
    for (arguments, code) in [
        (&["check", "--config.file", wrong][..], 2),
        (&["--no-such-flag"], 2),
        (&["check", "--no-such-flag"], 2),
        (&once, 1),
    ] {
        let (_reader, writer) = full_pipe();
        let mut command = binary();
        command.env("SCREEN_RECORDS_EXPORTER__API__MAX_RETRIES", "0");
        let mut child =
            command.args(arguments).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        let ended = eventually("it ends", async || child.try_wait().unwrap());
        let ended = tokio::time::timeout(LIMIT, ended).await;
        // Nothing else would end it.
        let _ = child.kill();
        assert_eq!(ended.expect("it does not end").code(), Some(code), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_signal_ends_the_demo_though_nobody_reads_its_output() {
    let (_reader, writer) = full_pipe();
    let mut command = binary();
    command.args(["demo", "--web.listen-address", "127.0.0.1:0"]);
    let (mut log, stderr) = std::io::pipe().unwrap();
    let mut child = command.stdout(writer).stderr(stderr).spawn().unwrap();
    drop(command);
    // It waits for its output once its poll has succeeded.
    let mut text = String::new();
    while !text.contains("poll succeeded") {
        let mut bytes = [0; 4096];
        let count = log.read(&mut bytes).unwrap();
        assert!(count > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let ended = eventually("it ends", async || child.try_wait().unwrap());
    let ended = tokio::time::timeout(LIMIT, ended).await;
    // Nothing else would end it.
    let _ = child.kill();
    assert_eq!(ended.expect("SIGTERM does not end it").code(), Some(0));
}

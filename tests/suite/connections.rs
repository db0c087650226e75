//! Many connections, on the real binary: clients of one address do not lock out those of another.

mod crowd;

use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::support::{
    Api, Exporter, Metrics, Process, binary, client, config, eventually, folder, write,
};
use crowd::{connect, crowd, request, respond, slow_reader, status};

const OPEN: &str = "screen_records_exporter_http_connections";
const UP: &str = "workspace_screen_records_up{project=\"p\"}";
/// Polls at each scrape.
const POLLS: &str = "[poll]\nmin_interval = \"0s\"\n";
/// Maximum time of an answer, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn refused(reason: &str) -> String {
    format!("{OPEN}_refused_total{{reason=\"{reason}\"}}")
}

/// Exporter with a limit on open files, on one listener more than `Exporter` knows.
struct Limited {
    exporter: Exporter,
    address: String,
    other: String,
    _folder: tempfile::TempDir,
}

impl Limited {
    async fn start(files: u64, text: &str) -> Self {
        let folder = folder();
        let file = write(folder.path(), "config.toml", text);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
        let program = binary();
        command.arg(program.get_program()).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.arg("--config.file").arg(file);
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let exporter = Exporter::of(Process::start(&mut command)).await;
        let addresses = eventually("it logs both addresses", async || {
            let log = exporter.process.stderr();
            let found = log.split("address=").skip(1).filter_map(|s| s.split_whitespace().next());
            let found: Vec<_> = found.map(str::to_owned).collect();
            <[String; 2]>::try_from(found).ok()
        });
        let [address, other] = addresses.await;
        Self { exporter, address, other, _folder: folder }
    }

    /// Returns the metrics, scraped on a new connection from 127.0.0.1.
    async fn scrape(&self) -> Metrics {
        let asked = client().get(format!("http://{}/metrics", self.address)).send();
        let response = timeout(SOON, asked).await.expect("the scrape hangs").unwrap();
        assert_eq!(response.status(), 200);
        Metrics::parse(&response.text().await.unwrap())
    }
}

#[tokio::test]
async fn silent_connections_do_not_lock_out_another_address() {
    let api = Api::start(&["--records", "50"]);
    let exporter = Exporter::start(&config(&api.url, POLLS)).await;
    exporter.scraped_until(UP, 1.0).await;
    let address = exporter.url.strip_prefix("http://").unwrap().to_owned();
    let silent = crowd(600, 2, &address).await;
    let scraped = timeout(SOON, exporter.metrics()).await.expect("the scrape hangs");
    assert!(scraped.get(OPEN) > 600.0, "{}", scraped.get(OPEN));
    assert_eq!(respond("/-/healthy", 1, &address).await, 200);
    drop(silent);
    let left = eventually("they are gone", async || {
        let left = exporter.metrics().await;
        (left.get(OPEN) < 10.0).then_some(left)
    })
    .await;
    for reason in ["address_limit", "connection_limit", "replaced"] {
        assert_eq!(left.get(&refused(reason)), 0.0, "{reason}");
    }
}

#[tokio::test]
async fn polls_continue_while_all_connections_are_taken() {
    let api = Api::start(&["--records", "50"]);
    let limited = Limited::start(1024, &config(&api.url, POLLS)).await;
    limited.exporter.scraped_until(UP, 1.0).await;
    let mut silent = crowd(506, 2, &limited.address).await;
    silent.extend(crowd(506, 3, &limited.other).await);
    for _ in 0..3 {
        let scraped = limited.scrape().await;
        assert_eq!(scraped.get(UP), 1.0, "{}", limited.exporter.process.stderr());
    }
    let log = limited.exporter.process.stderr();
    assert!(!log.contains("Too many open files"), "{log}");
}

#[tokio::test]
async fn few_files_leave_few_connections_and_the_log_says_so() {
    let api = Api::start(&["--records", "50"]);
    let limited = Limited::start(200, &config(&api.url, POLLS)).await;
    limited.exporter.scraped_until(UP, 1.0).await;
    let log = limited.exporter.process.stderr();
    let line = log.lines().find(|line| line.contains("leaves few connections")).unwrap();
    for words in ["level=warn", "limit=200", "remedy=", "LimitNOFILE"] {
        assert!(line.contains(words), "{words}: {line}");
    }
    // All of one address, then of four: an address keeps its share, and a new one always gets in.
    let first = crowd(100, 2, &limited.address).await;
    let scraped = limited.scrape().await;
    let share = 100.0 - scraped.get(&refused("replaced"));
    assert!((10.0..20.0).contains(&share), "{share}");
    assert!((share..share + 9.0).contains(&scraped.get(OPEN)), "{}", scraped.get(OPEN));
    let mut others = Vec::new();
    for client in 3..8 {
        others.extend(crowd(100, client, &limited.other).await);
    }
    for _ in 0..3 {
        assert_eq!(limited.scrape().await.get(UP), 1.0);
    }
    let log = limited.exporter.process.says("too many connections").await;
    assert_eq!(log.matches("too many connections").count(), 1, "{log}");
    let line = log.lines().find(|line| line.contains("too many connections")).unwrap();
    for words in ["level=warn", "client=127.0.0.2", "reason=replaced", "remedy="] {
        assert!(line.contains(words), "{words}: {line}");
    }
    drop((first, others));
    assert!(!log.contains("Too many open files"), "{log}");
}

const USER: &str = "prometheus:the password";
const HELD_SCRAPES: usize = 70;

/// Header of basic auth with a password.
fn basic(credentials: &str) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
    format!("Authorization: Basic {encoded}\r\n")
}

/// Guesses passwords from 127.0.0.`client`, one after the other.
async fn guess(client: u8, address: String) {
    for number in 0.. {
        let mut stream = connect(client, &address).await;
        let headers = basic(&format!("prometheus:{number}"));
        // The server may close the connection at any time.
        if stream.write_all(&request("/metrics", &headers)).await.is_ok() {
            status(&mut stream).await;
        }
    }
}

#[tokio::test]
async fn a_scrape_is_answered_beside_idle_guessing_waiting_and_slow_clients() {
    let api = Api::start(&["--records", "3000"]);
    let folder = folder();
    let hash = bcrypt::hash(USER.split_once(':').unwrap().1, 10).unwrap();
    let web = write(folder.path(), "web.yml", &format!("basic_auth_users: {{prometheus: {hash}}}"));
    let text = format!("[web]\nconfig_file = {web:?}\n[api]\nrequest_timeout = \"5m\"\n{POLLS}");
    let file = write(folder.path(), "config.toml", &config(&api.url, &text));
    let mut command = binary();
    command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(file);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let address = exporter.url.strip_prefix("http://").unwrap().to_owned();
    let scrape = async |path: &str| {
        let mut stream = connect(1, &address).await;
        let headers = basic(USER) + "X-Prometheus-Scrape-Timeout-Seconds: 1\r\n";
        stream.write_all(&request(path, &(headers + "Connection: close\r\n"))).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.expect("it hangs").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
        answer
    };
    eventually("the first poll ends", async || {
        scrape("/metrics").await.contains(&format!("{UP} 1\n")).then_some(())
    })
    .await;

    api.fail("kind=hang").await;
    let idle = crowd(200, 2, &address).await;
    let mut waiting = crowd(HELD_SCRAPES, 3, &address).await;
    for stream in &mut waiting {
        let headers = basic(USER) + "X-Prometheus-Scrape-Timeout-Seconds: 600\r\n";
        stream.write_all(&request("/metrics", &headers)).await.unwrap();
    }
    eventually("a poll hangs", async || api.hanging().await).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let headers = basic(USER) + "X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n";
        slow.push(slow_reader(4, &address, &request("/metrics", &headers)).await);
    }
    let guessers: Vec<_> = (0..20).map(|_| tokio::spawn(guess(5, address.clone()))).collect();
    for path in ["/metrics", "/probe?target=p", "/", "/failures", "/-/healthy", "/metrics"] {
        scrape(path).await;
    }
    assert!(guessers.iter().all(|guesser| !guesser.is_finished()));
    let (code, took) = exporter.process.end_by("TERM").await;
    assert_eq!(code, Some(0));
    assert!(took < SOON * 2, "{took:?}");
    guessers.iter().for_each(tokio::task::JoinHandle::abort);
    drop((idle, waiting, slow));
}

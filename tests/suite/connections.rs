//! Many connections, on the real binary: clients of one address do not lock out those of another.

mod crowd;

use std::process::Command;
use std::time::Duration;

use tokio::time::timeout;

use crate::support::{
    Api, Exporter, Metrics, Process, binary, client, config, eventually, folder, write,
};
use crowd::{crowd, respond};

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
        command.arg(binary().get_program()).env_clear();
        command.env("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY", "");
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
    let log = limited.exporter.process.stderr();
    assert_eq!(log.matches("too many connections").count(), 1, "{log}");
    let line = log.lines().find(|line| line.contains("too many connections")).unwrap();
    for words in ["level=warn", "client=127.0.0.2", "reason=replaced", "remedy="] {
        assert!(line.contains(words), "{words}: {line}");
    }
    drop((first, others));
    assert!(!log.contains("Too many open files"), "{log}");
}

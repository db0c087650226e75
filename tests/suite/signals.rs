//! Signals at any moment: during the start, many of them, and the end of the process.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rustix::fs::OFlags;

use crate::state::number;
use crate::support::{
    Api, Exporter, Process, binary, client, config, eventually, folder, get, write,
};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";
/// Longest time that an answer or the end of the process may take here, on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

fn signal(process: &Process, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.id()]).status();
    assert!(sent.unwrap().success());
}

/// The binary with this config file and a state in the folder.
fn command(folder: &Path, config: &str) -> Command {
    let mut command = binary();
    command
        .env("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY", folder.join("state"))
        .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
        .arg(folder.join(config));
    command
}

/// Waits until a process reads the pipe, which blocks until something is written to it.
async fn opened(pipe: &Path) -> File {
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let open = || File::options().write(true).custom_flags(nonblock).open(pipe).ok();
    eventually("the config is read", async || open()).await
}

#[tokio::test]
async fn signals_during_the_start_wait_for_its_end_or_end_the_process() {
    let (api, folder) = (Api::start(&["--records", "10"]), folder());
    let pipe = folder.path().join("config.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut process = Process::start(&mut command(folder.path(), "config.toml"));
    let mut writer = opened(&pipe).await;
    signal(&process, "HUP");
    signal(&process, "HUP");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!process.ended(), "SIGHUP ended it");
    let text = config(&api.url, "");
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    let exporter = Exporter::of(process).await;
    opened(&pipe).await.write_all(text.as_bytes()).unwrap();
    eventually("it reloads", async || {
        exporter.process.stderr().contains("config reloaded").then_some(())
    })
    .await;
    exporter.scraped_until(UP, 1.0).await;
    assert_eq!(exporter.process.stderr().matches("config reloaded").count(), 1);
    drop(exporter);

    let process = Process::start(&mut command(folder.path(), "config.toml"));
    let _writer = opened(&pipe).await;
    let (code, took) = process.end_by("TERM").await;
    assert!(code == Some(0) && took < LIMIT, "{code:?} after {took:?}");
}

/// Ends the process at random moments. `SCREEN_RECORDS_TEST_STOPS` sets how often.
#[tokio::test]
async fn a_stop_at_any_moment_is_clean() {
    let stops = number("SCREEN_RECORDS_TEST_STOPS", 8);
    for latency in ["0ms", "30ms"] {
        let api = Api::start(&["--records", "3000", "--live", "50", "--latency", latency]);
        let folder = folder();
        let quick = "[poll]\nmin_interval = '0s'\nmode = 'background'\n[api]\npage_size = 100\n\
                     max_requests_per_second = 1000\n";
        write(folder.path(), "config.toml", &config(&api.url, quick));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut counted = 0.0;
        for _ in 0..stops {
            let process = Process::start(&mut command(folder.path(), "config.toml"));
            let exporter = Exporter::of(process).await;
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
            let metrics = exporter.metrics().await;
            let seen: f64 = metrics.of("workspace_screen_records_seen_total{").values().sum();
            assert!(seen >= counted, "{seen} after {counted}");
            counted = seen;
            let (stderr, pid) = (exporter.process.log(), exporter.process.id());
            let (code, took) = exporter.process.end_by("TERM").await;
            let log = stderr.lock().unwrap().clone();
            assert_eq!(code, Some(0), "{pid}: {log}");
            assert!(took < LIMIT, "{took:?}");
            for level in ["level=warn", "level=error", " bug"] {
                assert!(!log.contains(level), "{log}");
            }
        }
        assert!(counted > 0.0, "nothing was counted");
        let leftovers: Vec<_> = std::fs::read_dir(folder.path().join("state"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("damaged") || name.contains("aside"))
            .collect();
        assert!(leftovers.is_empty(), "{leftovers:?}");
    }
}

#[tokio::test]
async fn a_second_signal_changes_nothing() {
    let api = Api::start(&["--records", "10"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    exporter.scraped_until(UP, 1.0).await;
    let log = exporter.process.log();
    signal(&exporter.process, "INT");
    signal(&exporter.process, "TERM");
    let (code, _) = exporter.process.end_by("INT").await;
    assert_eq!(code, Some(0));
    assert_eq!(log.lock().unwrap().matches("shutting down").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_reloads_is_shared_and_blocks_no_scrape() {
    let (api, folder) = (Api::start(&["--records", "10"]), folder());
    let text = config(&api.url, "[poll]\nmin_interval = '1h'\n");
    let file = write(folder.path(), "config.toml", &text);
    let process = Process::start(&mut command(folder.path(), "config.toml"));
    let exporter = Exporter::of(process).await;
    exporter.scraped_until(UP, 1.0).await;
    let url = format!("{}/-/reload", exporter.url);
    let begun = tokio::time::Instant::now();
    let client = client();
    let post = || async {
        let response = client.post(&url).timeout(LIMIT).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for wave in 0..5 {
        let posts = futures_util::future::join_all((0..100).map(|_| post()));
        let signals = async {
            for _ in 0..100 {
                signal(&exporter.process, "HUP");
                tokio::task::yield_now().await;
            }
            tokio::time::timeout(LIMIT, get(&format!("{}/metrics", exporter.url))).await.unwrap();
        };
        let (answers, ()) = tokio::join!(posts, signals);
        assert!(answers.iter().all(|answer| answer.0 == 200), "{wave}: {answers:?}");
    }
    let reloads = exporter.process.stderr().matches("config reloaded").count();
    let limit = 11 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(reloads >= 5 && reloads <= limit, "{reloads} reloads, at most {limit}");

    // The same error is logged once, unless a signal asked: then the log is the only answer.
    std::fs::write(&file, "[poll]\nwindow = 'soon'\n").unwrap();
    let failed =
        |exporter: &Exporter| exporter.process.stderr().matches("config reload failed").count();
    for _ in 0..3 {
        let (status, text) = post().await;
        assert!(status == 500 && text.contains("poll.window"), "{status} {text}");
    }
    eventually("it is logged", async || (failed(&exporter) > 0).then_some(())).await;
    assert_eq!(failed(&exporter), 1);
    signal(&exporter.process, "HUP");
    eventually("it is logged again", async || (failed(&exporter) > 1).then_some(())).await;
}

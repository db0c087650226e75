//! The state on disk, with the real binary: killed at any moment, owned by another process,
//! damaged, or where nothing can be written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use screen_records_exporter::clock::SystemClock;
use screen_records_exporter::simulator::{Options, OverLimit, Simulator, Status};

use crate::support::{Api, Exporter, Metrics, Process, binary, config, eventually, folder, write};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";
const TRANSITIONS: &str = "workspace_screen_record_transitions_total{";

/// The command that serves an API with its state in a folder.
fn command(folder: &Path, api: &str, name: &str) -> Command {
    let more = format!(
        "[web]\nlisten_addresses = [\"127.0.0.1:0\"]\n[state]\ndirectory = \"{}\"\n[poll]\n\
         min_interval = \"100ms\"\ncounter_hold = \"0s\"\nmode = \"background\"\n[api]\n\
         max_requests_per_second = 1000\n",
        folder.join("state").display(),
    );
    let path = write(folder, name, &config(api, &more));
    let mut command = binary();
    command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
    command.arg("--config.file").arg(path);
    command
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Entries into each status.
type Ledger = Arc<Mutex<BTreeMap<&'static str, f64>>>;

/// Lets the world live for one change: a recording begins, or one goes on. None is tried again.
fn live(simulator: &Simulator, rng: &mut Xoshiro256PlusPlus, ledger: &Ledger) {
    simulator.edit(|world| {
        let flights = world.records_from(i64::MIN).filter(|record| record.status.in_flight());
        let flights: Vec<_> = flights.map(|record| (record.id, record.status)).collect();
        let next = if flights.is_empty() || rng.random_range(0..4) == 0 {
            world.insert_at(world.now(), Status::Recording);
            Status::Recording
        } else {
            let (id, status) = flights[rng.random_range(0..flights.len())];
            let fails = rng.random_range(0..5) == 0;
            let next = match status {
                Status::Recording if fails => Status::RecFailed,
                Status::Recording => Status::RecCompleted,
                Status::RecCompleted => Status::Uploading,
                _ if fails => Status::UploadFailed,
                _ => Status::UploadCompleted,
            };
            world.set_status(id, next);
            next
        };
        *ledger.lock().unwrap().entry(next.code()).or_default() += 1.0;
    });
}

fn by_status(metrics: &Metrics) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (name, value) in metrics.of(TRANSITIONS) {
        let status = name.split("status=\"").nth(1).unwrap().split('"').next().unwrap();
        *sums.entry(status.to_owned()).or_default() += value;
    }
    sums
}

/// `KILLS=100` for a longer run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_moment_counts_each_failure_once() {
    let mut options = Options { records: 400, ..Options::default() };
    options.window = Duration::from_secs(12 * 3600);
    options.dialect.limit_max = 50;
    options.dialect.limit_over = OverLimit::Clamp;
    let simulator = Simulator::new(&options, Arc::new(SystemClock));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let router = simulator.router();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let folder = folder();
    let start = || Process::start(&mut command(folder.path(), &api, "config.toml"));
    let first = Exporter::of(start()).await;
    first.scraped_until(UP, 1.0).await;
    drop(first);

    let ledger = Ledger::default();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(number("SEED", 5));
    let mut last = BTreeMap::new();
    for _ in 0..number("KILLS", 12) {
        let process = Exporter::of(start()).await;
        for _ in 0..rng.random_range(2..60) {
            live(&simulator, &mut rng, &ledger);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seen = by_status(&process.metrics().await);
        for (status, count) in &last {
            assert!(seen.get(status) >= Some(count), "{status} fell: {last:?} {seen:?}");
        }
        last = seen;
        let (code, _) = process.process.end_by("KILL").await;
        assert_eq!(code, None, "it was alive");
    }

    let process = Exporter::of(start()).await;
    let ledger = ledger.lock().unwrap().clone();
    let settled = ["REC_FAILED", "UPLOAD_FAILED", "UPLOAD_COMPLETED"];
    eventually("settled entries equal the ledger", async || {
        let counted = by_status(&process.metrics().await);
        for (status, entered) in &ledger {
            assert!(counted[*status] <= *entered, "{status}: {counted:?} {ledger:?}");
        }
        let equal =
            |status: &&str| counted.get(*status) == Some(ledger.get(*status).unwrap_or(&0.0));
        settled.iter().all(equal).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_second_process_is_refused_and_says_why() {
    let (api, folder) = (Api::start(&["--records", "10"]), folder());
    let first = Exporter::of(Process::start(&mut command(folder.path(), &api.url, "a.toml"))).await;
    first.scraped_until(UP, 1.0).await;
    let second = command(folder.path(), &api.url, "b.toml").output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("in use by another process"), "{said}");
    assert!(said.contains("`state.directory`"), "{said}");
}

#[tokio::test]
async fn a_damaged_state_is_set_aside_and_counting_begins_anew() {
    let (api, folder) = (Api::start(&["--records", "200"]), folder());
    let state = folder.path().join("state/p.redb");
    let run = async || {
        let exporter =
            Exporter::of(Process::start(&mut command(folder.path(), &api.url, "a.toml"))).await;
        let metrics = exporter.scraped_until(UP, 1.0).await;
        let counted: f64 = metrics.of(TRANSITIONS).values().sum();
        assert_eq!(counted, 0.0, "what was there before is no entry");
        exporter.process.stderr()
    };
    assert!(!run().await.contains("set aside"));
    let whole = fs::read(&state).unwrap();
    let mut flipped = whole.clone();
    for at in (4096..flipped.len()).step_by(512) {
        flipped[at] ^= 1;
    }
    let cut = &whole[..whole.len() / 2];
    for (what, bytes) in [("cut", cut), ("flipped", &flipped), ("foreign", b"no state at all")] {
        fs::write(&state, bytes).unwrap();
        let said = run().await;
        assert!(said.contains("set aside"), "{what}, {} bytes: {said}", bytes.len());
        assert!(!said.contains("panicked at src"), "{what}: {said}");
        let aside = fs::read_dir(state.parent().unwrap()).unwrap();
        let aside = aside.map(|entry| entry.unwrap().path());
        let aside: Vec<_> = aside.filter(|path| *path != state).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(fs::read(&aside[0]).unwrap().len(), bytes.len(), "it is moved, not deleted");
        fs::remove_file(&aside[0]).unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_ends_the_start() {
    let (api, folder) = (Api::start(&["--records", "10"]), folder());
    fs::write(folder.path().join("state"), "a file").unwrap();
    let output = command(folder.path(), &api.url, "a.toml").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot be used") && said.contains("`state.directory`"), "{said}");
}

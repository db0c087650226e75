//! The state on disk, with the real binary: killed at any moment, owned by another process,
//! damaged, or where nothing can be written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{Options, OverLimit, Simulator, Status};

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

pub(crate) fn number(name: &str, default: u64) -> u64 {
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

/// An API that lives, and a state that outlives the processes that are killed over it.
pub(crate) struct Scene {
    simulator: Simulator,
    api: String,
    folder: tempfile::TempDir,
    /// Where each process listens.
    address: String,
    ledger: Ledger,
    rng: Xoshiro256PlusPlus,
}

impl Scene {
    /// With a baseline that has been read, and `counter_hold = "0s"`.
    pub(crate) async fn begin(address: &str) -> Self {
        let mut options = Options { records: 400, ..Options::default() };
        options.window = Duration::from_secs(12 * 3600);
        options.dialect.limit_max = 50;
        options.dialect.limit_over = OverLimit::Clamp;
        let simulator = Simulator::new(&options, || SystemClock.now_millis());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let router = simulator.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (folder, address) = (folder(), address.to_owned());
        let rng = Xoshiro256PlusPlus::seed_from_u64(number("SEED", 5));
        let scene = Self { simulator, api, folder, address, ledger: Ledger::default(), rng };
        scene.process().await.scraped_until(UP, 1.0).await;
        scene
    }

    pub(crate) async fn process(&self) -> Exporter {
        let mut command = command(self.folder.path(), &self.api, "config.toml");
        command.args(["--web.listen-address", &self.address]);
        Exporter::of(Process::start(&mut command)).await
    }

    /// Lets one process after the other live for up to so many changes, 50 a second, and kills it once
    /// `seen_by` is done with it. None of them may show less than the one before.
    pub(crate) async fn kill(
        &mut self,
        times: u64,
        changes: u64,
        seen_by: impl AsyncFn(&Exporter),
    ) {
        let mut last = BTreeMap::new();
        for _ in 0..times {
            let process = self.process().await;
            for _ in 0..self.rng.random_range(2..changes) {
                live(&self.simulator, &mut self.rng, &self.ledger);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            seen_by(&process).await;
            let seen = by_status(&process.metrics().await);
            for (status, count) in &last {
                assert!(seen.get(status) >= Some(count), "{status} fell: {last:?} {seen:?}");
            }
            last = seen;
            let (code, _) = process.process.end_by("KILL").await;
            assert_eq!(code, None, "it was alive");
        }
    }

    /// Waits until what `counted` says is the ledger: for settled statuses exactly, for the others
    /// no more.
    pub(crate) async fn assert_settles(
        &self,
        mut counted: impl AsyncFnMut() -> BTreeMap<String, f64>,
    ) {
        let ledger = self.ledger.lock().unwrap().clone();
        let settled = ["REC_FAILED", "UPLOAD_FAILED", "UPLOAD_COMPLETED"];
        eventually("settled entries equal the ledger", async || {
            let counted = counted().await;
            for (status, entered) in &ledger {
                let counted = counted.get(*status).copied().unwrap_or(0.0);
                assert!(counted <= *entered, "{status}: {counted:?} {ledger:?}");
            }
            let equal =
                |status: &&str| counted.get(*status) == Some(ledger.get(*status).unwrap_or(&0.0));
            settled.iter().all(equal).then_some(())
        })
        .await;
    }
}

/// `KILLS=100` for a longer run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_moment_counts_each_failure_once() {
    let mut scene = Scene::begin("127.0.0.1:0").await;
    scene.kill(number("KILLS", 12), 60, async |_| ()).await;
    let process = scene.process().await;
    scene.assert_settles(async || by_status(&process.metrics().await)).await;
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
        assert_eq!(counted, 0.0, "what was there before is not an entry");
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
        let own = [state.clone(), state.with_extension("counting-since")];
        let aside: Vec<_> = aside.filter(|path| !own.contains(path)).collect();
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

/// Wraps a command in a shell that lets no file grow beyond so many KiB. A write beyond that fails,
/// as on a full disk.
fn on_a_full_disk(command: &Command, kib: u64) -> Command {
    let mut shell = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[tokio::test]
async fn a_full_disk_fails_the_poll_says_so_and_loses_nothing() {
    let mut scene = Scene::begin("127.0.0.1:0").await;
    let state = scene.folder.path().join("state/p.redb");
    // Room for what there is, and for little more.
    let kib = fs::metadata(&state).unwrap().len() / 1024;
    let mut limited = on_a_full_disk(&command(scene.folder.path(), &scene.api, "config.toml"), kib);
    let exporter = Exporter::of(Process::start(&mut limited)).await;
    exporter.scraped_until(UP, 1.0).await;
    let before = by_status(&exporter.metrics().await);
    eventually("the disk is full", async || {
        for _ in 0..200 {
            live(&scene.simulator, &mut scene.rng, &scene.ledger);
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
        (exporter.metrics().await.get(UP) == 0.0).then_some(())
    })
    .await;
    let metrics = exporter.metrics().await;
    assert!(!metrics.of("workspace_screen_records{").is_empty(), "the last snapshot is served");
    assert!(by_status(&metrics).iter().all(|(status, count)| *count >= before[status]));
    let said = exporter.process.says("poll failed").await;
    assert!(said.contains("p.redb") && said.contains("remedy="), "{said}");
    assert!(!said.contains("panicked"), "{said}");

    // There is room again.
    let pid = exporter.process.id();
    let lifted = Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &pid]).status();
    assert!(lifted.unwrap().success());
    exporter.scraped_until(UP, 1.0).await;
    let counted = by_status(&exporter.metrics().await);
    for (status, entered) in scene.ledger.lock().unwrap().iter() {
        assert!(counted[*status] <= *entered, "{status}: {counted:?}");
    }
    drop(exporter);
    let process = scene.process().await;
    process.scraped_until(UP, 1.0).await;
    let kept = by_status(&process.metrics().await);
    assert!(counted.iter().all(|(status, count)| kept[status] >= *count), "{counted:?} {kept:?}");
}

#[tokio::test]
async fn a_directory_that_may_not_be_written_ends_the_start_and_says_why() {
    use std::os::unix::fs::PermissionsExt;
    let (api, folder) = (Api::start(&["--records", "10"]), folder());
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode));
    mode(folder.path(), 0o755).unwrap();
    mode(&state, 0o555).unwrap();
    let plain = command(folder.path(), &api.url, "a.toml");
    // The superuser may write everywhere, so another user runs a copy where it can be read.
    let program = folder.path().join("exporter");
    fs::copy(plain.get_program(), &program).unwrap();
    let is_root = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own));
    let mut command = if is_root.unwrap() == 0 {
        let mut other = Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        other
    } else {
        Command::new(&program)
    };
    let output = command.args(plain.get_args()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ermission denied") && said.contains("`state.directory`"), "{said}");
}

/// Runs `once` with a limit on the size of files, in kilobytes.
async fn once_with_limit(kilobytes: u32, records: &str) -> Output {
    let api = Api::start(&["--records", records]);
    let folder = folder();
    let more = "[state]\ndirectory = 'state'\n[api]\nmax_requests_per_second = 1000\n";
    let file = write(folder.path(), "config.toml", &config(&api.url, more));
    let program = binary();
    let mut command = Command::new("bash");
    command.current_dir(folder.path()).env_clear();
    command.args(["-c", &format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\"")]);
    command.arg(program.get_program()).args(["once", "--config.file"]).arg(file);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_limit_on_file_sizes_is_an_error_with_a_remedy() {
    for (kilobytes, records, start) in [
        (16, "10", "error: the state state/p.redb cannot be used: "),
        (2048, "40000", "error: p: the state state/p.redb cannot be written: "),
    ] {
        let output = once_with_limit(kilobytes, records).await;
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{kilobytes}: {output:?}");
        let error = text.lines().last().unwrap();
        assert!(error.starts_with(start) && error.contains("File too large"), "{text}");
        assert!(error.contains("`ulimit -f`") && error.contains("LimitFSIZE"), "{text}");
    }
}

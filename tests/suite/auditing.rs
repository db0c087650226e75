//! The questions of an auditor in docs/auditing.md, each answered as the document says and compared with
//! the simulator's true data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::DateTime;
use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{Options, Record, Simulator, Status};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Exporter, Metrics, Process, binary, config, eventually, folder, get_json, write,
};

const DAY: i64 = 86_400_000;
const UNRESOLVED: &str = "workspace_screen_records_unresolved{";
const COUNTING_SINCE: &str =
    "workspace_screen_records_counting_since_timestamp_seconds{project=\"p\"}";

/// A simulated API with twelve days of recordings, and the config of an exporter for it.
struct Audit {
    simulator: Simulator,
    folder: TempDir,
    /// Time at which the history ends.
    now: i64,
}

/// Records, bytes and seconds.
type Totals = [f64; 3];

impl Audit {
    async fn begin() -> Self {
        let options = Options {
            records: 2000,
            desktops: 40,
            users: 30,
            pools: 3,
            failure_share: 0.05,
            // Nothing leaves the window of the exporter during a test.
            window: Duration::from_secs(12 * 24 * 3600),
            ..Options::default()
        };
        let simulator = Simulator::new(&options, || SystemClock.now_millis());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let router = simulator.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = folder();
        let more = format!(
            "[state]\ndirectory = \"{}\"\n\
             [poll]\nmode = \"background\"\nmin_interval = \"100ms\"\ncounter_hold = \"0s\"\n\
             [api]\nmax_requests_per_second = 1000\n",
            folder.path().join("state").display()
        );
        write(folder.path(), "config.toml", &config(&api, &more));
        Self { simulator, folder, now: SystemClock.now_millis() }
    }

    /// The true records that started since then and satisfy a condition.
    fn records(&self, from: i64, is_selected: impl Fn(&Record) -> bool) -> Vec<Record> {
        self.simulator.edit(|world| {
            world.records_from(from).filter(|record| is_selected(record)).cloned().collect()
        })
    }

    /// An exporter that has polled, with the state of the one before it.
    async fn exporter(&self) -> Exporter {
        let mut command = binary();
        command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
        command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]);
        command.arg(self.folder.path().join("config.toml"));
        let exporter = Exporter::of(Process::start(&mut command)).await;
        exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
        exporter
    }
}

fn ids<'r>(records: impl IntoIterator<Item = &'r Record>) -> BTreeSet<String> {
    records.into_iter().map(|record| format!("{:032x}", record.id)).collect()
}

/// The member of each row of a list in JSON.
fn members(answer: &Value, list: &str, member: &str) -> Vec<String> {
    let rows = answer[list].as_array().unwrap().iter();
    rows.map(|row| row[member].as_str().unwrap().to_owned()).collect()
}

/// Totals of a family by the value of its label, over all statuses.
fn totals(metrics: &Metrics, label: &str) -> BTreeMap<String, Totals> {
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    let suffixes = ["", "_size_bytes", "_duration_seconds"];
    for (place, suffix) in suffixes.into_iter().enumerate() {
        let family = format!("workspace_{label}_screen_records{suffix}{{");
        for (sample, value) in metrics.of(&family) {
            let name = sample.split(&format!("{label}=\"")).nth(1).unwrap();
            let name = name.split('"').next().unwrap().to_owned();
            totals.entry(name).or_default()[place] += value;
        }
    }
    totals
}

/// True totals by a name. A recording has a bucket as soon as it has a file.
fn true_totals(
    records: &[Record],
    name: impl Fn(&Record) -> Option<String>,
) -> BTreeMap<String, Totals> {
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    for record in records {
        let name = name(record).unwrap_or_else(|| "_none".to_owned());
        let total = totals.entry(name).or_default();
        total[0] += 1.0;
        total[1] += record.size.unwrap_or(0) as f64;
        total[2] += record.duration.map_or(0.0, f64::from);
    }
    totals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_and_bytes_by_bucket_and_policy_are_the_true_ones() {
    let audit = Audit::begin().await;
    let exporter = audit.exporter().await;
    let metrics = exporter.metrics().await;
    let records = audit.records(i64::MIN, |_| true);
    let directory = audit.simulator.edit(|world| world.directory().clone());
    let by_bucket = true_totals(&records, |record| {
        let has_file = !matches!(record.status, Status::Recording | Status::RecFailed);
        let bucket = record.bucket.filter(|_| has_file)?;
        Some(directory.bucket_name(bucket)?.to_owned())
    });
    let by_policy =
        true_totals(&records, |record| Some(directory.policy_id(record.policy?)?.to_owned()));
    assert!(by_bucket.len() == 4 && by_policy.len() == 5, "{by_bucket:?} {by_policy:?}");
    assert_eq!(totals(&metrics, "bucket"), by_bucket);
    assert_eq!(totals(&metrics, "policy"), by_policy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_listed_and_tell_whether_they_were_reported() {
    let audit = Audit::begin().await;
    let old = audit.records(i64::MIN, |record| {
        matches!(record.status, Status::RecFailed | Status::UploadFailed)
    });
    assert!(old.len() > 20, "{}", old.len());
    let exporter = audit.exporter().await;
    let new = audit.simulator.edit(|world| {
        let recording = world.insert_at(world.now(), Status::Recording);
        assert!(world.set_status(recording, Status::RecFailed));
        [recording, world.insert_at(world.now(), Status::UploadFailed)]
    });
    let new: BTreeSet<_> = new.map(|id| format!("{id:032x}")).into();
    eventually("both failures are unresolved", async || {
        let unresolved = exporter.metrics().await.of(UNRESOLVED);
        (unresolved.values().sum::<f64>() == 2.0).then_some(())
    })
    .await;

    let answer = get_json(&format!("{}/api/v1/failures", exporter.url)).await;
    let all = members(&answer, "failures", "id");
    let expected: BTreeSet<_> = ids(&old).union(&new).cloned().collect();
    assert_eq!(all.len(), expected.len());
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
    let rows = answer["failures"].as_array().unwrap().iter();
    let counted = rows.filter(|row| row["counted"] == true);
    let counted: BTreeSet<_> = counted.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(counted, new, "only failures since counting began were reported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_since_which_failures_are_counted_survives_a_restart_with_its_state() {
    let audit = Audit::begin().await;
    let began = SystemClock.now_millis() as f64 / 1000.0;
    let exporter = audit.exporter().await;
    let since = exporter.metrics().await.get(COUNTING_SINCE);
    let polled = SystemClock.now_millis() as f64 / 1000.0;
    assert!(began <= since && since <= polled, "{began} {since} {polled}");
    drop(exporter);
    let exporter = audit.exporter().await;
    assert_eq!(exporter.metrics().await.get(COUNTING_SINCE), since);
    drop(exporter);

    std::fs::remove_dir_all(audit.folder.path().join("state")).unwrap();
    let exporter = audit.exporter().await;
    assert!(exporter.metrics().await.get(COUNTING_SINCE) > polled, "the state was lost");
}

/// The rows that `records` lists with these flags.
async fn listed(audit: &Audit, flags: &[&str]) -> Vec<Value> {
    let mut command = binary();
    command.arg("records").args(flags).args(["--format", "jsonl", "--config.file"]);
    command.arg(audit.folder.path().join("config.toml"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{flags:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Ids and statuses of rows.
fn statuses(rows: &[Value]) -> BTreeMap<String, String> {
    let text = |row: &Value, member: &str| row[member].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "id"), text(row, "status"))).collect()
}

/// Ids and statuses of true records.
fn true_statuses(records: &[Record]) -> BTreeMap<String, String> {
    let of = |record: &Record| (format!("{:032x}", record.id), record.status.code().to_owned());
    records.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_a_day_of_a_user_has_exactly_the_true_records() {
    let audit = Audit::begin().await;
    let day = (audit.now / DAY - 4) * DAY;
    let date = |millis| DateTime::from_timestamp_millis(millis).unwrap().date_naive().to_string();
    let (start, end) = (date(day), date(day + DAY));
    let is_of_day = |record: &Record| record.start < day + DAY;
    let users = audit.simulator.edit(|world| {
        (0..30).map(|user| (user, world.directory().user_name(user).to_owned())).collect::<Vec<_>>()
    });
    let mut lists = 0;
    for (user, name) in users.iter().take(10) {
        let expected = audit.records(day, |record| is_of_day(record) && record.user == Some(*user));
        let rows = listed(&audit, &["--start", &start, "--end", &end, "--user", name]).await;
        assert_eq!(statuses(&rows), true_statuses(&expected), "{name}");
        lists += usize::from(!rows.is_empty());
    }
    assert!(lists > 5, "{lists}");
    let rows = listed(&audit, &["--start", &start, "--end", &end]).await;
    assert_eq!(statuses(&rows), true_statuses(&audit.records(day, is_of_day)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_by_policy_has_the_true_totals_by_bucket() {
    let audit = Audit::begin().await;
    let directory = audit.simulator.edit(|world| world.directory().clone());
    let date = |millis| DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339();
    let (start, end) = (date(audit.now - 16 * DAY), date(audit.now + DAY));
    for policy in 0..4 {
        let id = directory.policy_id(policy).unwrap();
        let rows = listed(&audit, &["--start", &start, "--end", &end, "--policy", id]).await;
        let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
        for row in &rows {
            let bucket = row["obs_bucket"].as_str().unwrap_or("_none").to_owned();
            let total = totals.entry(bucket).or_default();
            total[0] += 1.0;
            total[1] += row["size"].as_f64().unwrap_or(0.0);
            total[2] += row["duration"].as_f64().unwrap_or(0.0);
        }
        let expected = audit.records(i64::MIN, |record| record.policy == Some(policy));
        let expected = true_totals(&expected, |record| {
            let has_file = !matches!(record.status, Status::Recording | Status::RecFailed);
            let bucket = record.bucket.filter(|_| has_file)?;
            Some(directory.bucket_name(bucket)?.to_owned())
        });
        assert!(expected.len() > 2, "{expected:?}");
        assert_eq!(totals, expected, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_desktops_are_listed_with_the_start_of_their_last_recording() {
    let audit = Audit::begin().await;
    for (desktop, days) in [(3, 3), (7, 5), (11, 4)] {
        let from = audit.now - days * DAY;
        let later = audit.records(from, |record| record.desktop == desktop);
        audit.simulator.edit(|world| {
            assert!(later.iter().all(|record| world.delete(record.id)));
        });
    }
    let exporter = audit.exporter().await;
    let mut silent = audit.simulator.truth(i64::MIN).desktops;
    silent.retain(|desktop| desktop.last_start < audit.now - 2 * DAY);
    silent.sort_by_key(|desktop| desktop.last_start);
    assert!(silent.len() >= 3, "{silent:?}");
    let answer = get_json(&format!("{}/api/v1/desktops?silent_for=2d", exporter.url)).await;
    let expected: Vec<_> = silent.iter().map(|desktop| desktop.id.clone()).collect();
    assert_eq!(members(&answer, "desktops", "desktop_id"), expected);
    let starts = members(&answer, "desktops", "last_start").into_iter();
    let millis = |start: String| DateTime::parse_from_rfc3339(&start).unwrap().timestamp_millis();
    let starts: Vec<_> = starts.map(millis).collect();
    let expected: Vec<_> = silent.iter().map(|desktop| desktop.last_start).collect();
    assert_eq!(starts, expected);
}

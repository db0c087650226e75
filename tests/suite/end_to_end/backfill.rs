//! The history that `backfill` writes: real databases load and serve it, and the live counters go on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use records_api::clock::{Clock, SystemClock};
use records_api::record::{TimeRange, Timestamp};
use records_api_simulator::Status;
use screen_records_exporter::backfill::{Backfill, ProjectOptions, ValueLimits};
use screen_records_exporter::listing::{Listing, ListingOptions};
use screen_records_exporter::snapshot::UserNames;
use serde_json::Value;

use super::prometheus::newer;
use super::sent_on::database;
use super::{fed, python};
use crate::backfill::command::assert_equal;
use crate::backfill::history::History;
use crate::backfill::scene::Scene;
use crate::harness::{Harness, HarnessOptions, NOW};
use crate::support::{Process, ReservedPort, client, eventually, folder, get, get_json, write};

/// The labels of all families, in the order of the exporter.
const LABELS: [&str; 8] = ["project", "user", "status", "type", "pool", "job", "instance", "le"];
/// Otherwise promtool reads the file once for each two hours.
const LONG_BLOCKS: &str = "--max-block-duration=162h";
const TARGET: [&str; 5] = ["--users", "--label", "job=records", "--label", "instance=h:1"];

/// Returns a series as the exporter writes it.
fn series(metric: &Value) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let label = |name: &&str| Some(format!("{name}=\"{}\"", escaped(metric[*name].as_str()?)));
    let labels: Vec<_> = LABELS.iter().filter_map(label).collect();
    assert_eq!(metric.as_object().unwrap().len(), labels.len() + 1, "{metric}");
    format!("{}{{{}}}", metric["__name__"].as_str().unwrap(), labels.join(","))
}

/// Runs the command of a line that `backfill` printed, with another program.
fn run_printed(said: &str, name: &str, program: &Path, folder: &Path) {
    let line = said.lines().find(|line| line.trim().starts_with(name)).unwrap();
    let line = line.trim().replacen(name, program.to_str().unwrap(), 1);
    let output = Command::new("sh").args(["-c", &line]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

/// A Prometheus that scrapes nothing.
struct Database {
    process: Process,
    url: String,
    _port: ReservedPort,
}

impl Database {
    async fn start(program: &Path, data: &Path) -> Self {
        let port = ReservedPort::new();
        let config = write(data.parent().unwrap(), "empty.yml", "global: {}\n");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={}", port.address))
            .args(["--storage.tsdb.retention.time=10y", "--web.enable-remote-write-receiver"]);
        let process = Process::start(&mut command);
        let url = format!("http://{}", port.address);
        eventually("Prometheus is ready", async || {
            let ready = client().get(format!("{url}/-/ready")).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        Self { process, url, _port: port }
    }

    /// Returns the answer to a query at a time in milliseconds.
    async fn query(&self, query: &str, time: i64) -> Vec<Value> {
        let query =
            percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
        let time = time as f64 / 1000.0;
        let answer =
            get_json(&format!("{}/api/v1/query?query={query}&time={time}", self.url)).await;
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    /// Ends and starts it again over the same data.
    async fn restart(self, program: &Path, data: &Path) -> Self {
        let (code, _) = self.process.end_by("TERM").await;
        assert_eq!(code, Some(0));
        Self::start(program, data).await
    }
}

fn value(one: &Value) -> f64 {
    one["value"][1].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_makes_blocks_of_the_history_and_prometheus_serves_them() {
    let scene = Scene::lived(1500, 3, "").await;
    let said = scene.whole_history(&TARGET);
    let history = History::parse(&fs::read_to_string(scene.path("history.txt")).unwrap());
    let programs = [
        (PathBuf::from("promtool"), PathBuf::from("prometheus")),
        (newer("promtool"), newer("prometheus")),
    ];
    for (promtool, prometheus) in programs {
        run_printed(&said, "promtool", &promtool, scene.folder.path());
        let database = Database::start(&prometheus, &scene.path("blocks")).await;
        for (time, _) in &scene.observed {
            let found = database.query("{__name__=~\"workspace_.+\"}", *time).await;
            let found: BTreeMap<_, _> =
                found.iter().map(|one| (series(&one["metric"]), value(one))).collect();
            let begun = history.0.iter().filter(|(_, samples)| samples[0].0 <= *time);
            let expected: BTreeMap<_, _> =
                begun.map(|(series, _)| (series.clone(), history.at(series, *time))).collect();
            assert!(expected.len() > 100, "{}", expected.len());
            assert_eq!(found, expected, "{} at {time}", prometheus.display());
        }
        drop(database);
        fs::remove_dir_all(scene.path("blocks")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victoriametrics_imports_every_sample_of_the_history() {
    let scene = Scene::lived(1000, 2, "").await;
    let said = scene.whole_history(&TARGET);
    let expected = History::parse(&fs::read_to_string(scene.path("history.txt")).unwrap());
    let (_process, url) = database(scene.folder.path()).await;
    let said = said.replace("http://localhost:8428", &url);
    run_printed(&said, "curl", Path::new("curl"), scene.folder.path());
    get(&format!("{url}/internal/force_flush")).await;
    let everything = "%7B__name__%3D~%22workspace_.%2B%22%7D";
    let exported = get(&format!("{url}/api/v1/export?match%5B%5D={everything}")).await;
    let mut found = History::default();
    for line in exported.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let numbers = |name: &str| line[name].as_array().unwrap().clone();
        let times = numbers("timestamps").into_iter().map(|time| time.as_i64().unwrap());
        let values = numbers("values").into_iter().map(|value| value.as_f64().unwrap());
        found.0.insert(series(&line["metric"]), times.zip(values).collect());
    }
    assert_equal(&found, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_parser_accepts_the_history_moment_by_moment() {
    let scene = Scene::lived(600, 2, "").await;
    scene.whole_history(&TARGET);
    let text = fs::read_to_string(scene.path("history.txt")).unwrap();
    // Of the second point of a histogram, this parser takes only the first sample.
    let parser = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        moments, seen = {}, 0\n\
        for line in sys.stdin.buffer.read().decode().removesuffix('# EOF\\n').split('\\n')[:-1]:\n\
        \x20   line += '\\n'\n\
        \x20   if line.startswith('# HELP'):\n\
        \x20       family = line.split(' ')[2]\n\
        \x20   if line.startswith('#'):\n\
        \x20       moments.setdefault((family, ''), []).append(line)\n\
        \x20   else:\n\
        \x20       time = line.rsplit(' ', 1)[1]\n\
        \x20       moments.setdefault((family, time), []).append(line)\n\
        for (family, time), lines in moments.items():\n\
        \x20   if time:\n\
        \x20       text = ''.join(moments[family, ''] + lines) + '# EOF\\n'\n\
        \x20       for parsed in parse(text):\n\
        \x20           assert parsed.name == family and parsed.type in ('counter', 'histogram')\n\
        \x20           seen += len(parsed.samples)\n\
        print(seen)\n";
    let mut command = Command::new(python());
    let (code, said) = fed(command.args(["-c", parser]).env("PYTHONUTF8", "1"), &text);
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((code, said.trim_end()), (Some(0), samples.to_string().as_str()));
}

/// Returns the history of a project's counters until now.
async fn history_of(harness: &Harness) -> String {
    let config = harness.project.config();
    let now = Timestamp::from_millis(NOW);
    let mut listing = Listing::new(ListingOptions {
        client: config.client.clone(),
        clock: harness.clock.clone() as Arc<dyn Clock>,
        range: TimeRange::new(now.plus_millis(-15 * 24 * 3_600_000), now),
        filter: config.options.filter.clone(),
        hides_names: false,
    });
    let folder = folder();
    let mut backfill = Backfill::new(folder.path(), 300_000, true);
    let labels = (*config.labels).clone();
    let limits = ValueLimits { users: 1000, pools: 1000 };
    let options = ProjectOptions { labels, users: UserNames::Name, limits, end: now };
    let mut project = backfill.begin(options).unwrap();
    while let Some(part) = listing.next_part().await.unwrap() {
        part.into_records().for_each(|record| project.add(&record).unwrap());
    }
    backfill.finish(project).unwrap();
    let mut output = Vec::new();
    backfill.write(&mut output).unwrap();
    String::from_utf8(output).unwrap()
}

/// Polls once a minute while recordings start, are uploaded and fail. Returns the scraped samples.
async fn scraped(harness: &Harness) -> History {
    let mut scraped = History::default();
    for minute in 0..40 {
        assert_eq!(harness.poll().await, Ok(()));
        for (name, value) in harness.shown() {
            if name.contains("_transitions_total") || name.contains("_file_size_bytes_count") {
                let samples = scraped.0.entry(name).or_default();
                samples.push((harness.clock.now_millis(), value));
            }
        }
        harness.simulator().edit(|world| {
            let id = world.insert_at(world.now() - 1, Status::Recording);
            if minute % 3 == 0 {
                world.insert_at(world.now() - 1, Status::UploadCompleted);
            }
            if minute % 5 == 0 {
                world.insert_at(world.now() - 1, Status::UploadFailed);
            }
            assert!(world.record(id).is_some());
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    scraped
}

fn openmetrics(history: &History) -> String {
    let mut text = String::new();
    for (series, samples) in &history.0 {
        for (time, value) in samples {
            let _ = writeln!(text, "{series} {value} {}", *time as f64 / 1000.0);
        }
    }
    text + "# EOF\n"
}

#[tokio::test(start_paused = true)]
async fn increase_is_true_across_the_beginning_of_live_counting() {
    let mut options = HarnessOptions::new(2000);
    options.poll.counter_hold = Duration::from_secs(120);
    let harness = options.start();
    let before = history_of(&harness).await;
    let live = scraped(&harness).await;
    let last = live.0.values().map(|samples| samples.last().unwrap().0).max().unwrap();

    // What the history knows, and what happened since. The last changes were not polled.
    let mut expected = BTreeMap::<String, f64>::new();
    for (series, samples) in History::parse(&before).0 {
        if series.starts_with("workspace_screen_record_transitions_total") {
            let status = series.split("status=\"").nth(1).unwrap().split('"').next().unwrap();
            *expected.entry(status.to_owned()).or_default() += samples.last().unwrap().1;
        }
    }
    assert_eq!(expected["RECORDING"], 2000.0);
    for (status, entered) in
        [("RECORDING", 39.0), ("UPLOAD_COMPLETED", 13.0), ("UPLOAD_FAILED", 8.0)]
    {
        *expected.get_mut(status).unwrap() += entered;
    }

    let folder = folder();
    for (name, text) in [("before", before), ("live", openmetrics(&live))] {
        let file = write(folder.path(), name, &text);
        let mut promtool = Command::new("promtool");
        promtool
            .args(["tsdb", "create-blocks-from", "openmetrics", LONG_BLOCKS])
            .arg(file)
            .arg(folder.path().join("data"));
        let output = promtool.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    // Time passes for its answers.
    tokio::time::resume();
    let database = Database::start(Path::new("prometheus"), &folder.path().join("data")).await;
    let query = "sum by (status) (increase(workspace_screen_record_transitions_total[20d]))";
    let found = database.query(query, last).await;
    let found: BTreeMap<_, _> = found
        .iter()
        .map(|one| (one["metric"]["status"].as_str().unwrap().to_owned(), value(one)))
        .collect();
    for (status, expected) in &expected {
        let found = found[status];
        // `increase()` extrapolates to the ends of the range.
        assert!((found - expected).abs() < 1e-3 * expected, "{status}: {found} {expected}");
    }
}

const MINUTE: i64 = 60_000;

/// The request of remote write 1.0.
#[derive(prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<WrittenSeries>,
}

#[derive(prost::Message)]
struct WrittenSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<WrittenLabel>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<WrittenSample>,
}

#[derive(prost::Message)]
struct WrittenLabel {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(prost::Message)]
struct WrittenSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    time: i64,
}

/// Returns a snappy block that is not compressed: the length, and literals of at most 64 KiB.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    prost::encoding::encode_varint(bytes.len() as u64, &mut block);
    for chunk in bytes.chunks(1 << 16) {
        block.push(61 << 2);
        block.extend(u16::try_from(chunk.len() - 1).unwrap().to_le_bytes());
        block.extend(chunk);
    }
    block
}

/// Sends samples of the series `other`, as another job would have.
async fn send(database: &Database, times: &[i64]) {
    let label = WrittenLabel { name: "__name__".to_owned(), value: "other".to_owned() };
    let samples = times.iter().map(|time| WrittenSample { value: 1.0, time: *time }).collect();
    let request = WriteRequest { series: vec![WrittenSeries { labels: vec![label], samples }] };
    let request = client()
        .post(format!("{}/api/v1/write", database.url))
        .header("Content-Encoding", "snappy")
        .header("Content-Type", "application/x-protobuf")
        .header("X-Prometheus-Remote-Write-Version", "0.1.0")
        .body(snappy(&request.encode_to_vec()));
    request.send().await.unwrap().error_for_status().unwrap();
}

/// Returns how many samples of another job are left after a restart, of those that a full head had when
/// a block was moved in that ends so many minutes before.
async fn left_after_restart(
    promtool: &Path,
    prometheus: &Path,
    block_age_minutes: i64,
) -> (usize, f64) {
    let (folder, now) = (folder(), SystemClock.now_millis());
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let database = Database::start(prometheus, &data).await;
    // Prometheus writes a block once the head is three hours long.
    let times: Vec<_> = (1..=178).rev().map(|minute| now - minute * MINUTE).collect();
    send(&database, &times).await;
    let count = async |database: &Database| {
        value(&database.query("count_over_time(other[4h])", now).await[0])
    };
    assert_eq!(count(&database).await, times.len() as f64);
    let end = now - block_age_minutes * MINUTE;
    let history = History(BTreeMap::from([(
        "history_total{project=\"p\"}".to_owned(),
        (0..100).rev().map(|step| (end - step * 5 * MINUTE, 1.0)).collect(),
    )]));
    let file = write(folder.path(), "history.txt", &openmetrics(&history));
    let mut command = Command::new(promtool);
    command.args(["tsdb", "create-blocks-from", "openmetrics", LONG_BLOCKS]).arg(file).arg(&data);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let database = database.restart(prometheus, &data).await;
    let history = database.query("count_over_time(history_total[15h])", now).await;
    assert!(value(&history[0]) > 50.0, "the history is served: {history:?}");
    (times.len(), count(&database).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_end_three_hours_ago_cost_no_samples_of_others_and_newer_ones_do() {
    let programs = [
        (PathBuf::from("promtool"), PathBuf::from("prometheus")),
        (newer("promtool"), newer("prometheus")),
    ];
    for (promtool, prometheus) in programs {
        let (before, left) = left_after_restart(&promtool, &prometheus, 180).await;
        assert_eq!(left, before as f64, "at the printed time");
        let (before, left) = left_after_restart(&promtool, &prometheus, 5).await;
        assert!(left < before as f64, "almost three hours earlier: {left} of {before}");
    }
}

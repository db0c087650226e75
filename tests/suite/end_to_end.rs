//! The whole way: simulated API, exporter, a real Prometheus; promtool; the official SDK.

mod accessibility;
mod backfill;
mod examples;
mod exemplars;
mod long_labels;
mod notified;
mod operator;
mod pages;
mod pairs;
mod prometheus;
mod queries;
mod rules;
mod scraped;
mod sdk;
mod sent_on;
mod sharding;
mod shown;
mod stage;
mod strict;
mod tap;
mod unit;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use records_api_simulator::Status;
use serde_json::Value;

use self::prometheus::{INTERVAL, Prometheus};
use crate::harness::{Harness, HarnessOptions};
use crate::state::{Scene, number};
use crate::support::{Api, Exporter, ReservedPort, config, eventually, folder, get, write};

/// What the truth says, by these members, as PromQL answers it.
fn sums(rows: &Value, members: &[&str], figure: &str) -> BTreeMap<Vec<String>, f64> {
    let mut sums = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let key = members.iter().map(|member| row[member].as_str().unwrap().to_owned()).collect();
        *sums.entry(key).or_insert(0.0) += row[figure].as_f64().unwrap();
    }
    sums
}

/// Without the zeros, which the exporter adds for statuses without records.
fn nonzero(mut sums: BTreeMap<Vec<String>, f64>) -> BTreeMap<Vec<String>, f64> {
    sums.retain(|_, value| *value != 0.0);
    sums
}

#[tokio::test]
async fn prometheus_answers_with_the_truth_of_the_api() {
    let api = Api::start(&["--records", "10000", "--hostile-names", "--odd-share", "0.01"]);
    let exporter = Exporter::start(&config(&api.url, "[poll]\nmin_interval = \"1s\"\n")).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let prometheus = Prometheus::start(&exporter.url, INTERVAL).await;
    prometheus.stops_when("workspace_screen_records_up == 1").await;

    let truth = api.truth().await;
    let figures = [("", "count"), ("_size_bytes", "size"), ("_duration_seconds", "duration")];
    for (suffix, figure) in figures {
        for (rows, metric, labels) in [
            ("by_pool", "workspace_screen_records", ["status"]),
            ("by_pool", "workspace_screen_records", ["type"]),
            ("by_pool", "workspace_screen_records", ["pool"]),
            ("by_user", "workspace_user_screen_records", ["user"]),
            ("by_user", "workspace_user_screen_records", ["status"]),
        ] {
            let query = format!("sum by ({}) ({metric}{suffix})", labels.join(", "));
            let answered = nonzero(prometheus.query(&query, &labels).await);
            let expected = nonzero(sums(&truth[rows], &labels, figure));
            assert!(expected.len() > 3, "{query}");
            assert_eq!(answered, expected, "{query}");
        }
        let labels = ["status", "type", "pool"];
        let metric = format!("workspace_screen_records{suffix}");
        let answered = nonzero(prometheus.query(&metric, &labels).await);
        assert_eq!(answered, nonzero(sums(&truth["by_pool"], &labels, figure)), "{metric}");
    }
    let one = |map: BTreeMap<Vec<String>, f64>| map.into_values().next().unwrap();
    let reported = one(prometheus.query("workspace_screen_records_reported", &[]).await);
    assert_eq!(reported, truth["records"].as_f64().unwrap());
    let body = get(&format!("{}/metrics", exporter.url)).await;
    let served = body.lines().filter(|line| !line.starts_with('#')).count();
    let scraped = one(prometheus.query("scrape_samples_scraped", &[]).await);
    // Figures of the exporter itself begin as they are first needed.
    assert!(scraped > 500.0 && scraped <= served as f64, "{scraped} of {served}");
}

/// `KILLS=100` for a longer run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_sees_each_failure_once_while_the_exporter_is_killed_again_and_again() {
    let port = ReservedPort::new();
    let mut scene = Scene::begin(&port.address).await;
    let prometheus = Prometheus::start(&format!("http://{}", port.address), "1s").await;
    let baseline = scene.process().await;
    let up = "up == 1 and on() workspace_screen_records_up == 1";
    eventually("the baseline is scraped", async || {
        (!prometheus.query(up, &[]).await.is_empty()).then_some(())
    })
    .await;
    drop(baseline);
    let kills = number("KILLS", 8);
    let has_scraped = async |process: &Exporter| {
        let start = process.metrics().await.get("process_start_time_seconds");
        eventually("this process is scraped", async || {
            (prometheus.value("process_start_time_seconds").await? == start).then_some(())
        })
        .await;
    };
    scene.kill(kills, 100, has_scraped).await;

    let _last = scene.process().await;
    let transitions = "workspace_screen_record_transitions_total";
    scene
        .assert_settles(async || {
            // What each series gained from its first sample to its last.
            let answer = prometheus.answer(&format!("{transitions}[1h]")).await;
            let mut gained = BTreeMap::new();
            for series in answer.as_array().unwrap() {
                let samples = series["values"].as_array().unwrap().iter();
                let samples: Vec<f64> =
                    samples.map(|sample| sample[1].as_str().unwrap().parse().unwrap()).collect();
                assert!(samples.is_sorted(), "{series}");
                let status = series["metric"]["status"].as_str().unwrap().to_owned();
                *gained.entry(status).or_insert(0.0) += samples[samples.len() - 1] - samples[0];
            }
            gained
        })
        .await;
    let counters = "{__name__=~\"workspace_.+_(total|bucket|count|sum)\"}";
    let families = format!("count by (__name__) (last_over_time({counters}[1h]))");
    let families = prometheus.query(&families, &["__name__"]).await;
    assert!(families.len() > 10 && families.values().sum::<f64>() > 500.0, "{families:?}");
    for family in families.keys().flatten() {
        let fell = prometheus.query(&format!("resets({family}[1h]) > 0"), &["status"]).await;
        assert!(fell.is_empty(), "{family}: {fell:?}");
    }
    let starts = prometheus.value("changes(process_start_time_seconds[1h])").await.unwrap();
    assert!(starts >= kills as f64, "every process was scraped: {starts}");
}

/// What Prometheus has of the failures, from one scrape every half a minute.
#[derive(Default)]
struct Scraped {
    series: BTreeMap<String, Vec<Option<f64>>>,
    steps: usize,
}

const STEP: Duration = Duration::from_secs(30);

impl Scraped {
    async fn scrape(&mut self, harness: &Harness, minutes: usize) {
        for _ in 0..minutes * 2 {
            tokio::time::sleep(STEP).await;
            let metrics = harness.scrape(Duration::from_secs(10)).await;
            for (name, value) in metrics.of("workspace_screen_record_transitions_total{") {
                if name.contains("FAILED") {
                    let samples = self.series.entry(name).or_default();
                    samples.resize(self.steps, None);
                    samples.push(Some(value));
                }
            }
            self.steps += 1;
        }
    }

    /// Nobody is there to scrape.
    async fn miss(&mut self, minutes: usize) {
        tokio::time::sleep(STEP * u32::try_from(minutes).unwrap() * 2).await;
        self.steps += minutes * 2;
    }

    /// Seconds from the first scrape to the last.
    fn seconds(&self) -> usize {
        (self.steps - 1) * 30
    }

    /// A test for promtool: whether the alert fires after so many seconds.
    fn rule_test(&self, expected: &[(usize, bool)]) -> String {
        let mut text =
            "rule_files: [rules.yml]\nevaluation_interval: 30s\ntests:\n- interval: 30s\n  \
                        input_series:\n"
                .to_owned();
        for (name, samples) in &self.series {
            let values = samples
                .iter()
                .map(|sample| sample.map_or("_".to_owned(), |value| value.to_string()))
                .collect::<Vec<_>>();
            let _ = writeln!(text, "  - series: '{name}'\n    values: '{}'", values.join(" "));
        }
        text.push_str("  promql_expr_test:\n");
        for (seconds, fires) in expected {
            let _ = writeln!(
                text,
                "  - expr: (count(ALERTS{{alertstate=\"firing\"}}) > bool 0) or vector(0)\n    \
                 eval_time: {seconds}s\n    exp_samples: [{{value: {}}}]",
                u8::from(*fires)
            );
        }
        text
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_on_increase_fires_for_every_failure_and_for_no_restart() {
    let folder = folder();
    let rule = "groups:\n- name: records\n  rules:\n  - alert: ScreenRecordFailed\n    expr: \
                increase(workspace_screen_record_transitions_total{status=~\"REC_FAILED|UPLOAD_FAILED\"}[15m]) > 0\n";
    write(folder.path(), "rules.yml", rule);
    let mut setup = HarnessOptions::new(400);
    setup.poll.counter_hold = Duration::from_secs(120);
    setup.state = Some(folder.path().join("p.redb"));
    let fail = |harness: &Harness| {
        harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
    };
    let (mut scraped, mut expected) = (Scraped::default(), Vec::new());

    let harness = setup.clone().start();
    scraped.scrape(&harness, 20).await;
    fail(&harness);
    expected.push((scraped.seconds(), false));
    scraped.scrape(&harness, 2).await;
    expected.push((scraped.seconds(), true));
    scraped.scrape(&harness, 20).await;
    expected.push((scraped.seconds(), false));
    let harness = harness.restart();
    for _ in 0..20 {
        scraped.scrape(&harness, 1).await;
        expected.push((scraped.seconds(), false));
    }
    fail(&harness);
    let harness = harness.restart();
    scraped.miss(8 * 60).await;
    scraped.scrape(&harness, 5).await;
    expected.push((scraped.seconds(), true));
    scraped.scrape(&harness, 20).await;
    expected.push((scraped.seconds(), false));
    let test = write(folder.path(), "restarts.yml", &scraped.rule_test(&expected));

    // The first failure of the first pool: the baseline was empty.
    let (mut scraped, mut expected) = (Scraped::default(), Vec::new());
    setup.options.records = 0;
    setup.state = Some(folder.path().join("q.redb"));
    let harness = setup.start();
    scraped.scrape(&harness, 20).await;
    fail(&harness);
    scraped.scrape(&harness, 5).await;
    expected.push((scraped.seconds(), true));
    scraped.scrape(&harness, 20).await;
    expected.push((scraped.seconds(), false));
    let first = write(folder.path(), "first.yml", &scraped.rule_test(&expected));

    let mut promtool = Command::new("promtool");
    let output = promtool.args(["test", "rules"]).arg(test).arg(first).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{}", said.chars().take(3000).collect::<String>());
}

#[tokio::test]
async fn promtool_and_the_python_parser_accept_the_exposition() {
    let api = Api::start(&["--records", "3000", "--hostile-names", "--odd-share", "0.05"]);
    let exporter = Exporter::start(&config(&api.url, "")).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let body = get(&format!("{}/metrics", exporter.url)).await;

    let mut promtool = Command::new("promtool");
    let output = fed(promtool.args(["check", "metrics"]), &body);
    assert_eq!(output, (Some(0), String::new()));

    let parser = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as parse\n\
        seen = set()\n\
        for family in parse(sys.stdin.read()):\n\
        \x20   assert family.documentation and family.type != 'unknown', family.name\n\
        \x20   for sample in family.samples:\n\
        \x20       key = (sample.name, tuple(sorted(sample.labels.items())))\n\
        \x20       assert key not in seen, key\n\
        \x20       seen.add(key)\n\
        assert len(seen) > 500, len(seen)\n";
    let mut python = Command::new(python());
    let output = fed(python.args(["-c", parser]).env("PYTHONUTF8", "1"), &body);
    assert_eq!(output, (Some(0), String::new()));
}

fn python() -> String {
    std::env::var("SCREEN_RECORDS_TEST_PYTHON").expect("tests/run sets it to its Python")
}

/// Runs a command with this on its stdin: exit code and everything it said.
fn fed(command: &mut Command, input: &str) -> (Option<i32>, String) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that finds fault says so before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

//! From a failed upload to whoever is told: simulated API, exporter, Prometheus, Alertmanager, webhook,
//! with the files of `examples/monitoring`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::routing::post;
use records_api_simulator::{Kind, Record, Status};
use serde_json::Value;

use super::examples::{address, exchanged};
use super::prometheus::Prometheus;
use super::stage::Stage;
use crate::catalog::read;
use crate::support::{Process, ReservedPort, client, eventually, folder, get, write};

/// As an administrator who wants to know at once has it.
const SCRAPE: &str = "5s";
const POLLING: &str = "min_interval = \"5s\"\ncounter_hold = \"10s\"";

type Told = Arc<Mutex<Vec<(String, Value)>>>;

/// A receiver of notifications. Returns where it listens and what it was told: by which of Alertmanager's
/// receivers, and what.
async fn receiver() -> (String, Told) {
    let told = Told::default();
    let kept = told.clone();
    let hear = async move |path: axum::extract::Path<String>, Json(body): Json<Value>| {
        kept.lock().unwrap().push((path.0, body));
    };
    let router = axum::Router::new().route("/{receiver}", post(hear));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, told)
}

/// A file of the example with other texts in place of some that it has.
fn replaced(file: &str, texts: &[(&str, &str)]) -> String {
    exchanged(file, read(&format!("examples/monitoring/{file}")), texts)
}

struct Alertmanager {
    address: String,
    _process: Process,
    _port: ReservedPort,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    async fn start(receiver: &str) -> Self {
        let folder = folder();
        // An hour between two messages of a group is long for a test.
        let texts = [
            ("http://127.0.0.1:9099", receiver),
            ("group_wait: 30s", "group_wait: 1s"),
            ("group_interval: 1h", "group_interval: 5s"),
        ];
        let config =
            write(folder.path(), "alertmanager.yml", &replaced("alertmanager.yml", &texts));
        let port = ReservedPort::new();
        let address = port.address.clone();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=");
        let process = Process::start(&mut command);
        let ready = format!("http://{address}/-/ready");
        eventually("Alertmanager is ready", async || {
            client().get(&ready).send().await.ok()?.status().is_success().then_some(())
        })
        .await;
        Self { address, _process: process, _port: port, _folder: folder }
    }
}

/// Writes the rules to `folder`, as frequent as the scrapes, and alerts that wait less.
fn write_rules(folder: &Path) {
    let hasten = |file: &str, texts| {
        let rules = exchanged(file, read(&format!("dashboards/{file}")), texts);
        write(folder, file, &rules);
    };
    hasten("alerts.yml", &[("for: 15m", "for: 10s")]);
    hasten("recording-rules.yml", &[("interval: 1m", &format!("interval: {SCRAPE}"))]);
}

async fn prometheus(exporter: &str, alertmanager: &str, rules: &Path) -> Prometheus {
    write_rules(rules);
    let config = replaced(
        "prometheus.yml",
        &[
            ("_interval: 15s", &format!("_interval: {SCRAPE}")),
            ("scrape_timeout: 10s", &format!("scrape_timeout: {SCRAPE}")),
            ("../../dashboards", rules.to_str().unwrap()),
            ("127.0.0.1:9093", alertmanager),
            ("127.0.0.1:10047", exporter),
        ],
    );
    Prometheus::launch(Path::new("prometheus"), &[], &config).await
}

/// What was told since then, once there is something.
async fn next(told: &Told, already: usize, what: &str) -> (String, Value) {
    eventually(what, async || told.lock().unwrap().get(already).cloned()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_upload_is_told_once_and_ends_when_it_is_uploaded() {
    let stage = Stage::polled(POLLING).await;
    // What had failed before counting began is nobody's alarm.
    stage.fail();
    let exporter = stage.exporter().await;
    let (receiver, told) = receiver().await;
    let alertmanager = Alertmanager::start(&receiver).await;
    let rules = folder();
    let prometheus = prometheus(address(&stage.url), &alertmanager.address, rules.path()).await;
    prometheus.has_scraped(1).await;
    let baseline = "workspace_screen_records{status=\"UPLOAD_FAILED\"} > 0";
    eventually("old failures are scraped", async || {
        (!prometheus.query(baseline, &["pool"]).await.is_empty()).then_some(())
    })
    .await;

    let (id, pool, pool_name) = stage.simulator.edit(|world| {
        let (id, now) = (u128::MAX / 3, world.now());
        let failed = Record {
            end: Some(now - 60_000),
            update: now,
            size: Some(1 << 20),
            duration: Some(60),
            pool: Some(0),
            status: Status::UploadFailed,
            kind: Kind::Session,
            ..Record::new(id, now - 120_000)
        };
        assert!(world.insert(failed));
        let directory = world.directory();
        (id, directory.pool_id(0).to_owned(), directory.pool_name(0).to_owned())
    });
    let (by, notification) = next(&told, 0, "the failure is told").await;
    assert_eq!((by.as_str(), &notification["status"]), ("warning", &"firing".into()));
    let alerts = notification["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "{notification:#}");
    let (labels, texts) = (&alerts[0]["labels"], &alerts[0]["annotations"]);
    for (label, value) in [
        ("alertname", "ScreenRecordUploadFailed"),
        ("project", "p"),
        ("type", "SESSION"),
        ("pool", &pool),
        ("severity", "warning"),
    ] {
        assert_eq!(labels[label], value, "{labels}");
    }
    let description = texts["description"].as_str().unwrap();
    for part in ["project p", &pool_name, "SESSION", "1 screen recording"] {
        assert!(description.contains(part), "{description}");
    }
    let page = get(texts["failures_url"].as_str().unwrap()).await;
    assert!(page.contains(&format!("{id:032x}")), "{page}");

    // A restart neither ends it nor tells it again.
    let (code, _) = exporter.process.end_by("KILL").await;
    assert_eq!(code, None);
    let exporter = stage.exporter().await;
    let start = exporter.metrics().await.get("process_start_time_seconds");
    eventually("the new process is scraped", async || {
        (prometheus.value("process_start_time_seconds").await? == start).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let firing = "ALERTS{alertstate=\"firing\"}";
    let fires = prometheus.query(firing, &["alertname"]).await;
    assert_eq!(fires.into_keys().collect::<Vec<_>>(), [["ScreenRecordUploadFailed".to_owned()]]);
    assert_eq!(told.lock().unwrap().len(), 1, "{:#?}", told.lock().unwrap());

    stage.simulator.edit(|world| assert!(world.set_status(id, Status::Uploading)));
    let (by, notification) = next(&told, 1, "the end is told").await;
    assert_eq!((by.as_str(), &notification["status"]), ("warning", &"resolved".into()));
    stage.simulator.edit(|world| assert!(world.set_status(id, Status::UploadCompleted)));
    eventually("the upload is seen", async || {
        let uploaded = "sum(workspace_screen_records_unresolved)";
        (prometheus.value(uploaded).await? == 0.0).then_some(())
    })
    .await;
    assert_eq!(told.lock().unwrap().len(), 2);
    assert_eq!(prometheus.complaints(), [""; 0]);
}

//! States that earlier versions wrote are read: `tests/fixtures/state`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::harness::{
    self, FakeTransport, Harness, HarnessOptions, Samples, UP, is_counter, script,
};
use crate::support::Metrics;

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/state").join(name)
}

/// Formats of the states.
const FORMATS: [u32; 3] = [1, 2, 3];

/// Metrics that the versions that wrote the states did not have, or had with other labels.
const NEWER: [&str; 6] = [
    "workspace_bucket_",
    "workspace_policy_",
    "workspace_desktops_",
    "workspace_screen_records_uploaded_",
    "workspace_screen_records_newest_start_",
    "workspace_screen_records_counting_since_",
];

fn without_newer(mut samples: Samples) -> Samples {
    samples.retain(|name, _| !NEWER.iter().any(|newer| name.starts_with(newer)));
    samples
}

/// Returns what the versions that wrote the states served for them.
fn expected() -> Samples {
    let samples = fs::read_to_string(fixture("samples.txt")).unwrap();
    without_newer(Metrics::parse(&samples).of("workspace_"))
}

/// Returns the samples of metrics that those versions had.
fn shown(harness: &Harness) -> Samples {
    without_newer(harness.shown())
}

/// Checks that the records have the names that earlier formats lack.
fn check_names(harness: &Harness, format: u32) {
    let shown = harness.shown();
    let sum = |name: &str| -> f64 {
        shown.iter().filter(|(key, _)| key.starts_with(name)).map(|(_, value)| value).sum()
    };
    let records = sum("workspace_screen_records{");
    let bucket = sum("workspace_bucket_screen_records{project=\"p\",bucket=\"bucket\"");
    assert!(records > 10.0);
    assert_eq!(bucket, records, "format {format}");
    let desktops = sum("workspace_desktops_recorded{");
    assert_eq!(desktops, records, "format {format}, each record is of another desktop");
}

fn expected_failures() -> Vec<Value> {
    serde_json::from_slice(&fs::read(fixture("failures.json")).unwrap()).unwrap()
}

/// Returns an API that lists the records of the states, or answers 503 for ever.
fn api(is_down: bool) -> Arc<FakeTransport> {
    let records: Vec<Value> =
        serde_json::from_slice(&fs::read(fixture("records.json")).unwrap()).unwrap();
    let status = if is_down { 503 } else { 200 };
    script(move |_, request| (status, page(&records, request)))
}

fn page(records: &[Value], request: &http::Request<Bytes>) -> String {
    let query = request.uri().query().unwrap().as_bytes();
    let query: std::collections::BTreeMap<_, _> =
        form_urlencoded::parse(query).into_owned().collect();
    let is_asked_for = |record: &&Value| {
        record["start_time"].as_str() >= query.get("start_time").map(String::as_str)
            && query.get("status").is_none_or(|status| record["status"] == **status)
    };
    let records: Vec<_> = records.iter().filter(is_asked_for).collect();
    let page: Vec<_> = records.iter().skip(query["offset"].parse().unwrap()).collect();
    json!({"screen_records": page, "total_count": records.len()}).to_string()
}

/// Starts a process with a copy of the state.
fn start(format: u32, folder: &Path, transport: Arc<FakeTransport>) -> Harness {
    let (path, mut state) = (folder.join("p.redb"), Vec::new());
    let packed = fs::File::open(fixture(&format!("format-{format}.redb.gz"))).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut state).unwrap();
    fs::write(&path, state).unwrap();
    let mut setup = HarnessOptions::new(0);
    setup.state = Some(path);
    setup.limits.max_retries = 0;
    setup.poll.window = Duration::from_secs(3600);
    (setup.poll.max_users, setup.poll.max_pools) = (2, 2);
    setup.start_at(transport)
}

fn failures(harness: &Harness) -> Vec<Value> {
    let failed = harness.project.failed();
    let rows = harness::failures(&failed).into_iter().map(|shown| {
        json!({
            "project": failed.project,
            "status": shown.status,
            "type": shown.record_type,
            "pool": shown.pool,
            "pool_name": null,
            "desktop_id": shown.desktop_id,
            "desktop_name": shown.desktop_name,
            "user": shown.user.as_deref(),
            "id": shown.id,
            "start_time": shown.start.to_rfc3339(),
            "update_time": shown.update.map(records_api::record::Timestamp::to_rfc3339),
            "size_bytes": shown.size_bytes,
            "bucket": shown.bucket,
            "file_directory": shown.file_directory,
            "file_name": shown.file_name,
            "counted": shown.counted,
        })
    });
    rows.collect()
}

#[tokio::test(start_paused = true)]
async fn counters_of_earlier_formats_are_served_before_a_poll() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let harness = start(format, folder.path(), api(true));
        let counters = |mut samples: Samples| {
            samples.retain(|name, _| is_counter(name));
            samples
        };
        let expected = counters(expected());
        assert!(expected.values().sum::<f64>() > 50.0, "{expected:?}");
        assert_eq!(counters(shown(&harness)), expected, "format {format}");
        assert!(harness.poll().await.is_err());
        assert_eq!(counters(shown(&harness)), expected, "format {format}, after a failed poll");
        let mut known = expected_failures();
        // Format 1 has no texts of failed records.
        for failure in known.iter_mut().filter(|_| format == 1) {
            for name in
                ["id", "desktop_id", "desktop_name", "bucket", "file_directory", "file_name"]
            {
                failure[name] = Value::Null;
            }
        }
        let by_start = |failures: &mut Vec<Value>| {
            // The order of equal starts depends on keys, which the fixture does not name.
            failures.sort_by_key(ToString::to_string);
        };
        let mut shown = failures(&harness);
        by_start(&mut known);
        by_start(&mut shown);
        assert_eq!(shown, known, "format {format}");
    }
}

#[tokio::test(start_paused = true)]
async fn earlier_formats_are_continued_as_by_the_version_that_wrote_them() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let harness = start(format, folder.path(), api(false));
        assert_eq!(harness.poll().await, Ok(()));
        let expected = expected();
        assert_eq!(expected[UP], 1.0);
        assert_eq!(shown(&harness), expected, "format {format}");
        check_names(&harness, format);
        assert_eq!(failures(&harness), expected_failures(), "format {format}");
        // What was committed since is in the current format.
        let harness = harness.restart();
        assert_eq!(harness.poll().await, Ok(()));
        assert_eq!(shown(&harness), expected, "format {format}, after a restart");
        check_names(&harness, format);
        assert_eq!(failures(&harness), expected_failures(), "format {format}, after it");
    }
}

//! A list that is not complete: exit code 1, the remedy of a poll, and no file.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use records_api_simulator::Fault;
use serde_json::Value;

use super::api::Served;
use crate::support::{Process, config, eventually, write};

fn set_fault(served: &Served, fault: &str) {
    served.simulator.set_faults(vec![fault.parse::<Fault>().unwrap()]);
}

/// Names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "config.toml").collect();
    names.sort();
    names
}

async fn failure(served: &Served, flags: &[&str]) -> (Option<i32>, String) {
    let output = served.run(flags).await;
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_list_that_cannot_be_completed_leaves_no_file() {
    let more = "[api]\nmax_requests_per_second = 1000\nmax_retries = 0\n";
    let served = Served::start_with(more, 20_000, |_| {}).await;
    let path = served.folder.path().join("list.csv");
    let output = ["--output", path.to_str().unwrap()];
    for (fault, says) in [
        ("status=500,after=9", "answered 500"),
        ("status=403", "403"),
        ("kind=html,after=5", "not a JSON page"),
        ("kind=rows,as=no-start,share=0.1", "rows could not be understood"),
        ("endpoint=records,kind=no-rows", "the API counts"),
    ] {
        set_fault(&served, fault);
        let (code, stderr) = failure(&served, &output).await;
        assert_eq!(code, Some(1), "{fault}: {stderr}");
        assert!(stderr.starts_with("error: p: ") && stderr.contains(says), "{fault}: {stderr}");
        assert!(stderr.contains("(/v2/0123abcd/screen-records?"), "{fault}: {stderr}");
        assert!(stderr.trim_end().lines().count() == 1, "{fault}: {stderr}");
        assert_eq!(files(served.folder.path()), [""; 0], "{fault}");
        let output = served.run(&[]).await;
        assert_eq!(output.status.code(), Some(1), "{fault} to stdout");
    }
}

#[tokio::test]
async fn a_name_of_a_pool_that_cannot_be_resolved_is_no_empty_list() {
    let served = Served::start(1000, |_| {}).await;
    set_fault(&served, "endpoint=pools,status=500");
    let (code, stderr) = failure(&served, &["--pool", "Sales"]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("no record has the pool ID Sales"), "{stderr}");
}

#[tokio::test]
async fn few_rejected_rows_are_named_on_stderr() {
    let served = Served::start(20_000, |_| {}).await;
    set_fault(&served, "kind=rows,as=no-start,share=0.0003");
    let output = served.run(&[]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("the list lacks rows that could not be understood"), "{stderr}");
    assert!(stderr.contains("no_start_time: "), "{stderr}");
}

#[tokio::test]
async fn bad_arguments_are_refused_with_what_is_accepted() {
    let served = Served::start(0, |_| {}).await;
    for (flags, says) in [
        (&["--start", "2026-11-20", "--end", "2026-11-20"][..], "is not before --end"),
        (&["--start", "yesterday"], "midnight in UTC"),
        (&["--project", "x"], "unknown project x; known are p"),
        (&["--status", "DONE"], "accepted are RECORDING, REC_COMPLETED"),
        (&["--type", "DONE"], "accepted are FULL, INTERVAL"),
        (&["--format", "xml"], "csv, jsonl, table"),
        (&["--raw", "--format", "jsonl"], "--raw is only accepted with --format csv"),
    ] {
        let (code, stderr) = failure(&served, flags).await;
        assert_eq!(code, Some(2), "{flags:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(says), "{flags:?}: {stderr}");
    }
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_named_before_any_request() {
    let served = Served::start(10, |_| {}).await;
    let path = served.folder.path().join("missing/list.csv");
    let (code, stderr) = failure(&served, &["--output", path.to_str().unwrap()]).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot write to ") && stderr.contains("list.csv"), "{stderr}");
    let requests = serde_json::to_value(served.simulator.requests()).unwrap();
    assert_eq!(requests["counts"]["records"].as_object().map_or(0, serde_json::Map::len), 0);
}

#[tokio::test]
async fn credentials_that_were_refused_are_left_alone() {
    let served = Served::start(10, |_| {}).await;
    let state = served.folder.path().join("state");
    let text =
        config(&served.url, &format!("[state]\ndirectory = {:?}\n", state.to_str().unwrap()));
    let text = text.replace(crate::support::TOKEN, "another-token");
    write(served.folder.path(), "config.toml", &text);
    for attempt in 0..3 {
        let mut command = served.command(&[]);
        command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let requests = serde_json::to_value(served.simulator.requests()).unwrap();
        assert_eq!(requests["counts"]["records"]["401"], Value::from(1), "attempt {attempt}");
    }
}

// Reading its output blocks a thread, and another one serves the API.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_leaves_ends_the_command_without_a_panic() {
    let served = Served::start(30_000, |_| {}).await;
    let mut command = served.command(&[]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = [0; 100];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: cannot write to stdout: Broken pipe"), "{stderr}");
}

#[tokio::test]
async fn signals_leave_nothing_under_the_name_of_the_target() {
    let served = Served::start(20_000, |_| {}).await;
    let path = served.folder.path().join("list.csv");
    let flags = ["--output", path.to_str().unwrap()];
    for (signal, code, left) in [("TERM", Some(1), 0), ("INT", Some(1), 0), ("KILL", None, 1)] {
        std::fs::write(&path, "earlier").unwrap();
        set_fault(&served, "kind=hang,after=12");
        let process = Process::start(&mut served.command(&flags));
        eventually("it has begun the file and waits", async || {
            let requests = serde_json::to_value(served.simulator.requests()).unwrap();
            let hangs = requests["counts"]["records"]["hang"].as_u64().unwrap_or(0) > 0;
            (hangs && files(served.folder.path()).len() == 2).then_some(())
        })
        .await;
        let (ended, took) = process.end_by(signal).await;
        assert_eq!(ended, code, "{signal}");
        assert!(took < Duration::from_secs(60), "{signal}: {took:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "earlier", "{signal}");
        assert_eq!(files(served.folder.path()).len(), 1 + left, "{signal}");
        // The next fault counts from the beginning.
        served.simulator.set_faults(Vec::new());
    }
}

// Reading its output blocks a thread, and another one serves the API.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_a_command_whose_reader_stalls() {
    let served = Served::start(30_000, |_| {}).await;
    let mut process = Process::start(&mut served.command(&[]));
    // Its output fills the pipe, and nobody reads on.
    assert!(process.line().starts_with("project,id,"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (code, took) = process.end_by("TERM").await;
    assert_eq!(code, Some(1));
    assert!(took < Duration::from_secs(60), "{took:?}");
}

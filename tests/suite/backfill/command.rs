//! The command `backfill`: what it writes, what it refuses, and what it leaves behind.

use std::fs;

use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{PoolCell, Status};

use super::history::History;
use super::scene::{HOUR, Scene, rfc3339};
use crate::support::{Exporter, Process, run, write};

const STEP: i64 = 300_000;

/// Asserts that a history has the series and samples of another one.
pub(crate) fn assert_equal(found: &History, expected: &History) {
    assert!(expected.0.len() > 100, "{}", expected.0.len());
    assert_eq!(found.0.keys().collect::<Vec<_>>(), expected.0.keys().collect::<Vec<_>>());
    for (series, samples) in &found.0 {
        let expected = &expected.0[series];
        assert_eq!(samples.len(), expected.len(), "{series}");
        for ((time, value), (expected_time, expected)) in samples.iter().zip(expected) {
            assert_eq!(time, expected_time, "{series}");
            assert!(
                (value - expected).abs() <= expected * 1e-9,
                "{series} {time}: {value} {expected}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_equals_what_a_perfect_observer_had_counted() {
    let scene = Scene::lived(3000, 3, "").await;
    let said =
        scene.whole_history(&["--users", "--label", "job=records", "--label", "instance=h:1"]);
    let constant = ",job=\"records\",instance=\"h:1\"";
    let text = fs::read_to_string(scene.path("history.txt")).unwrap();
    let history = History::parse(&text);
    assert_equal(&history, &scene.model(STEP, true, constant).history(&scene.records()));
    assert!(text.contains("only the start and the present status of a recording are known"));
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(said.contains(&format!("{samples} samples of ")), "{said}");
    assert!(said.contains(&format!(" {} bytes\n", text.len())), "{said}");
    assert!(said.contains(&format!("before {}", rfc3339(scene.now + 3 * HOUR))), "{said}");

    // Of the statuses that no record leaves, a perfect observer knows no more.
    let mut compared = 0.0;
    for (time, flows) in &scene.observed {
        for ((status, kind, pool), flow) in &flows.pools {
            if ![Status::Recording, Status::RecFailed, Status::UploadCompleted].contains(status) {
                continue;
            }
            let labels = labels(&scene, (*status, *kind, *pool));
            let series = format!("workspace_screen_record_transitions_total{{{labels}{constant}}}");
            assert_eq!(history.at(&series, *time), flow.entered as f64, "{series} at {time}");
            compared += flow.entered as f64;
        }
    }
    assert_eq!(scene.observed.len(), 10);
    assert!(compared > 10_000.0, "{compared}");
}

fn labels(scene: &Scene, (status, kind, pool): PoolCell) -> String {
    let pool = pool.map_or("_none".to_owned(), |pool| {
        scene.simulator.edit(|world| world.directory().pool_id(pool).to_owned())
    });
    format!("project=\"p\",status=\"{}\",type=\"{}\",pool=\"{pool}\"", status.code(), kind.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_ends_where_live_counting_began_and_the_exporter_may_run() {
    let scene = Scene::lived(200, 2, "").await;
    let mut command = scene.binary();
    command.args(["--web.listen-address", "127.0.0.1:0"]);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let since = fs::read_to_string(scene.path("data/p.counting-since")).unwrap();
    let since = since.trim_end();

    let start = rfc3339(scene.begin);
    let output = scene.backfill(&["--start", &start, "--output", "-", "--step", "1h"]);
    assert!(output.status.success(), "{output:?}");
    let history = History::parse(&String::from_utf8(output.stdout).unwrap());
    let last = |samples: &Vec<(i64, f64)>| rfc3339(samples.last().unwrap().0);
    assert!(history.0.values().all(|samples| last(samples) == since), "{since}");
    let recorded = history.0.iter().filter(|(series, _)| series.contains("RECORDING"));
    let recorded: f64 = recorded.map(|(_, samples)| samples.last().unwrap().1).sum();
    assert_eq!(recorded, 200.0);

    let later = rfc3339(SystemClock.now_millis());
    let output = scene.backfill(&["--start", &start, "--end", &later, "--output", "x"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--end") && said.contains(since), "{said}");

    // During the first sync nobody knows when counting will begin.
    fs::remove_file(scene.path("data/p.counting-since")).unwrap();
    let output = scene.backfill(&["--start", &start, "--output", "x"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    assert!(!scene.path("x").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incomplete_list_leaves_no_file_and_no_text() {
    let scene = Scene::lived(200, 2, "[api]\nmax_retries = 0\n").await;
    write(scene.folder.path(), "history.txt", "earlier");
    scene.simulator.set_faults(vec!["status=503,after=1".parse().unwrap()]);
    let start = rfc3339(scene.begin);
    for output in ["history.txt", "-"] {
        let output = scene.backfill(&["--start", &start, "--output", output]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("503"), "{said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(fs::read_to_string(scene.path("history.txt")).unwrap(), "earlier");
    let files = fs::read_dir(scene.folder.path()).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_shown_as_in_the_live_series() {
    let labels = "[labels]\nuser = \"hash\"\nuser_hash_key = \"0123456789abcdef\"\nmax_users = 3\n";
    let scene = Scene::lived(300, 2, labels).await;
    scene.whole_history(&["--users"]);
    let text = fs::read_to_string(scene.path("history.txt")).unwrap();
    let user = |line: &str| Some(line.split("user=\"").nth(1)?.split('"').next()?.to_owned());
    let written: std::collections::BTreeSet<_> = text.lines().filter_map(user).collect();
    let output = scene.binary().arg("once").output().unwrap();
    let live = String::from_utf8(output.stdout).unwrap();
    let live: std::collections::BTreeSet<_> = live.lines().filter_map(user).collect();
    assert_eq!(written, live);
    assert_eq!(written.len(), 5, "three hashes, _none and _other: {written:?}");
}

#[test]
fn a_wrong_command_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = crate::support::config("http://127.0.0.1:1", "[labels]\nuser = \"drop\"\n");
    let text = text + "labels = { site = \"north\" }\n";
    let file = write(folder.path(), "config.toml", &text);
    let output = folder.path().join("history.txt");
    let common =
        ["backfill", "--config.file", file.to_str().unwrap(), "--output", output.to_str().unwrap()];
    let start = ["--start", "2026-01-01"];
    for (more, words) in [
        (vec![], "--start"),
        (vec!["--start", "yesterday"], "--start"),
        (vec!["--start", "2026-01-02", "--end", "2026-01-02"], "is not before the end"),
        (vec!["--start", "2026-01-01", "--end", "2999-01-01"], "--end: 2999"),
        ([&start[..], &["--step", "1ms"]].concat(), "--step"),
        ([&start[..], &["--users"]].concat(), "`labels.user` is \"drop\""),
        ([&start[..], &["--project", "q"]].concat(), "unknown project q; known are p"),
        ([&start[..], &["--label", "job"]].concat(), "NAME=VALUE"),
        ([&start[..], &["--label", "pool=x"]].concat(), "\"pool\""),
        ([&start[..], &["--label", "le=x"]].concat(), "\"le\""),
        ([&start[..], &["--label", "a-b=x"]].concat(), "\"a-b\""),
        ([&start[..], &["--label", "site=x"]].concat(), "\"site\" is already a label of"),
        ([&start[..], &["--label", "job="]].concat(), "\"job\" has a value"),
        (
            [&start[..], &["--label", "job=a", "--label", "job=b"]].concat(),
            "\"job\" is given twice",
        ),
    ] {
        let output = run(&[&common[..], &more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
    }
    assert!(!output.exists());
}

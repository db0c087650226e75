//! The time at which counting began, beside the state that another process has open.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use records_api::record::Timestamp;
use screen_records_exporter::ledger::{DurableLedger, OpenError};

use crate::harness::{Harness, HarnessOptions, NOW};

fn state_in(folder: &Path) -> PathBuf {
    folder.join("data/p.redb")
}

fn beside(state: &Path) -> PathBuf {
    state.with_extension("counting-since")
}

fn start(folder: &Path) -> Harness {
    let mut options = HarnessOptions::new(20);
    options.state = Some(state_in(folder));
    options.start()
}

fn known(folder: &Path) -> Option<Timestamp> {
    DurableLedger::counting_since(&state_in(folder)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_time_is_known_while_another_process_has_the_state_open() {
    let folder = tempfile::tempdir().unwrap();
    let harness = start(folder.path());
    let state = state_in(folder.path());
    // Counting has not begun, and the state is locked.
    let error = DurableLedger::counting_since(&state).unwrap_err();
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    assert_eq!(harness.poll().await, Ok(()));
    let began = Some(Timestamp::from_millis(NOW));
    assert_eq!(known(folder.path()), began);
    assert_eq!(fs::read_to_string(beside(&state)).unwrap(), "2026-11-20T12:00:00.000Z\n");
    assert_eq!(fs::metadata(beside(&state)).unwrap().permissions().mode() & 0o777, 0o600);
    // Later polls and processes keep it, and write it again if it is lost.
    tokio::time::sleep(Duration::from_secs(60)).await;
    fs::remove_file(beside(&state)).unwrap();
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(known(folder.path()), began);
    fs::write(beside(&state), "not a time").unwrap();
    let harness = harness.restart();
    assert_eq!(known(folder.path()), began);
    drop(harness);
    assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_state_of_an_earlier_version_is_read_if_no_process_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(known(folder.path()), None, "without a state");
    assert!(!folder.path().join("data").exists(), "asking creates nothing");
    let harness = start(folder.path());
    assert_eq!(harness.poll().await, Ok(()));
    fs::remove_file(beside(&state_in(folder.path()))).unwrap();
    drop(harness);
    assert_eq!(known(folder.path()), Some(Timestamp::from_millis(NOW)));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_set_aside_or_removed_takes_its_time_along() {
    let folder = tempfile::tempdir().unwrap();
    let state = state_in(folder.path());
    let losses: [fn(&Path); 2] = [
        |state| {
            fs::remove_file(state).unwrap();
            fs::write(state, "damaged").unwrap();
        },
        |state| fs::remove_file(state).unwrap(),
    ];
    let mut harness = start(folder.path());
    for lose in losses {
        assert_eq!(harness.poll().await, Ok(()));
        assert!(beside(&state).exists());
        tokio::time::sleep(Duration::from_secs(60)).await;
        let stopped = harness;
        lose(&state);
        harness = stopped.restart();
        assert!(!beside(&state).exists(), "counting has not begun");
    }
    assert_eq!(harness.poll().await, Ok(()));
    assert!(known(folder.path()) >= Some(Timestamp::from_millis(NOW + 120_000)));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_state_is_left_to_the_exporter() {
    let folder = tempfile::tempdir().unwrap();
    let state = state_in(folder.path());
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(&state, "damaged").unwrap();
    let error = DurableLedger::counting_since(&state).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert_eq!(fs::read_to_string(&state).unwrap(), "damaged");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_cannot_be_written_fails_no_poll() {
    let folder = tempfile::tempdir().unwrap();
    let state = state_in(folder.path());
    fs::create_dir_all(beside(&state).join("something")).unwrap();
    let harness = start(folder.path());
    assert_eq!(harness.poll().await, Ok(()));
    fs::remove_dir_all(beside(&state)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(known(folder.path()), Some(Timestamp::from_millis(NOW)));
}

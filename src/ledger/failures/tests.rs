//! Tests of the details of failed records: which are kept, and when they are removed.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::ledger::{DurableLedger, FirstSync, KeptNames, LabelLimits, Ledger, PollFacts, Staging};
use records_api::record::{Term, TimeRange};

const LIMITS: LabelLimits = LabelLimits::uniform(9);

fn at(minute: u32) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::from(minute) * 60_000)
}

/// Returns a record that starts at a minute, which is its id, and was last changed at `update`.
fn record(minute: u32, status: Status, update: u32) -> Record<'static> {
    let mut record = Record::new(format!("id {minute}"), at(minute));
    record.status = Term::Known(status);
    record.update_time = Some(at(update));
    record.desktop_name = Some(format!("desktop {minute}").into());
    record.video_filename = Some(format!("file {minute} of {update}").into());
    record
}

fn facts(window_start: u32) -> PollFacts {
    PollFacts { window_start: at(window_start), ..PollFacts::default() }
}

fn read(staging: &mut Staging, ledger: &mut DurableLedger, record: &Record<'_>) {
    staging.read(ledger, RecordKey::of(&record.id), record);
}

/// Commits a poll that reads everything from a minute on, in two stagings that are merged.
fn poll(ledger: &mut DurableLedger, window_start: u32, records: &[Record<'_>]) -> bool {
    let mut halves = [Staging::default(), Staging::default()];
    for (number, record) in records.iter().enumerate() {
        read(&mut halves[number % 2], ledger, record);
    }
    let [mut staging, other] = halves;
    staging.merge(other);
    staging.cover(TimeRange::since(at(window_start)));
    let changes = ledger.diff(staging, facts(window_start), LIMITS);
    ledger.commit(changes).is_ok()
}

/// Returns all failed records, the newest first.
fn failed(ledger: &Ledger) -> Vec<(StoredRecord, Option<&Arc<FailureDetails>>)> {
    let hours = ledger.failed_revisions().since(0).rev();
    hours.flat_map(|(hour, _)| ledger.failed_in(hour)).collect()
}

/// Returns the ids and file names that are kept, the newest first.
fn kept(ledger: &Ledger) -> Vec<(String, String)> {
    let texts = |details: &FailureDetails| {
        (details.id.to_string(), details.file_name.as_deref().unwrap_or("none").to_owned())
    };
    failed(ledger).into_iter().filter_map(|(_, details)| Some(texts(details?))).collect()
}

fn ids(ledger: &Ledger) -> Vec<String> {
    kept(ledger).into_iter().map(|(id, _)| id).collect()
}

fn opened(path: &Path) -> DurableLedger {
    DurableLedger::open(path, at(0)).unwrap().0
}

#[test]
fn details_of_the_newest_are_kept_in_any_order_of_reading() {
    const MORE: u32 = 300;
    let all = u32::try_from(MAX_FAILURE_DETAILS).unwrap() + MORE;
    let mut ledger = DurableLedger::default();
    let records: Vec<_> = (0..all).map(|n| record(n * 7 % all, Status::RecFailed, 0)).collect();
    let newest = |from: u32, to: u32| (from..to).rev().map(|n| format!("id {n}"));
    assert!(poll(&mut ledger, 0, &records));
    assert!(ids(&ledger).into_iter().eq(newest(MORE, all)));
    let starts = failed(&ledger).into_iter().map(|(record, _)| record.start);
    assert!(starts.eq((0..all).rev().map(at)), "records without details are listed as well");
    // When one leaves, the next one is added by a read, although its record is unchanged.
    let (mut later, gone) = (records, format!("id {}", all - 1));
    later.retain(|record| record.id != gone.as_str());
    assert!(poll(&mut ledger, 0, &later));
    assert!(ids(&ledger).into_iter().eq(newest(MORE - 1, all - 1)));
    assert!(poll(&mut ledger, MORE + 50, &[]));
    assert!(ids(&ledger).is_empty() && failed(&ledger).is_empty());
}

#[test]
fn details_are_removed_with_the_failure_and_return_with_it() {
    let mut ledger = DurableLedger::default();
    let failed = |minute, update| record(minute, Status::UploadFailed, update);
    assert!(poll(&mut ledger, 0, &[failed(5, 6), failed(7, 7), record(8, Status::Recording, 8)]));
    assert_eq!(ids(&ledger), ["id 7", "id 5"]);
    assert!(poll(&mut ledger, 0, &[failed(5, 6), record(7, Status::Uploading, 9)]));
    assert_eq!(ids(&ledger), ["id 5"], "the upload of id 7 is retried");
    assert!(poll(&mut ledger, 0, &[failed(7, 10)]));
    assert_eq!(kept(&ledger), [("id 7".to_owned(), "file 7 of 10".to_owned())], "5 is hidden");
    assert!(poll(&mut ledger, 0, &[failed(5, 6), failed(7, 10)]));
    assert_eq!(ids(&ledger), ["id 7", "id 5"]);
    assert!(poll(&mut ledger, 6, &[failed(7, 10)]));
    assert_eq!(ids(&ledger), ["id 7"], "5 has left the window");
}

#[test]
fn a_stale_read_neither_adds_nor_removes_details() {
    let mut ledger = DurableLedger::default();
    assert!(poll(
        &mut ledger,
        0,
        &[record(1, Status::UploadFailed, 5), record(2, Status::Uploading, 5)]
    ));
    assert!(poll(
        &mut ledger,
        0,
        &[record(1, Status::Uploading, 4), record(2, Status::RecFailed, 4)]
    ));
    assert_eq!(kept(&ledger), [("id 1".to_owned(), "file 1 of 5".to_owned())]);
    // A repeated stale read is believed.
    assert!(poll(
        &mut ledger,
        0,
        &[record(1, Status::Uploading, 4), record(2, Status::RecFailed, 4)]
    ));
    assert_eq!(ids(&ledger), ["id 2"]);
    // A hidden record that a stale read shows again has details.
    assert!(poll(&mut ledger, 0, &[]));
    assert!(ids(&ledger).is_empty());
    assert!(poll(&mut ledger, 0, &[record(2, Status::Uploading, 3)]));
    assert_eq!(kept(&ledger), [("id 2".to_owned(), "file 2 of 3".to_owned())]);
    assert!(poll(&mut ledger, 0, &[record(2, Status::RecFailed, 4)]));
    assert_eq!(kept(&ledger), [("id 2".to_owned(), "file 2 of 4".to_owned())]);
}

#[test]
fn a_record_whose_start_changed_is_reordered() {
    let mut ledger = DurableLedger::default();
    let failed = |minute, update| record(minute, Status::RecFailed, update);
    assert!(poll(&mut ledger, 0, &[failed(3, 0), failed(4, 0)]));
    let mut moved = failed(3, 0);
    moved.start_time = at(9);
    assert!(poll(&mut ledger, 0, &[moved, failed(4, 0)]));
    assert_eq!(ids(&ledger), ["id 3", "id 4"]);
    assert!(poll(&mut ledger, 5, &[]));
    assert!(ledger.failures.by_key.is_empty() && ledger.failures.by_start.is_empty());
}

#[test]
fn long_texts_are_truncated_and_missing_ones_are_absent() {
    let mut ledger = DurableLedger::default();
    let mut long = Record::new("用".repeat(1 << 18), at(1));
    long.status = Term::Known(Status::RecFailed);
    long.file_directory = Some("d".repeat(1 << 20).into());
    for _ in 0..2 {
        assert!(poll(&mut ledger, 0, std::slice::from_ref(&long)));
        let details = failed(&ledger)[0].1.unwrap();
        assert!(details.id.len() <= 512 && details.id.ends_with("用..."));
        assert!(details.file_directory.as_ref().unwrap().len() <= 512);
        assert_eq!((&details.desktop_name, &details.file_name), (&None, &None));
    }
    let mut staging = Staging::default();
    read(&mut staging, &mut ledger, &long);
    assert!(staging.failures.by_key.is_empty(), "known details are not written again");
}

#[test]
fn details_survive_a_first_sync_and_are_added_to_an_old_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = opened(&path);
    for part in 0..3 {
        let mut staging = Staging::default();
        read(&mut staging, &mut ledger, &record(part, Status::RecFailed, 0));
        let (beyond, rejected, rows) = (None, BTreeMap::new(), 1);
        let (until, ended) = (at(part + 1), at(0));
        let part = FirstSync { facts: facts(0), until, beyond, ended, rows, rejected };
        let changes = ledger.diff_part(staging, part, LIMITS);
        ledger.commit(changes).unwrap();
        drop(ledger);
        ledger = opened(&path);
    }
    assert_eq!(ids(&ledger), ["id 2", "id 1", "id 0"]);
    // A state of format 1 has no details.
    ledger.edit().failures = Failures::default();
    ledger.journal().simulate_many_changes();
    ledger.compact().unwrap();
    drop(ledger);
    crate::ledger::journal::tests::set_format(&path, 1);
    let mut ledger = opened(&path);
    assert_eq!((ledger.table.len(), ids(&ledger).len()), (3, 0));
    let all = [0, 1, 2].map(|n| record(n, Status::RecFailed, 0));
    assert!(poll(&mut ledger, 0, &all[..2]));
    assert_eq!(ids(&ledger), ["id 1", "id 0"], "unchanged records get details");
    drop(ledger);
    assert_eq!(crate::ledger::journal::tests::format_of(&path), 4);
    assert_eq!(ids(&opened(&path)), ["id 1", "id 0"]);
    crate::ledger::journal::tests::set_format(&path, 5);
    let refused = DurableLedger::open(&path, at(0)).unwrap_err();
    assert!(refused.to_string().contains("has format 5"), "{refused}");
}

#[test]
fn only_hours_with_a_changed_failure_are_revised() {
    const MINUTES: u32 = 600;
    let mut ledger = DurableLedger::default();
    let with_names = |mut record: Record<'static>, user: &'static str| {
        (record.username, record.desktop_pool_id) = (Some(user.into()), Some("pool".into()));
        record
    };
    let first: Vec<_> = (0..MINUTES)
        .map(|minute| with_names(record(minute, Status::UploadFailed, 0), "a"))
        .collect();
    assert!(poll(&mut ledger, 0, &first));
    let revised = |ledger: &Ledger, revision| {
        let since = ledger.failed_revisions().since(revision);
        since.filter(|(_, has_changed)| *has_changed).count()
    };
    let latest = ledger.failed_revisions().latest();
    // The same failures, and a new record of a known user.
    let mut next = first.clone();
    next.push(with_names(record(MINUTES, Status::Uploading, 0), "a"));
    assert!(!ledger.keep_names(KeptNames::All), "as before each poll");
    assert!(poll(&mut ledger, 0, &next));
    assert_eq!(revised(&ledger, latest), 0);
    // A failure, a retried upload, a record that left: three hours.
    let last = usize::try_from(MINUTES).unwrap();
    next[last] = with_names(record(MINUTES, Status::UploadFailed, 1), "a");
    next[300] = with_names(record(300, Status::Uploading, 1), "a");
    next.remove(150);
    assert!(poll(&mut ledger, 0, &next));
    assert_eq!(revised(&ledger, latest), 3);
    let latest = ledger.failed_revisions().latest();
    assert!(poll(&mut ledger, 10, &next[10..]));
    assert_eq!(revised(&ledger, latest), 1, "the edge divides an hour");
    // A new user gets a slot, which may have been folded before.
    let latest = ledger.failed_revisions().latest();
    next.push(with_names(record(MINUTES + 1, Status::Uploading, 0), "b"));
    assert!(poll(&mut ledger, 10, &next[10..]));
    assert!(revised(&ledger, latest) > 9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Each poll reads some records. Some polls cannot be written, and after some the state is
    /// opened again or rewritten.
    #[test]
    fn details_equal_the_last_reads_of_committed_polls(
        polls in prop::collection::vec(
            (prop::collection::btree_map(0..12_u32, 0..6_usize, 0..12), 0..6_u32, 0..8_u32),
            1..20,
        )
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (path, gone) = (folder.path().join("p.redb"), folder.path().join("gone/p.redb"));
        // A file in the place of the directory: nothing can be written.
        std::fs::write(folder.path().join("gone"), "").unwrap();
        let mut ledger = opened(&path);
        let mut model = Vec::new();
        for (number, (shown, edge, fate)) in (100..).zip(polls) {
            let shown: BTreeMap<_, _> = shown.into_iter().filter(|(n, _)| *n >= edge).collect();
            let records = shown.iter().map(|(n, status)| record(*n, Status::ALL[*status], number));
            let is_lost = fate == 0;
            if is_lost {
                ledger.journal().simulate_failed_commit(&gone);
            }
            prop_assert_eq!(poll(&mut ledger, edge, &records.collect::<Vec<_>>()), !is_lost);
            if is_lost {
                ledger.journal().simulate_failed_commit(&path);
            } else {
                let failed = shown.iter().rev().filter(|(_, s)| Status::ALL[**s].is_failed());
                let texts = |(n, _): (&u32, _)| (format!("id {n}"), format!("file {n} of {number}"));
                model = failed.map(texts).collect();
            }
            prop_assert_eq!(kept(&ledger), model.clone());
            match fate {
                1 | 2 => {
                    drop(ledger);
                    ledger = opened(&path);
                    prop_assert_eq!(kept(&ledger), model.clone());
                }
                3 => {
                    ledger.journal().simulate_many_changes();
                    ledger.compact().unwrap();
                    drop(ledger);
                    ledger = opened(&path);
                    prop_assert_eq!(kept(&ledger), model.clone());
                }
                _ => {}
            }
        }
    }
}

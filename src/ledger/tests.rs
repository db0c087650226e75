//! Tests of the ledger and its file: commits survive a restart, failed ones change nothing.

use std::collections::BTreeMap;

use std::path::Path;

use super::*;
use records_api::record::{Record, RecordKey, Status, Term, TimeRange, Timestamp};

const LIMITS: LabelLimits = LabelLimits::uniform(9);

fn facts(minute: i64) -> PollFacts {
    let at = |minutes: i64| Timestamp::from_millis(1_700_000_000_000 + minutes * 60_000);
    PollFacts {
        identity: "sha256:here".to_owned(),
        counting_since: at(minute),
        window_start: at(minute - 1000),
        begun: at(minute),
        ..PollFacts::default()
    }
}

fn poll(
    ledger: &mut DurableLedger,
    minute: i64,
    records: &[(u32, Status)],
) -> Result<(), CommitError> {
    let mut staging = Staging::default();
    for (id, status) in records {
        let mut record = Record::new(id.to_string(), facts(i64::from(*id)).begun);
        record.status = Term::Known(*status);
        record.username = Some(format!("user {id}").into());
        staging.read(ledger, RecordKey::of(&record.id), &record);
    }
    staging.cover(TimeRange::since(facts(minute).window_start));
    let changes = ledger.diff(staging, facts(minute), LIMITS);
    ledger.commit(changes)
}

/// Returns everything that survives a restart.
fn durable_state(
    ledger: &Ledger,
) -> (Vec<StoredRecord>, Counters, CardinalityLimit, Option<PollFacts>, Failures) {
    let mut records: Vec<_> = ledger.table.iter().collect();
    records.sort_by_key(|record| record.key);
    let (counters, slots) = (ledger.counters.clone(), ledger.slots.clone());
    (records, counters, slots, ledger.last_poll.clone(), ledger.failures.clone())
}

fn reopened(path: &Path) -> DurableLedger {
    let (ledger, aside) = DurableLedger::open(path, Timestamp::from_millis(0)).unwrap();
    assert_eq!(aside, None);
    ledger
}

#[test]
fn a_reopened_state_is_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    poll(&mut ledger, 0, &[(1, Status::Recording), (2, Status::UploadCompleted)]).unwrap();
    for minute in 1..60 {
        let status = Status::ALL[usize::try_from(minute).unwrap() % 6];
        poll(&mut ledger, minute, &[(1, status), (u32::try_from(minute).unwrap() + 2, status)])
            .unwrap();
        let mut counted_anew = Totals::default();
        ledger.shown().for_each(|record| counted_anew.add(&record));
        assert_eq!(ledger.totals, counted_anew, "{minute}");
        if minute % 7 == 0 {
            let before = durable_state(&ledger);
            drop(ledger);
            ledger = reopened(&path);
            assert_eq!(durable_state(&ledger), before, "{minute}");
        }
        if minute % 11 == 0 {
            ledger.journal().simulate_many_changes();
            ledger.compact().unwrap();
        }
    }
}

#[test]
fn a_failed_commit_changes_nothing_and_its_entry_is_counted_once_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    poll(&mut ledger, 0, &[(1, Status::Recording)]).unwrap();
    let before = durable_state(&ledger);
    std::fs::write(folder.path().join("gone"), "a file").unwrap();
    ledger.journal().simulate_failed_commit(&folder.path().join("gone/p.redb"));
    for _ in 0..2 {
        let error = poll(&mut ledger, 1, &[(1, Status::UploadFailed)]).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert_eq!(durable_state(&ledger), before);
    }
    ledger.journal().simulate_failed_commit(&path);
    poll(&mut ledger, 2, &[(1, Status::UploadFailed)]).unwrap();
    let entered: u128 = ledger
        .counters
        .iter()
        .filter(|(series, _)| matches!(series, Series::Entered(..)))
        .map(|(_, counter)| counter.count)
        .sum();
    assert_eq!(entered, 1);
    let after = durable_state(&ledger);
    drop(ledger);
    assert_eq!(durable_state(&reopened(&path)), after);
}

#[test]
fn a_state_with_records_without_pool_and_user_is_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    let mut staging = Staging::default();
    let record = Record::new("a", facts(0).begun);
    staging.read(&ledger, RecordKey::of("a"), &record);
    staging.cover(TimeRange::since(facts(0).window_start));
    let changes = ledger.diff(staging, facts(0), LIMITS);
    ledger.commit(changes).unwrap();
    drop(ledger);
    assert_eq!(reopened(&path).shown().count(), 1);
}

#[test]
fn a_record_with_a_negative_start_is_damage() {
    let taken = |millis| {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = reopened(&folder.path().join("p.redb"));
        let start = Timestamp::from_millis(millis);
        ledger.edit().replay(Entry::Record(StoredRecord::new(RecordKey::of("a"), start)))
    };
    assert_eq!(taken(0), Ok(()));
    assert!(taken(-1).is_err());
}

#[test]
fn parts_of_a_first_sync_do_not_cause_rewrites() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    for part in 0..8 {
        let mut staging = Staging::default();
        for id in 0..10_000 {
            let id = part * 10_000 + id;
            let record = Record::new(id.to_string(), facts(i64::from(part)).begun);
            staging.read(&ledger, RecordKey::of(&record.id), &record);
        }
        let (until, rejected) = (facts(0).begun, BTreeMap::new());
        let part =
            FirstSync { facts: facts(0), until, beyond: None, ended: until, rows: 0, rejected };
        let changes = ledger.diff_part(staging, part, LIMITS);
        ledger.commit(changes).unwrap();
        assert!(!ledger.journal().needs_rewrite());
    }
    drop(ledger);
    assert_eq!(reopened(&path).table.len(), 80_000);
}

/// Commits a poll that reads one record of each user, and no others.
fn poll_users(ledger: &mut DurableLedger, minute: i64, users: &[&str]) {
    let mut staging = Staging::default();
    for user in users {
        let id = format!("{minute} {user}");
        let mut record = Record::new(id.clone(), facts(minute).begun);
        record.username = Some((*user).into());
        staging.read(ledger, RecordKey::of(&id), &record);
    }
    staging.cover(TimeRange::since(facts(minute).window_start));
    let transition = ledger.diff(staging, facts(minute), LabelLimits::uniform(0));
    ledger.commit(transition).unwrap();
}

#[test]
fn a_name_that_returns_after_its_release_has_one_number_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    // Each poll is a window later, so earlier records leave. The names are released in memory only:
    // bob returns with the number that ann had.
    for (minute, users) in [(0, &["ann", "bob"][..]), (2000, &["cat"]), (4000, &["bob"])] {
        poll_users(&mut ledger, minute, users);
        ledger.edit().release_unused();
    }
    drop(ledger);
    let mut ledger = reopened(&path);
    poll_users(&mut ledger, 4001, &["bob"]);
    let users = ledger.totals().users().map(|((user, _), sums)| (user, sums.records));
    let users: Vec<_> = users.map(|(user, n)| (ledger.label(user).to_string(), n)).collect();
    assert_eq!(users, [("bob".to_owned(), 1)]);
    assert_eq!(ledger.labels.iter().filter(|(_, name)| &***name == "bob").count(), 1);
}

/// Stages records that start in these minutes, each with a long user name of its own.
fn with_long_names(ledger: &Ledger, minutes: std::ops::Range<i64>, prefix: &str) -> Staging {
    let mut staging = Staging::default();
    for minute in minutes {
        let mut record = Record::new(format!("id {minute}"), facts(minute).begun);
        record.username = Some(format!("{prefix} {minute} {}", "x".repeat(400)).into());
        staging.read(ledger, RecordKey::of(&record.id), &record);
    }
    staging
}

#[test]
fn a_window_that_empties_between_two_starts_releases_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    let staging = with_long_names(&ledger, 0..5000, "user");
    let window = |minute| PollFacts { window_start: facts(minute).begun, ..facts(minute) };
    let changes = ledger.diff(staging, window(0), LIMITS);
    ledger.commit(changes).unwrap();
    ledger.compact().unwrap();
    let full = ledger.file_bytes();
    drop(ledger);

    let mut ledger = reopened(&path);
    let mut staging = Staging::default();
    staging.cover(TimeRange::since(facts(6000).begun));
    let changes = ledger.diff(staging, window(6000), LIMITS);
    ledger.commit(changes).unwrap();
    ledger.compact().unwrap();
    assert_eq!(ledger.len(), 0);
    assert!(ledger.name_count() < 100, "{}", ledger.name_count());
    assert!(ledger.file_bytes() * 2 < full, "{} of {full}", ledger.file_bytes());
}

#[test]
fn first_syncs_that_fail_do_not_grow_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = reopened(&folder.path().join("p.redb"));
    let mut sizes = Vec::new();
    for number in 0..12 {
        for part in 0..4 {
            let staging =
                with_long_names(&ledger, part * 500..(part + 1) * 500, &number.to_string());
            let first_sync = FirstSync {
                facts: facts(0),
                until: facts((part + 1) * 500).begun,
                beyond: None,
                ended: facts(3000).begun,
                rows: 500,
                rejected: BTreeMap::new(),
            };
            let changes = ledger.diff_part(staging, first_sync, LIMITS);
            ledger.commit(changes).unwrap();
            ledger.compact().unwrap();
        }
        ledger.commit(Transition::discarding_first_sync()).unwrap();
        ledger.compact().unwrap();
        sizes.push(ledger.file_bytes());
        assert!(ledger.name_count() < 3000 + 1100, "{}", ledger.name_count());
    }
    assert!(sizes[11] <= 2 * sizes[2], "{sizes:?}");
}

#[test]
fn a_journal_whose_names_lost_their_numbers_is_refused() {
    let mut record = StoredRecord::new(RecordKey::of("x"), facts(0).begun);
    record.user = LabelId::from_number(5);
    let cases = [
        vec![journal::Entry::label(5, "_none")],
        vec![journal::Entry::label(6, "_other")],
        vec![
            journal::Entry::label(5, "bob"),
            journal::Entry::Record(record),
            journal::Entry::label(9, "bob"),
        ],
    ];
    for entries in cases {
        let mut ledger = Ledger::default();
        for entry in entries {
            ledger.replay(entry).unwrap();
        }
        let error = ledger.end_replay().unwrap_err();
        assert!(error.ends_with("is used and has no text"), "{error}");
    }
}

/// A poll that reads one record of the desktop `d`.
fn poll_desktop(ledger: &mut DurableLedger, minute: i64, start: i64, name: Option<&str>) {
    let mut staging = Staging::default();
    let mut record = Record::new(start.to_string(), facts(start).begun);
    record.desktop_id = Some("d".into());
    record.desktop_name = name.map(Into::into);
    record.username = Some("ann".into());
    staging.read(ledger, RecordKey::of(&record.id), &record);
    let changes = ledger.diff(staging, facts(minute), LIMITS);
    ledger.commit(changes).unwrap();
}

fn desktop_name(ledger: &Ledger) -> Option<String> {
    let desktop = ledger.labels.find("d").map(LabelId::from_number)?;
    ledger.desktop_name(desktop).map(ToOwned::to_owned)
}

#[test]
fn a_desktop_has_the_name_of_its_newest_record_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut ledger = reopened(&path);
    let steps = [
        (10, Some("first"), Some("first")),
        (5, Some("earlier"), Some("first")),
        (20, None, Some("first")),
        (20, Some("same start"), Some("same start")),
        (30, Some("second"), Some("second")),
        (10, Some("renamed"), Some("second")),
    ];
    for (minute, (start, name, expected)) in (100..).zip(steps) {
        poll_desktop(&mut ledger, minute, start, name);
        assert_eq!(desktop_name(&ledger).as_deref(), expected, "{start}");
        drop(ledger);
        ledger = reopened(&path);
        assert_eq!(desktop_name(&ledger).as_deref(), expected, "{start}, after a restart");
    }
    // The name leaves with the last record of the desktop, because its number will be another's.
    poll(&mut ledger, 1040, &[]).unwrap();
    ledger.edit().release_unused();
    assert_eq!((ledger.len(), ledger.desktop_names.len()), (0, 0));
}

#[test]
fn hidden_names_of_desktops_are_forgotten() {
    let mut ledger = DurableLedger::default();
    poll_desktop(&mut ledger, 0, 0, Some("ann's"));
    assert!(!ledger.keep_names(KeptNames::Users), "nothing is read again for this");
    assert_eq!(desktop_name(&ledger), None);
    poll_desktop(&mut ledger, 1, 1, Some("ann's"));
    assert_eq!(desktop_name(&ledger), None);
    assert!(ledger.keep_names(KeptNames::All));
    poll_desktop(&mut ledger, 2, 1, Some("ann's"));
    assert_eq!(desktop_name(&ledger).as_deref(), Some("ann's"));
}

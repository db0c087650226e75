//! The store and its file: what is committed is there again, what is not leaves no trace.

use std::collections::BTreeMap;

use super::*;
use records_api::record::{Status, Term};

const LIMITS: LabelLimits = LabelLimits { users: 9, pools: 9 };

fn facts(minute: i64) -> PollFacts {
    let at = |minutes: i64| Timestamp::from_millis(1_700_000_000_000 + minutes * 60_000);
    PollFacts {
        identity: "here".to_owned(),
        counting_since: at(minute),
        window_start: at(minute - 1000),
        begun: at(minute),
        ..PollFacts::default()
    }
}

fn poll(store: &mut Store, minute: i64, records: &[(u32, Status)]) -> Result<(), CommitError> {
    let mut draft = Draft::default();
    for (id, status) in records {
        let mut record = Record::new(id.to_string(), facts(i64::from(*id)).begun);
        record.status = Term::Known(*status);
        record.username = Some(format!("user {id}").into());
        draft.read(store, RecordKey::of(&record.id), &record);
    }
    draft.cover(facts(minute).window_start, None);
    let changes = store.judge(draft, facts(minute), LIMITS);
    store.commit(changes, |_, _| {})
}

/// Everything that outlives a process.
fn memory(store: &Store) -> (Vec<StoredRecord>, Counters, Slots, Option<PollFacts>, Failures) {
    let mut records: Vec<_> = store.table.iter().collect();
    records.sort_by_key(|record| record.key);
    let (counters, slots) = (store.counters.clone(), store.slots.clone());
    (records, counters, slots, store.last_poll.clone(), store.failures.clone())
}

fn reopened(path: &Path) -> Store {
    let (store, aside) = Store::open(path, Timestamp::from_millis(0)).unwrap();
    assert_eq!(aside, None);
    store
}

#[test]
fn a_state_is_what_it_was_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut store = reopened(&path);
    poll(&mut store, 0, &[(1, Status::Recording), (2, Status::UploadCompleted)]).unwrap();
    for minute in 1..60 {
        let status = Status::ALL[usize::try_from(minute).unwrap() % 6];
        poll(&mut store, minute, &[(1, status), (u32::try_from(minute).unwrap() + 2, status)])
            .unwrap();
        if minute % 7 == 0 {
            let before = memory(&store);
            drop(store);
            store = reopened(&path);
            assert_eq!(memory(&store), before, "{minute}");
        }
        if minute % 11 == 0 {
            store.journal.as_mut().unwrap().forget_whole();
            store.tidy().unwrap();
        }
    }
}

#[test]
fn what_cannot_be_written_is_not_taken_over_and_counts_once_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut store = reopened(&path);
    poll(&mut store, 0, &[(1, Status::Recording)]).unwrap();
    let before = memory(&store);
    store.journal.as_mut().unwrap().lose(&folder.path().join("gone/p.redb"));
    for _ in 0..2 {
        let error = poll(&mut store, 1, &[(1, Status::UploadFailed)]).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert_eq!(memory(&store), before);
    }
    store.journal.as_mut().unwrap().lose(&path);
    poll(&mut store, 2, &[(1, Status::UploadFailed)]).unwrap();
    let entered: u64 = store
        .counters
        .iter()
        .filter(|(series, _)| matches!(series, Series::Entered(..)))
        .map(|(_, counter)| counter.count)
        .sum();
    assert_eq!(entered, 1);
    let after = memory(&store);
    drop(store);
    assert_eq!(memory(&reopened(&path)), after);
}

#[test]
fn a_state_of_records_without_pool_and_user_can_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut store = reopened(&path);
    let mut draft = Draft::default();
    let record = Record::new("a", facts(0).begun);
    draft.read(&mut store, RecordKey::of("a"), &record);
    draft.cover(facts(0).window_start, None);
    let changes = store.judge(draft, facts(0), LIMITS);
    store.commit(changes, |_, _| {}).unwrap();
    drop(store);
    assert_eq!(reopened(&path).shown().count(), 1);
}

#[test]
fn a_record_of_a_time_that_no_api_gives_is_damage() {
    let taken = |millis| {
        let folder = tempfile::tempdir().unwrap();
        let mut store = reopened(&folder.path().join("p.redb"));
        let start = Timestamp::from_millis(millis);
        store.take(Entry::Record(StoredRecord::new(RecordKey::of("a"), start)))
    };
    assert_eq!(taken(0), Ok(()));
    assert!(taken(-1).is_err());
}

#[test]
fn parts_of_a_first_sync_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.redb");
    let mut store = reopened(&path);
    for part in 0..8 {
        let mut draft = Draft::default();
        for id in 0..10_000 {
            let id = part * 10_000 + id;
            let record = Record::new(id.to_string(), facts(i64::from(part)).begun);
            draft.read(&mut store, RecordKey::of(&record.id), &record);
        }
        let (until, rejected) = (facts(0).begun, BTreeMap::new());
        let part =
            FirstSync { facts: facts(0), until, beyond: None, ended: until, rows: 0, rejected };
        let changes = store.judge_part(draft, part, LIMITS);
        store.commit(changes, |_, _| {}).unwrap();
        assert!(!store.journal.as_ref().unwrap().wants_whole());
    }
    drop(store);
    assert_eq!(reopened(&path).table.len(), 80_000);
}

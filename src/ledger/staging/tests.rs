//! Tests of the staging: which of several reads of a record is kept.

use super::*;
use crate::ledger::{DurableLedger, LabelLimits, PollFacts};

const LIMITS: LabelLimits = LabelLimits::uniform(9);

fn record(id: &'static str, size: u64, update: i64) -> Record<'static> {
    let mut record = Record::new(id, Timestamp::from_millis(1_700_000_000_000));
    record.size = Some(size);
    record.update_time = Some(record.start_time.plus_millis(update));
    record
}

fn read(staging: &mut Staging, ledger: &mut DurableLedger, record: &Record<'_>) -> bool {
    staging.read(ledger, RecordKey::of(&record.id), record)
}

fn sizes(ledger: &Ledger) -> Vec<u64> {
    let mut sizes: Vec<_> = ledger.shown().map(|record| record.size_bytes().unwrap()).collect();
    sizes.sort_unstable();
    sizes
}

fn commit(ledger: &mut DurableLedger, mut staging: Staging) {
    staging.cover(TimeRange::since(Timestamp::from_millis(0)));
    let changes = ledger.diff(staging, PollFacts::default(), LIMITS);
    ledger.commit(changes).unwrap();
}

fn poll(ledger: &mut DurableLedger, records: &[Record<'static>]) {
    let mut staging = Staging::default();
    for record in records {
        read(&mut staging, ledger, record);
    }
    commit(ledger, staging);
}

#[test]
fn a_committed_poll_replaces_the_records() {
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[record("a", 1, 0), record("b", 2, 0)]);
    assert_eq!(sizes(&ledger), [1, 2]);
    poll(&mut ledger, &[record("b", 3, 1), record("c", 4, 0)]);
    assert_eq!(sizes(&ledger), [3, 4]);
    poll(&mut ledger, &[record("c", 4, 0)]);
    assert_eq!(sizes(&ledger), [4]);
    poll(&mut ledger, &[]);
    assert!(sizes(&ledger).is_empty());
}

#[test]
fn a_dropped_poll_leaves_no_trace() {
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[record("a", 1, 0)]);
    let mut staging = Staging::default();
    read(&mut staging, &mut ledger, &record("a", 9, 9));
    read(&mut staging, &mut ledger, &record("b", 9, 9));
    drop(staging);
    assert_eq!(sizes(&ledger), [1]);
}

#[test]
fn of_two_reads_in_a_poll_the_later_update_is_kept() {
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[record("a", 1, 5), record("a", 2, 4)]);
    assert_eq!(sizes(&ledger), [1]);
    poll(&mut ledger, &[record("a", 1, 5), record("a", 3, 6), record("a", 4, 6)]);
    assert_eq!(sizes(&ledger), [4]);
    poll(&mut ledger, &[record("a", 4, 6), record("a", 5, 5)]);
    assert_eq!(sizes(&ledger), [4], "a lagging page comes after one that says what is known");
}

#[test]
fn a_record_is_read_for_the_first_time_once_per_poll() {
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[record("a", 1, 0)]);
    let mut staging = Staging::default();
    let readings = [record("a", 1, 0), record("a", 2, 1), record("b", 1, 0), record("b", 1, 0)];
    let first: Vec<_> = readings.iter().map(|r| read(&mut staging, &mut ledger, r)).collect();
    assert_eq!(first, [true, false, true, false]);
}

#[test]
fn a_known_record_is_unchanged_when_its_row_is_rejected() {
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[record("a", 1, 0), record("b", 2, 0)]);
    let mut staging = Staging::default();
    staging.keep(&ledger, "a", Timestamp::from_millis(0));
    staging.keep(&ledger, "unknown", Timestamp::from_millis(0));
    commit(&mut ledger, staging);
    assert_eq!(sizes(&ledger), [1]);
}

#[test]
fn an_older_read_is_believed_when_a_later_poll_repeats_it() {
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[record("a", 1, 5)]);
    poll(&mut ledger, &[record("a", 2, 4)]);
    assert_eq!(sizes(&ledger), [1]);
    poll(&mut ledger, &[record("a", 3, 3)]);
    assert_eq!(sizes(&ledger), [1], "that is another one");
    poll(&mut ledger, &[record("a", 3, 3)]);
    assert_eq!(sizes(&ledger), [3]);
}

/// Returns every status, of records that were read in any order.
fn statuses(ledger: &Ledger) -> Vec<TermId> {
    ledger.shown().map(|record| record.status).collect()
}

#[test]
fn of_two_reads_in_a_poll_the_status_of_either_is_kept() {
    let with = |status: Term<'static, Status>, update| Record { status, ..record("a", 1, update) };
    let uploading = || with(Term::Known(Status::Uploading), 3);
    for update in [2, 3, 4] {
        let absent = || with(Term::Absent, update);
        for reads in [[uploading(), absent()], [absent(), uploading()]] {
            let mut ledger = DurableLedger::default();
            poll(&mut ledger, &reads);
            assert_eq!(statuses(&ledger), [Status::Uploading.into()], "{update}, one staging");
            let mut ledger = DurableLedger::default();
            let [mut one, mut other] = [Staging::default(), Staging::default()];
            read(&mut one, &mut ledger, &reads[0]);
            read(&mut other, &mut ledger, &reads[1]);
            one.merge(other);
            commit(&mut ledger, one);
            assert_eq!(statuses(&ledger), [Status::Uploading.into()], "{update}, two stagings");
            let known = ledger.shown().next().unwrap().update.known().unwrap();
            assert_eq!(known, reads[0].update_time.max(reads[1].update_time).unwrap());
        }
    }
}

#[test]
fn an_unknown_text_is_a_status_of_its_own() {
    let with = |status| Record { status, ..record("a", 1, 0) };
    let mut ledger = DurableLedger::default();
    poll(&mut ledger, &[with(Term::Known(Status::Uploading))]);
    poll(&mut ledger, &[with(Term::Absent)]);
    assert_eq!(statuses(&ledger), [Status::Uploading.into()]);
    poll(&mut ledger, &[with(Term::Unknown("PAUSED".into()))]);
    assert_eq!(&**ledger.term(statuses(&ledger)[0]), "PAUSED");
    poll(&mut ledger, &[with(Term::Absent)]);
    assert_eq!(&**ledger.term(statuses(&ledger)[0]), "PAUSED");
}

#[test]
fn a_record_whose_status_is_lost_is_read_again_by_three_polls() {
    let mut ledger = DurableLedger::default();
    let from = Timestamp::from_millis(0);
    poll(&mut ledger, &[record("baseline", 1, 0)]);
    assert!(ledger.unsettled(from, |_| false).is_empty(), "it never had a status");
    let mut polls = 0;
    loop {
        poll(&mut ledger, &[record("a", 1, 0)]);
        if ledger.unsettled(from, |_| false).is_empty() {
            break;
        }
        polls += 1;
    }
    assert_eq!(polls, 3);
    let status = Term::Known(Status::UploadFailed);
    poll(&mut ledger, &[Record { status, ..record("a", 1, 0) }]);
    poll(&mut ledger, &[record("a", 1, 0)]);
    assert_eq!(ledger.unsettled(from, |_| false).len(), 1, "the count begins again");
}

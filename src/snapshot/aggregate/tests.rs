//! Sums of small ledgers.

use super::*;
use crate::ledger::{DurableLedger, LabelLimits, PollFacts, Staging};
use records_api::record::{Record, RecordKey, RecordType, Term};

const LIMITS: LabelLimits = LabelLimits::uniform(2);

fn store_of(records: &[Record<'_>]) -> DurableLedger {
    let mut ledger = DurableLedger::default();
    let mut staging = Staging::default();
    for record in records {
        staging.read(&ledger, RecordKey::of(&record.id), record);
    }
    let changes = ledger.diff(staging, PollFacts::default(), LIMITS);
    ledger.commit(changes).unwrap();
    ledger
}

fn aggregate_of(records: &[Record<'_>]) -> Aggregate {
    let ledger = store_of(records);
    Aggregate::of(&ledger, &UserNames::Name)
}

fn record(id: &str, status: Status, second: i64) -> Record<'_> {
    let mut record = Record::new(id, Timestamp::from_millis(second * 1000));
    record.status = Term::Known(status);
    record.record_type = Term::Known(RecordType::Full);
    record.size = Some(10);
    record.duration = Some(60);
    record.username = Some("ann".into());
    record
}

fn kind(status: &str, record_type: &str, pool: &str) -> KindLabels {
    (status.into(), record_type.into(), pool.into())
}

#[test]
fn sums_stand_by_kind_and_by_user_with_zeros_for_the_other_statuses() {
    let mut pooled = record("b", Status::UploadFailed, 2);
    pooled.desktop_pool_id = Some("p".into());
    pooled.username = None;
    let aggregate = aggregate_of(&[record("a", Status::UploadFailed, 1), pooled]);
    let one = Sums { records: 1, size_bytes: 10, duration_seconds: 60, counted: 0 };
    assert_eq!(aggregate.kinds.len(), 12);
    assert_eq!(aggregate.kinds[&kind("UPLOAD_FAILED", "FULL", "_none")], one);
    assert_eq!(aggregate.kinds[&kind("UPLOAD_FAILED", "FULL", "p")], one);
    assert_eq!(aggregate.kinds[&kind("RECORDING", "FULL", "p")], Sums::default());
    assert_eq!(aggregate.users.len(), 12);
    assert_eq!(aggregate.users[&("ann".into(), "UPLOAD_FAILED".into())], one);
    assert_eq!(aggregate.users[&("_none".into(), "UPLOAD_FAILED".into())], one);
    let newest = |pool: &str, second: i64| (pool.into(), Timestamp::from_millis(second * 1000));
    let expected = BTreeMap::from([newest("_none", 1), newest("p", 2)]);
    assert_eq!(aggregate.newest_start, expected);
    assert!(aggregate.oldest_start.is_empty());
}

#[test]
fn the_oldest_record_in_flight_is_known_by_status_and_pool() {
    let mut changed = record("a", Status::Uploading, 5);
    changed.update_time = Some(Timestamp::from_millis(9000));
    let records = [
        changed,
        record("b", Status::Uploading, 3),
        record("c", Status::Recording, 4),
        record("d", Status::UploadCompleted, 1),
    ];
    let aggregate = aggregate_of(&records);
    let labels = |status: &str| (Arc::from(status), Arc::from("_none"));
    let expected = BTreeMap::from([
        (labels("RECORDING"), Timestamp::from_millis(4000)),
        (labels("UPLOADING"), Timestamp::from_millis(3000)),
    ]);
    assert_eq!(aggregate.oldest_start, expected);
    let expected = BTreeMap::from([(labels("UPLOADING"), Timestamp::from_millis(9000))]);
    assert_eq!(aggregate.oldest_update, expected);
}

#[test]
fn sixteen_unknown_values_are_shown_and_the_rest_is_folded_without_loss() {
    let texts: Vec<_> = (0..20).map(|n| (n.to_string(), format!("ODD_{n:02}"))).collect();
    let records = texts.iter().rev().map(|(id, text)| {
        let mut record = Record::new(id.as_str(), Timestamp::from_millis(0));
        record.status = Term::Unknown(text.as_str().into());
        record
    });
    let aggregate = aggregate_of(&records.collect::<Vec<_>>());
    let count = |status: &str| aggregate.kinds.get(&kind(status, "_none", "_none"));
    assert_eq!(count("ODD_15").unwrap().records, 1);
    assert_eq!(count("ODD_16"), None);
    assert_eq!(count("_other").unwrap().records, 4);
    assert_eq!(aggregate.kinds.values().map(|sums| sums.records).sum::<u64>(), 20);
}

#[test]
fn users_are_hashed_or_dropped_without_loss_elsewhere() {
    let mut other = record("b", Status::Uploading, 2);
    other.username = None;
    let ledger = store_of(&[record("a", Status::Uploading, 1), other]);
    let of = |names| Aggregate::of(&ledger, &names);
    let named = of(UserNames::Name);
    let hashed = of(UserNames::Hash("key".to_owned().into()));
    let users = |aggregate: &Aggregate| -> BTreeSet<String> {
        aggregate.users.keys().map(|(user, _)| user.to_string()).collect()
    };
    assert_eq!(users(&named), BTreeSet::from(["_none".to_owned(), "ann".to_owned()]));
    let hash = users(&hashed).into_iter().find(|user| user != "_none").unwrap();
    assert!(hash.len() == 16 && hash != "ann", "{hash}");
    let sums = |aggregate: &Aggregate| aggregate.users.values().map(|s| s.records).sum::<u64>();
    assert_eq!((sums(&hashed), hashed.users.len()), (2, 12));
    let dropped = of(UserNames::Drop);
    assert!(dropped.users.is_empty());
    assert!(dropped.kinds == named.kinds && hashed.kinds == named.kinds);
}

#[test]
fn known_pools_without_a_record_have_zero_desktops_up_to_the_limit() {
    let mut pooled = record("a", Status::Uploading, 1);
    pooled.desktop_pool_id = Some("p".into());
    pooled.desktop_id = Some("d".into());
    let mut aggregate = aggregate_of(&[pooled]);
    let before = aggregate.clone();
    aggregate.seed(["p", "q", "r", "q"].into_iter(), 2);
    let desktops = |recorded| PoolDesktops { recorded, recorded_last_day: 0 };
    let expected = BTreeMap::from([("p".into(), desktops(1)), ("q".into(), desktops(0))]);
    assert_eq!(aggregate.desktops, expected);
    assert_eq!(Aggregate { desktops: before.desktops.clone(), ..aggregate }, before);
}

#[test]
fn buckets_and_policies_beyond_the_limits_are_folded() {
    let ids: Vec<_> = (0..5).map(|n| n.to_string()).collect();
    let records = ids.iter().map(|id| {
        let mut record = record(id, Status::UploadCompleted, 1);
        record.obs_bucket = (id != "0").then(|| format!("bucket {id}").into());
        record.policy_id = (id != "4").then(|| format!("policy {id}").into());
        record
    });
    let aggregate = aggregate_of(&records.collect::<Vec<_>>());
    let uploaded = |totals: &BTreeMap<NameLabels, Sums>| -> BTreeMap<String, u64> {
        let uploaded = totals.iter().filter(|((_, status), _)| &**status == "UPLOAD_COMPLETED");
        uploaded.map(|((name, _), sums)| (name.to_string(), sums.records)).collect()
    };
    let expected = [("_none", 1), ("_other", 2), ("bucket 1", 1), ("bucket 2", 1)];
    assert_eq!(uploaded(&aggregate.buckets), expected.map(|(n, c)| (n.to_owned(), c)).into());
    let expected = [("_none", 1), ("_other", 2), ("policy 0", 1), ("policy 1", 1)];
    assert_eq!(uploaded(&aggregate.policies), expected.map(|(n, c)| (n.to_owned(), c)).into());
    assert_eq!((aggregate.buckets.len(), aggregate.policies.len()), (24, 24));
}

#[test]
fn sums_do_not_overflow() {
    let mut records = [record("a", Status::Uploading, 1), record("b", Status::Uploading, 1)];
    for record in &mut records {
        record.size = Some(u64::MAX - 1);
    }
    let aggregate = aggregate_of(&records);
    let sums = aggregate.kinds[&kind("UPLOADING", "FULL", "_none")];
    assert_eq!(sums.size_bytes, 2 * u128::from(u64::MAX - 1));
}

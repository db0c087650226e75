//! From records to sums by label set. Pure.
//!
//! A full fold over the store: what a snapshot shows. Every label value is text here, so that
//! nothing downstream needs the store.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{RecordType, Status, Timestamp};
use crate::store::{Label, Store, Word};

/// Records added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Number of records.
    pub records: u64,
    /// Their sizes in bytes. Sizes come from outside: a million of the largest fit.
    pub size_bytes: u128,
    /// Their durations in seconds.
    pub duration_seconds: u128,
}

/// Status, type and pool of records.
pub type KindLabels = (String, String, String);
/// User and status of records.
pub type UserLabels = (String, String);

/// The records of a window by their labels, ordered, so that equal stores give equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// By status, type and pool: for each type and pool in the window all six statuses.
    pub kinds: BTreeMap<KindLabels, Sums>,
    /// By user and status: for each user all six statuses.
    pub users: BTreeMap<UserLabels, Sums>,
    /// Start of the oldest record by in-flight status and pool.
    pub oldest_start: BTreeMap<(String, String), Timestamp>,
    /// Least recent change of a record by in-flight status and pool.
    pub oldest_update: BTreeMap<(String, String), Timestamp>,
    /// Start of the newest record.
    pub newest_start: Option<Timestamp>,
    /// Number of records.
    pub records: u64,
}

/// Values of status or type that are neither a code nor a known spelling get a label of their own
/// up to this many; the rest is `_other`.
pub const MOST_UNKNOWN_VALUES: usize = 16;

impl Aggregate {
    /// Folds all records of the store.
    pub fn of(store: &Store) -> Self {
        let statuses = Shown::of(store, |record| record.status, Status::ALL.map(Word::from));
        let types = Shown::of(store, |record| record.record_type, RecordType::ALL.map(Word::from));
        let mut kinds: BTreeMap<(Word, Word, Label), Sums> = BTreeMap::new();
        let mut users: BTreeMap<(Label, Word), Sums> = BTreeMap::new();
        let mut oldest: BTreeMap<(Word, Label), (Timestamp, Option<Timestamp>)> = BTreeMap::new();
        let mut newest_start = None;
        for record in store.table.iter() {
            let status = statuses.shown(record.status);
            let record_type = types.shown(record.record_type);
            let sums = [
                kinds.entry((status, record_type, record.pool)).or_default(),
                users.entry((record.user, status)).or_default(),
            ];
            for sums in sums {
                sums.records += 1;
                sums.size_bytes += u128::from(record.size_bytes);
                sums.duration_seconds += u128::from(record.duration_seconds);
            }
            newest_start = newest_start.max(Some(record.start));
            let in_flight =
                |status: &Status| status.is_in_flight() && record.status == (*status).into();
            if Status::ALL.iter().any(in_flight) {
                let entry =
                    oldest.entry((record.status, record.pool)).or_insert((record.start, None));
                entry.0 = entry.0.min(record.start);
                entry.1 = match (entry.1, record.update.known()) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
        }
        complete(&mut kinds, &mut users);
        let records = store.table.len() as u64;
        named(store, &kinds, &users, &oldest, newest_start, records)
    }
}

/// Adds the statuses without a record, as zeros.
fn complete(
    kinds: &mut BTreeMap<(Word, Word, Label), Sums>,
    users: &mut BTreeMap<(Label, Word), Sums>,
) {
    let pairs: BTreeSet<_> = kinds.keys().map(|(_, kind, pool)| (*kind, *pool)).collect();
    for (record_type, pool) in pairs {
        for status in Status::ALL {
            kinds.entry((status.into(), record_type, pool)).or_default();
        }
    }
    let known: BTreeSet<_> = users.keys().map(|(user, _)| *user).collect();
    for user in known {
        for status in Status::ALL {
            users.entry((user, status.into())).or_default();
        }
    }
}

fn named(
    store: &Store,
    kinds: &BTreeMap<(Word, Word, Label), Sums>,
    users: &BTreeMap<(Label, Word), Sums>,
    oldest: &BTreeMap<(Word, Label), (Timestamp, Option<Timestamp>)>,
    newest_start: Option<Timestamp>,
    records: u64,
) -> Aggregate {
    let text = |label: Label| store.labels.text(label).to_owned();
    let word = |word: Word| store.words.text(word).to_owned();
    let mut aggregate = Aggregate { newest_start, records, ..Aggregate::default() };
    for ((status, record_type, pool), sums) in kinds {
        aggregate.kinds.insert((word(*status), word(*record_type), text(*pool)), *sums);
    }
    for ((user, status), sums) in users {
        aggregate.users.insert((text(*user), word(*status)), *sums);
    }
    for ((status, pool), (start, update)) in oldest {
        let labels = (word(*status), text(*pool));
        aggregate.oldest_start.insert(labels.clone(), *start);
        if let Some(update) = update {
            aggregate.oldest_update.insert(labels, *update);
        }
    }
    aggregate
}

/// Which values of a vocabulary are shown under their own label.
struct Shown {
    words: BTreeSet<Word>,
}

impl Shown {
    fn of<const N: usize>(
        store: &Store,
        value: impl Fn(&crate::store::StoredRecord) -> Word,
        known: [Word; N],
    ) -> Self {
        let mut words: BTreeSet<_> = known.into_iter().chain([Word::NONE]).collect();
        let found: BTreeSet<_> = store.table.iter().map(value).collect();
        let mut unknown: Vec<_> = found.difference(&words).copied().collect();
        // By their text, so that the choice does not depend on the order of reading.
        unknown.sort_by_key(|word| store.words.text(*word));
        words.extend(unknown.into_iter().take(MOST_UNKNOWN_VALUES));
        Self { words }
    }

    fn shown(&self, word: Word) -> Word {
        if self.words.contains(&word) { word } else { Word::OTHER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, RecordKey, Term};
    use crate::store::Draft;

    fn store_of(records: &[Record<'_>]) -> Store {
        let mut store = Store::default();
        let mut draft = Draft::default();
        for record in records {
            draft.read(&mut store, RecordKey::of(&record.id), record);
        }
        store.commit(draft);
        store
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
        (status.to_owned(), record_type.to_owned(), pool.to_owned())
    }

    #[test]
    fn sums_stand_by_kind_and_by_user_with_zeros_for_the_other_statuses() {
        let mut pooled = record("b", Status::UploadFailed, 2);
        pooled.desktop_pool_id = Some("p".into());
        pooled.username = None;
        let aggregate = Aggregate::of(&store_of(&[record("a", Status::UploadFailed, 1), pooled]));
        let one = Sums { records: 1, size_bytes: 10, duration_seconds: 60 };
        assert_eq!(aggregate.kinds.len(), 12);
        assert_eq!(aggregate.kinds[&kind("UPLOAD_FAILED", "FULL", "_none")], one);
        assert_eq!(aggregate.kinds[&kind("UPLOAD_FAILED", "FULL", "p")], one);
        assert_eq!(aggregate.kinds[&kind("RECORDING", "FULL", "p")], Sums::default());
        assert_eq!(aggregate.users.len(), 12);
        assert_eq!(aggregate.users[&("ann".to_owned(), "UPLOAD_FAILED".to_owned())], one);
        assert_eq!(aggregate.users[&("_none".to_owned(), "UPLOAD_FAILED".to_owned())], one);
        assert_eq!(aggregate.newest_start, Some(Timestamp::from_millis(2000)));
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
        let aggregate = Aggregate::of(&store_of(&records));
        let labels = |status: &str| (status.to_owned(), "_none".to_owned());
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
        let aggregate = Aggregate::of(&store_of(&records.collect::<Vec<_>>()));
        let count = |status: &str| aggregate.kinds.get(&kind(status, "_none", "_none"));
        assert_eq!(count("ODD_15").unwrap().records, 1);
        assert_eq!(count("ODD_16"), None);
        assert_eq!(count("_other").unwrap().records, 4);
        assert_eq!(aggregate.kinds.values().map(|sums| sums.records).sum::<u64>(), 20);
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut records = [record("a", Status::Uploading, 1), record("b", Status::Uploading, 1)];
        for record in &mut records {
            record.size = Some(u64::MAX);
        }
        let aggregate = Aggregate::of(&store_of(&records));
        let sums = aggregate.kinds[&kind("UPLOADING", "FULL", "_none")];
        assert_eq!(sums.size_bytes, 2 * u128::from(u64::MAX));
    }
}

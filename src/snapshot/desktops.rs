//! Desktops with records in the window. A silent one may have stopped being recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::user_names::UserNames;
use crate::ledger::{DesktopTotals, LabelId, Ledger};
use records_api::record::{TimeRange, Timestamp};

/// A desktop with records in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desktop {
    /// Id of the desktop.
    pub id: Arc<str>,
    /// Name of the desktop in its newest record. Contains user names, so it is `None` unless these are
    /// shown.
    pub name: Option<Arc<str>>,
    /// Id of the pool in its newest record; `None` if the desktop belongs to none.
    pub pool: Option<Arc<str>>,
    /// Number of its records in the window.
    pub records: u64,
    /// Number of those in `REC_FAILED` or `UPLOAD_FAILED`.
    pub failed: u64,
    /// Start of its newest record.
    pub last_start: Timestamp,
    /// Greatest `update_time` of its records in `UPLOAD_COMPLETED`.
    pub last_upload: Option<Timestamp>,
}

/// Numbers of desktops of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolDesktops {
    /// Desktops with a record in the window.
    pub recorded: u64,
    /// Desktops with a record that started in the 24 hours before the poll.
    pub recorded_last_day: u64,
}

const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Returns the desktops of a ledger, the longest silent first.
pub fn desktops(ledger: &Ledger, names: &UserNames) -> Arc<[Desktop]> {
    let mut desktops: Vec<(LabelId, LabelId, DesktopTotals)> = Vec::new();
    for (key, totals) in ledger.totals().desktops() {
        if key.desktop == LabelId::NONE {
            continue;
        }
        match desktops.last_mut().filter(|(desktop, ..)| *desktop == key.desktop) {
            // The desktop has moved to another pool.
            Some((_, pool, known)) => {
                if totals.last_start > known.last_start {
                    *pool = key.pool;
                }
                known.records += totals.records;
                known.failed += totals.failed;
                known.last_start = known.last_start.max(totals.last_start);
                known.last_upload = known.last_upload.max(totals.last_upload);
            }
            None => desktops.push((key.desktop, key.pool, *totals)),
        }
    }
    let mut desktops: Vec<_> = desktops
        .into_iter()
        .map(|(desktop, pool, totals)| Desktop {
            id: ledger.label(desktop).clone(),
            // Names of desktops contain those of users.
            name: ledger.desktop_name(desktop).filter(|_| names.are_shown()).map(Arc::from),
            pool: (pool != LabelId::NONE).then(|| ledger.label(pool).clone()),
            records: totals.records,
            failed: totals.failed,
            last_start: totals.last_start,
            last_upload: totals.last_upload.known(),
        })
        .collect();
    desktops.sort_by(|one, other| (one.last_start, &one.id).cmp(&(other.last_start, &other.id)));
    desktops.into()
}

/// Returns the numbers of desktops by exposed pool. A desktop that was recorded in several pools counts
/// in each of them, and once in `_other`.
pub(super) fn desktops_by_pool(ledger: &Ledger) -> BTreeMap<Arc<str>, PoolDesktops> {
    let now = ledger.last_poll().map_or(Timestamp::from_millis(0), |poll| poll.begun);
    let last_day = TimeRange::new(now.plus_millis(-DAY_MILLIS), now.plus_millis(1));
    let recorded_last_day = ledger.desktops_recorded_in(last_day);
    let mut pools: BTreeMap<LabelId, [BTreeSet<LabelId>; 2]> = BTreeMap::new();
    for (key, _) in ledger.totals().desktops() {
        let pool = pools.entry(ledger.slots().pool(key.pool)).or_default();
        // Without an id nobody knows whether two records are of one desktop.
        if key.desktop != LabelId::NONE {
            pool[0].insert(key.desktop);
            if recorded_last_day.contains(&key) {
                pool[1].insert(key.desktop);
            }
        }
    }
    let counts = pools.into_iter().map(|(pool, [recorded, last_day])| {
        let (recorded, recorded_last_day) = (recorded.len() as u64, last_day.len() as u64);
        (ledger.label(pool).clone(), PoolDesktops { recorded, recorded_last_day })
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{DurableLedger, LabelLimits, PollFacts, Staging};
    use records_api::record::{Record, RecordKey, Status, Term};

    const HOUR: i64 = 3_600_000;
    const NOW: i64 = 1_000 * HOUR;

    /// A record of a desktop in a pool that starts some hours before the poll.
    fn record(id: u32, desktop: &str, pool: &str, hours: i64, status: Status) -> Record<'static> {
        let start = Timestamp::from_millis(NOW - hours * HOUR);
        let mut record = Record::new(id.to_string(), start);
        record.status = Term::Known(status);
        record.update_time = Some(start.plus_millis(HOUR / 2));
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned().into());
        (record.desktop_id, record.desktop_pool_id) = (text(desktop), text(pool));
        record.desktop_name = text(&format!("name {id}"));
        record
    }

    fn ledger_of(records: &[Record<'_>], limits: LabelLimits) -> DurableLedger {
        let mut ledger = DurableLedger::default();
        let mut staging = Staging::default();
        for record in records {
            staging.read(&ledger, RecordKey::of(&record.id), record);
        }
        let facts = PollFacts { begun: Timestamp::from_millis(NOW), ..PollFacts::default() };
        let changes = ledger.diff(staging, facts, limits);
        ledger.commit(changes).unwrap();
        ledger
    }

    #[test]
    fn a_desktop_has_the_pool_and_name_of_its_newest_record() {
        let ledger = ledger_of(
            &[
                record(1, "a", "p", 30, Status::UploadCompleted),
                record(2, "a", "q", 20, Status::UploadFailed),
                record(3, "a", "p", 25, Status::RecFailed),
                record(4, "b", "", 40, Status::Recording),
                record(5, "", "p", 1, Status::UploadCompleted),
            ],
            LabelLimits::uniform(9),
        );
        let time = |hours: i64| Timestamp::from_millis(NOW - hours * HOUR);
        let b = Desktop {
            id: "b".into(),
            name: Some("name 4".into()),
            pool: None,
            records: 1,
            failed: 0,
            last_start: time(40),
            last_upload: None,
        };
        let a = Desktop {
            id: "a".into(),
            name: Some("name 2".into()),
            pool: Some("q".into()),
            records: 3,
            failed: 2,
            last_start: time(20),
            last_upload: Some(time(30).plus_millis(HOUR / 2)),
        };
        assert_eq!(*desktops(&ledger, &UserNames::Name), [b, a]);
        let hidden = desktops(&ledger, &UserNames::Drop);
        assert!(hidden.iter().all(|desktop| desktop.name.is_none()));
    }

    #[test]
    fn pools_count_distinct_desktops_of_the_window_and_of_the_last_day() {
        let ledger = ledger_of(
            &[
                record(1, "a", "p", 30, Status::UploadCompleted),
                record(2, "a", "p", 24, Status::UploadCompleted),
                record(3, "b", "p", 25, Status::UploadCompleted),
                // Its clock is ahead. It was recorded yesterday, too.
                record(4, "c", "p", -2, Status::Recording),
                record(5, "c", "p", 3, Status::Recording),
                // This one was recorded only in the future.
                record(6, "d", "p", -2, Status::Recording),
                record(7, "", "r", 1, Status::Recording),
                record(8, "a", "s", 1, Status::Recording),
                record(9, "a", "t", 40, Status::Recording),
            ],
            LabelLimits::uniform(2),
        );
        let counts = |recorded, recorded_last_day| PoolDesktops { recorded, recorded_last_day };
        let expected = [("_other", counts(1, 1)), ("p", counts(4, 2)), ("r", counts(0, 0))];
        let expected = expected.map(|(pool, desktops)| (Arc::from(pool), desktops));
        assert_eq!(desktops_by_pool(&ledger), BTreeMap::from(expected));
    }
}

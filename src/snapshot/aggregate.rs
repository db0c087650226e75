//! Aggregates the records of a ledger by labels. Pure.
//!
//! An [`Aggregate`] has label values as text, so that nothing downstream needs the ledger.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::user_names::UserNames;
use crate::ledger::{KindKey, LabelId, Ledger, Sums, TermId};
use records_api::record::{RecordType, Status, Timestamp};

/// Status, type and pool of records.
pub type KindLabels = (Arc<str>, Arc<str>, Arc<str>);
/// User and status of records.
pub type UserLabels = (Arc<str>, Arc<str>);
/// Status and pool of records in flight.
pub type InFlightLabels = (Arc<str>, Arc<str>);

/// The records of a window, aggregated by labels. Ordered, so that equal ledgers give equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// By status, type and pool: for each type and pool in the window all six statuses.
    pub kinds: BTreeMap<KindLabels, Sums>,
    /// By user and status: for each user all six statuses.
    pub users: BTreeMap<UserLabels, Sums>,
    /// Start of the oldest record by in-flight status and pool.
    pub oldest_start: BTreeMap<InFlightLabels, Timestamp>,
    /// Least recent change of a record by in-flight status and pool.
    pub oldest_update: BTreeMap<InFlightLabels, Timestamp>,
    /// Start of the newest record.
    pub newest_start: Option<Timestamp>,
    /// Number of records.
    pub records: u64,
}

impl Aggregate {
    /// Adds zeros for pools that exist but have no record in the window, so that "nothing recorded" differs
    /// from "not known". Adds none beyond `most` pools in total.
    pub fn seed<'p>(&mut self, pools: impl Iterator<Item = &'p str>, most: usize) {
        let mut shown: BTreeSet<Arc<str>> =
            self.kinds.keys().map(|(_, _, pool)| pool.clone()).collect();
        let mut types: BTreeSet<Arc<str>> =
            self.kinds.keys().map(|(_, kind, _)| kind.clone()).collect();
        if types.is_empty() {
            types.insert(RecordType::Full.code().into());
        }
        for pool in pools {
            if shown.len() >= most || shown.contains(pool) {
                continue;
            }
            let pool: Arc<str> = pool.into();
            for record_type in &types {
                for status in Status::ALL {
                    let key = (status.code().into(), record_type.clone(), pool.clone());
                    self.kinds.insert(key, Sums::default());
                }
            }
            shown.insert(pool);
        }
    }

    /// Aggregates the records of a ledger. Users get the names of `names`; label values beyond the limits
    /// are folded into `_other`.
    pub fn of(ledger: &Ledger, names: &UserNames) -> Self {
        let (slots, totals) = (ledger.slots(), ledger.totals());
        let mut kinds: BTreeMap<(TermId, TermId, LabelId), Sums> = BTreeMap::new();
        for (KindKey { pool, record_type, status }, sums) in totals.kinds() {
            let shown = (slots.status(status), slots.record_type(record_type), slots.pool(pool));
            kinds.entry(shown).or_default().merge(sums);
        }
        let mut users: BTreeMap<(LabelId, TermId), Sums> = BTreeMap::new();
        for ((user, status), sums) in totals.users() {
            users.entry((slots.user(user), slots.status(status))).or_default().merge(sums);
        }
        complete(&mut kinds, &mut users);
        let mut aggregate = named(ledger, names, &kinds, &users);
        for ((status, pool), group) in totals.in_flight() {
            let labels = (ledger.term(status).clone(), ledger.label(slots.pool(pool)).clone());
            keep_least(&mut aggregate.oldest_start, &labels, group.oldest_start());
            keep_least(&mut aggregate.oldest_update, &labels, group.oldest_update());
        }
        aggregate.newest_start = ledger.newest_start();
        aggregate.records = totals.records();
        aggregate
    }
}

fn keep_least(
    moments: &mut BTreeMap<InFlightLabels, Timestamp>,
    labels: &InFlightLabels,
    moment: Option<Timestamp>,
) {
    if let Some(moment) = moment {
        let least = moments.entry(labels.clone()).or_insert(moment);
        *least = moment.min(*least);
    }
}

/// Adds zeros for statuses without a record, so that a series exists before its first record does.
fn complete(
    kinds: &mut BTreeMap<(TermId, TermId, LabelId), Sums>,
    users: &mut BTreeMap<(LabelId, TermId), Sums>,
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
    ledger: &Ledger,
    names: &UserNames,
    kinds: &BTreeMap<(TermId, TermId, LabelId), Sums>,
    users: &BTreeMap<(LabelId, TermId), Sums>,
) -> Aggregate {
    let text = |label: &LabelId| ledger.label(*label).clone();
    let term = |term: &TermId| ledger.term(*term).clone();
    let kinds = kinds.iter().map(|((status, record_type, pool), sums)| {
        ((term(status), term(record_type), text(pool)), *sums)
    });
    let mut aggregate = Aggregate { kinds: kinds.collect(), ..Aggregate::default() };
    // The statuses of a user are neighbours, so its name is hashed once and not six times.
    let mut shown = None;
    for ((user, status), sums) in users {
        if shown.as_ref().is_none_or(|(known, _)| known != user) {
            shown = Some((*user, names.shown(&text(user))));
        }
        let Some((_, Some(name))) = &shown else { continue };
        aggregate.users.entry((name.clone(), term(status))).or_default().merge(sums);
    }
    aggregate
}

//! Aggregates the records of a ledger by labels. Pure.
//!
//! An [`Aggregate`] has label values as text, so that nothing downstream needs the ledger.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::desktops::{PoolDesktops, desktops_by_pool};
use super::user_names::UserNames;
use crate::ledger::{KindKey, LabelId, Ledger, Sums, TermId};
use records_api::record::{Status, Timestamp};

/// Status, type and pool of records.
pub type KindLabels = (Arc<str>, Arc<str>, Arc<str>);
/// User, bucket or policy of records, and their status.
pub type NameLabels = (Arc<str>, Arc<str>);
/// Status and pool of records in flight.
pub type InFlightLabels = (Arc<str>, Arc<str>);

/// The records of a window, aggregated by labels. Ordered, so that equal ledgers give equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// By status, type and pool: for each type and pool in the window all six statuses.
    pub kinds: BTreeMap<KindLabels, Sums>,
    /// By user and status: for each user all six statuses.
    pub users: BTreeMap<NameLabels, Sums>,
    /// By bucket and status: for each bucket all six statuses.
    pub buckets: BTreeMap<NameLabels, Sums>,
    /// By policy and status: for each policy all six statuses.
    pub policies: BTreeMap<NameLabels, Sums>,
    /// Numbers of desktops by pool.
    pub desktops: BTreeMap<Arc<str>, PoolDesktops>,
    /// Start of the oldest record by in-flight status and pool.
    pub oldest_start: BTreeMap<InFlightLabels, Timestamp>,
    /// Least recent change of a record by in-flight status and pool.
    pub oldest_update: BTreeMap<InFlightLabels, Timestamp>,
    /// Start of the newest record by pool.
    pub newest_start: BTreeMap<Arc<str>, Timestamp>,
    /// Number of records.
    pub records: u64,
}

impl Aggregate {
    /// Adds zeros for the desktops of pools that exist but have no record in the window, so that "nothing
    /// recorded" differs from "not known". Adds none beyond `most` pools in total.
    pub fn seed<'p>(&mut self, pools: impl Iterator<Item = &'p str>, most: usize) {
        for pool in pools {
            if self.desktops.len() < most && !self.desktops.contains_key(pool) {
                self.desktops.insert(pool.into(), PoolDesktops::default());
            }
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
        complete_kinds(&mut kinds);
        let text = |label: LabelId| ledger.label(label).clone();
        let term = |term: TermId| ledger.term(term).clone();
        let kinds = kinds.into_iter().map(|((status, record_type, pool), sums)| {
            ((term(status), term(record_type), text(pool)), sums)
        });
        let users = by_status(ledger, totals.users(), |user| slots.user(user));
        let buckets = by_status(ledger, totals.buckets(), |bucket| slots.bucket(bucket));
        let policies = by_status(ledger, totals.policies(), |policy| slots.policy(policy));
        let mut aggregate = Self {
            kinds: kinds.collect(),
            users: named(ledger, &users, |user| names.shown(&text(user))),
            buckets: named(ledger, &buckets, |bucket| Some(text(bucket))),
            policies: named(ledger, &policies, |policy| Some(text(policy))),
            desktops: desktops_by_pool(ledger),
            records: totals.records(),
            ..Self::default()
        };
        for ((status, pool), group) in totals.in_flight() {
            let labels = (ledger.term(status).clone(), ledger.label(slots.pool(pool)).clone());
            keep_least(&mut aggregate.oldest_start, &labels, group.oldest_start());
            keep_least(&mut aggregate.oldest_update, &labels, group.oldest_update());
        }
        for (key, desktop) in totals.desktops() {
            let pool = text(slots.pool(key.pool));
            let newest = aggregate.newest_start.entry(pool).or_insert(desktop.last_start);
            *newest = desktop.last_start.max(*newest);
        }
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
fn complete_kinds(kinds: &mut BTreeMap<(TermId, TermId, LabelId), Sums>) {
    let pairs: BTreeSet<_> = kinds.keys().map(|(_, kind, pool)| (*kind, *pool)).collect();
    for (record_type, pool) in pairs {
        for status in Status::ALL {
            kinds.entry((status.into(), record_type, pool)).or_default();
        }
    }
}

/// Folds totals by a name and the status, and adds zeros for statuses without a record.
fn by_status<'l>(
    ledger: &'l Ledger,
    totals: impl Iterator<Item = ((LabelId, TermId), &'l Sums)>,
    shown: impl Fn(LabelId) -> LabelId,
) -> BTreeMap<(LabelId, TermId), Sums> {
    let mut folded: BTreeMap<(LabelId, TermId), Sums> = BTreeMap::new();
    for ((name, status), sums) in totals {
        folded.entry((shown(name), ledger.slots().status(status))).or_default().merge(sums);
    }
    let names: BTreeSet<_> = folded.keys().map(|(name, _)| *name).collect();
    for name in names {
        for status in Status::ALL {
            folded.entry((name, status.into())).or_default();
        }
    }
    folded
}

/// Returns totals with texts. `text` returns the text of a name, `None` if it is not shown.
fn named(
    ledger: &Ledger,
    totals: &BTreeMap<(LabelId, TermId), Sums>,
    text: impl Fn(LabelId) -> Option<Arc<str>>,
) -> BTreeMap<NameLabels, Sums> {
    let mut named: BTreeMap<NameLabels, Sums> = BTreeMap::new();
    // The statuses of a user are neighbours, so its name is hashed once and not six times.
    let mut last = None;
    for ((name, status), sums) in totals {
        if last.as_ref().is_none_or(|(known, _)| known != name) {
            last = Some((*name, text(*name)));
        }
        let Some((_, Some(text))) = &last else { continue };
        named.entry((text.clone(), ledger.term(*status).clone())).or_default().merge(sums);
    }
    named
}

//! Label values that get series of their own; the others are folded into `_other`.
//!
//! The live series give free slots to the values of a poll in the order of their texts. So does this,
//! and it keeps no more values than there are slots.

use std::collections::{BTreeMap, BTreeSet};

use records_api::record::{RecordType, Status};

use super::rows::{NONE, Row};
use crate::ledger::{MAX_UNKNOWN_VALUES, ValueLimit};

/// Value of a record whose value is folded.
pub(super) const OTHER: &str = "_other";

/// Maximum number of label values of a project that have series of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueLimits {
    /// Limit of `user`.
    pub users: usize,
    /// Limit of `pool`.
    pub pools: usize,
}

/// The values of each label that would get a slot if no more records came.
#[derive(Debug)]
pub(super) struct KeptValues {
    statuses: Kept,
    types: Kept,
    pools: Kept,
    users: Kept,
}

/// The values that are shown. Their numbers are in the order of their texts.
#[derive(Debug)]
pub(super) struct LabelValues {
    statuses: Values,
    types: Values,
    pools: Values,
    users: Values,
}

/// The first values of a label in the order of their texts, as many as there are slots.
#[derive(Debug)]
struct Kept {
    limit: usize,
    length: ValueLimit,
    values: BTreeSet<String>,
    /// Values that are truncated, by the form that they are shown in. Of two values with the same form,
    /// the later one gets no slot: a series must not occur twice.
    truncated: BTreeMap<String, String>,
    /// Values that take no slot.
    fixed: Vec<&'static str>,
}

/// The values of a label that are shown, in order.
#[derive(Debug)]
pub(super) struct Values(Vec<String>);

impl KeptValues {
    pub(super) fn new(limits: &ValueLimits, length: ValueLimit) -> Self {
        let statuses = Status::ALL.map(Status::code).into_iter();
        // The ledger numbers statuses and types together.
        let terms: Vec<_> = statuses.chain(RecordType::ALL.map(RecordType::code)).collect();
        Self {
            statuses: Kept::new(MAX_UNKNOWN_VALUES, length, &terms),
            types: Kept::new(MAX_UNKNOWN_VALUES, length, &terms),
            pools: Kept::new(limits.pools, length, &[]),
            users: Kept::new(limits.users, length, &[]),
        }
    }

    /// Offers the values of a row.
    pub(super) fn offer(&mut self, row: &Row<'_>) {
        self.statuses.offer(&row.status);
        self.types.offer(&row.record_type);
        self.pools.offer(&row.pool);
        self.users.offer(&row.user);
    }
}

impl Kept {
    fn new(limit: usize, length: ValueLimit, fixed: &[&'static str]) -> Self {
        let fixed = [&[NONE, OTHER], fixed].concat();
        let (values, truncated) = Default::default();
        Self { limit, length, values, truncated, fixed }
    }

    fn offer(&mut self, value: &str) {
        let is_beyond = self.values.len() >= self.limit
            && self.values.last().is_none_or(|last| value > last.as_str());
        if is_beyond || self.fixed.contains(&value) || self.values.contains(value) {
            return;
        }
        let form = self.length.shown(value);
        if form != value {
            if let Some(other) = self.truncated.get(&*form) {
                if **other < *value {
                    return;
                }
                self.values.remove(other);
            }
            self.truncated.insert(form.into_owned(), value.to_owned());
        }
        self.values.insert(value.to_owned());
        if self.values.len() > self.limit
            && let Some(last) = self.values.pop_last()
        {
            self.truncated.remove(&*self.length.shown(&last));
        }
    }

    fn into_values(self) -> Values {
        let fixed = self.fixed.into_iter().map(str::to_owned);
        let values: BTreeSet<_> = self.values.into_iter().chain(fixed).collect();
        Values(values.into_iter().collect())
    }
}

impl LabelValues {
    /// Returns the values that get slots, when all rows were offered.
    pub(super) fn of(kept: KeptValues) -> Self {
        Self {
            statuses: kept.statuses.into_values(),
            types: kept.types.into_values(),
            pools: kept.pools.into_values(),
            users: kept.users.into_values(),
        }
    }

    pub(super) fn statuses(&self) -> &Values {
        &self.statuses
    }

    pub(super) fn types(&self) -> &Values {
        &self.types
    }

    pub(super) fn pools(&self) -> &Values {
        &self.pools
    }

    pub(super) fn users(&self) -> &Values {
        &self.users
    }
}

impl Values {
    /// Returns the number of a value, or of `_other` if it is folded.
    pub(super) fn number(&self, value: &str) -> u32 {
        let find = |value: &str| self.0.binary_search_by(|known| known.as_str().cmp(value));
        let found = find(value).or_else(|_| find(OTHER));
        u32::try_from(found.expect("_other is always there")).expect("limits have 32 bits")
    }

    /// Returns the text of a number.
    pub(super) fn text(&self, number: u32) -> &str {
        &self.0[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: usize = 32;

    /// Gives slots to the values in the order of their texts, as the ledger does for a poll.
    fn values_with_slots(offered: &[String], limit: usize) -> Vec<String> {
        let offered: BTreeSet<_> = offered.iter().cloned().collect();
        let (mut forms, mut held) = (BTreeSet::new(), Vec::new());
        for value in offered {
            let form = ValueLimit::new(LENGTH).shown(&value).into_owned();
            let is_fixed = [NONE, OTHER].contains(&value.as_str());
            if !is_fixed && held.len() < limit && (form == value || forms.insert(form)) {
                held.push(value);
            }
        }
        held
    }

    fn kept(offered: &[String], limit: usize) -> Kept {
        let mut kept = Kept::new(limit, ValueLimit::new(LENGTH), &[]);
        for value in offered {
            kept.offer(value);
            assert!(kept.values.len() <= limit && kept.truncated.len() <= limit);
        }
        kept
    }

    proptest! {
        #[test]
        fn the_slots_are_those_of_a_poll_that_reads_all_records_at_once(
            // The first two are truncated to the same form.
            numbers in prop::collection::vec(0_usize..12, 0..40), limit in 1_usize..8,
        ) {
            let long = |end: &str| format!("{}{end}", "x".repeat(40));
            let mut texts = vec![long("6542"), long("70735"), long("a"), NONE.to_owned()];
            texts.extend(["a", "b", "c", "y", "z", "用", "", "_other"].map(str::to_owned));
            let offered: Vec<_> = numbers.into_iter().map(|n| texts[n].clone()).collect();
            let kept = kept(&offered, limit);
            let held: Vec<_> = kept.values.iter().cloned().collect();
            prop_assert_eq!(held, values_with_slots(&offered, limit));
        }
    }

    #[test]
    fn values_without_a_slot_are_folded() {
        let offered = ["d", "b", "_none", "c"].map(str::to_owned);
        let values = kept(&offered, 2).into_values();
        let shown = |value| values.text(values.number(value)).to_owned();
        let all = ["b", "c", "d", "_none", "_other", "never offered"].map(shown);
        assert_eq!(all, ["b", "c", "_other", "_none", "_other", "_other"]);
    }
}

//! Which label values are shown as themselves; the rest is folded into `_other`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::symbols::LabelId;
use super::terms::TermId;
use records_api::record::Timestamp;

/// A label whose values are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LimitedLabel {
    /// `user`
    User,
    /// `pool`
    Pool,
    /// `status`, beyond the known ones
    Status,
    /// `type`, beyond the known ones
    Type,
}

/// A value of a limited label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct LabelValue {
    /// The label.
    pub(super) label: LimitedLabel,
    /// The number of the value's text in the table of symbols.
    pub(super) number: u32,
}

/// Most values of a project that are shown as themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLimits {
    /// Of `user`.
    pub users: usize,
    /// Of `pool`.
    pub pools: usize,
}

/// Values of status or type that are neither a code nor a known spelling get a label of their own
/// up to this many.
pub const MAX_UNKNOWN_VALUES: usize = 16;
/// A value without a record in the window for so long gives its slot up.
const MAX_ABSENCE_MILLIS: i64 = 30 * 24 * 3_600_000;

impl LabelLimits {
    fn of(self, label: LimitedLabel) -> usize {
        match label {
            LimitedLabel::User => self.users,
            LimitedLabel::Pool => self.pools,
            LimitedLabel::Status | LimitedLabel::Type => MAX_UNKNOWN_VALUES,
        }
    }
}

/// The values that hold a slot, each with the moment since when it is without a record, if it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardinalityLimit {
    held: BTreeMap<LabelValue, Option<Timestamp>>,
}

/// What happens to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SlotChange {
    /// It is held, and since when without a record.
    Held(Option<Timestamp>),
    /// It is given up.
    GivenUp,
}

impl CardinalityLimit {
    /// The label that a user's records are shown under.
    pub fn user(&self, user: LabelId) -> LabelId {
        self.label(LimitedLabel::User, user)
    }

    /// The label that a pool's records are shown under.
    pub fn pool(&self, pool: LabelId) -> LabelId {
        self.label(LimitedLabel::Pool, pool)
    }

    /// The label that a status is shown under.
    pub fn status(&self, status: TermId) -> TermId {
        self.term(LimitedLabel::Status, status)
    }

    /// The label that a type is shown under.
    pub fn record_type(&self, record_type: TermId) -> TermId {
        self.term(LimitedLabel::Type, record_type)
    }

    /// The values of a label that hold a slot.
    pub fn holders(&self, label: LimitedLabel) -> impl Iterator<Item = u32> {
        let first = LabelValue { label, number: 0 };
        let last = LabelValue { label, number: u32::MAX };
        self.held.range(first..=last).map(|(value, _)| value.number)
    }

    pub(super) fn holds(&self, value: LabelValue) -> bool {
        self.held.contains_key(&value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LabelValue, SlotChange)> {
        self.held.iter().map(|(value, absent)| (*value, SlotChange::Held(*absent)))
    }

    pub(super) fn apply(&mut self, value: LabelValue, change: SlotChange) {
        match change {
            SlotChange::Held(absent) => self.held.insert(value, absent),
            SlotChange::GivenUp => self.held.remove(&value),
        };
    }

    /// What becomes of the slots: `wanted` are values that are folded or have new records, in the
    /// order in which they are served; `is_present` says whether a value has records in the window.
    pub(super) fn changes(
        &self,
        wanted: &[LabelValue],
        is_present: impl Fn(LabelValue) -> bool,
        limits: LabelLimits,
        now: Timestamp,
    ) -> Vec<(LabelValue, SlotChange)> {
        let mut changes = Vec::new();
        let mut free: BTreeMap<LimitedLabel, usize> = BTreeMap::new();
        for limited in
            [LimitedLabel::User, LimitedLabel::Pool, LimitedLabel::Status, LimitedLabel::Type]
        {
            free.insert(limited, limits.of(limited));
        }
        for (value, absent) in &self.held {
            let is_limited = matches!(value.label, LimitedLabel::User | LimitedLabel::Pool);
            let is_absent = is_limited && !is_present(*value) && !wanted.contains(value);
            let left = free.get_mut(&value.label).expect("inserted above");
            let is_long_gone = absent.is_some_and(|since| {
                now.millis().saturating_sub(since.millis()) > MAX_ABSENCE_MILLIS
            });
            // A limit may have been lowered since.
            if *left == 0 || is_absent && is_long_gone {
                changes.push((*value, SlotChange::GivenUp));
                continue;
            }
            *left -= 1;
            let since = if is_absent { absent.or(Some(now)) } else { None };
            if since != *absent {
                changes.push((*value, SlotChange::Held(since)));
            }
        }
        for value in wanted.iter().filter(|value| !self.holds(**value)) {
            let left = free.get_mut(&value.label).expect("inserted above");
            if *left > 0 {
                *left -= 1;
                changes.push((*value, SlotChange::Held(None)));
            }
        }
        changes
    }

    fn label(&self, label: LimitedLabel, id: LabelId) -> LabelId {
        let value = LabelValue { label, number: id.number() };
        if id.is_fixed() || self.holds(value) { id } else { LabelId::OTHER }
    }

    fn term(&self, label: LimitedLabel, id: TermId) -> TermId {
        let value = LabelValue { label, number: id.number() };
        if id.is_fixed() || self.holds(value) { id } else { TermId::OTHER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LabelLimits = LabelLimits { users: 2, pools: 1 };

    fn user(number: u32) -> LabelValue {
        LabelValue { label: LimitedLabel::User, number }
    }

    fn step(slots: &mut CardinalityLimit, wanted: &[LabelValue], present: &[LabelValue], day: i64) {
        let now = Timestamp::from_millis(day * 24 * 3_600_000);
        for (value, change) in slots.changes(wanted, |value| present.contains(&value), LIMITS, now)
        {
            slots.apply(value, change);
        }
    }

    fn users(slots: &CardinalityLimit) -> Vec<u32> {
        slots.holders(LimitedLabel::User).collect()
    }

    #[test]
    fn values_beyond_the_limit_are_folded_into_other() {
        let mut slots = CardinalityLimit::default();
        let pool = LabelValue { label: LimitedLabel::Pool, number: 9 };
        step(&mut slots, &[user(5), user(7), user(6), pool], &[], 0);
        assert_eq!(users(&slots), [5, 7]);
        assert_eq!(slots.user(LabelId::from_number(7)), LabelId::from_number(7));
        assert_eq!(slots.user(LabelId::from_number(6)), LabelId::OTHER);
        assert_eq!(slots.user(LabelId::NONE), LabelId::NONE);
        assert_eq!(slots.pool(LabelId::from_number(7)), LabelId::OTHER);
    }

    #[test]
    fn a_slot_is_given_up_after_thirty_days_without_a_record() {
        let mut slots = CardinalityLimit::default();
        step(&mut slots, &[user(5), user(7)], &[], 0);
        step(&mut slots, &[], &[user(5)], 1);
        step(&mut slots, &[user(8)], &[user(5)], 31);
        assert_eq!(users(&slots), [5, 7], "thirty days are not over yet");
        step(&mut slots, &[], &[user(5)], 32);
        assert_eq!(users(&slots), [5]);
        step(&mut slots, &[user(8)], &[user(5)], 33);
        assert_eq!(users(&slots), [5, 8]);
    }

    #[test]
    fn a_record_within_thirty_days_keeps_the_slot() {
        let mut slots = CardinalityLimit::default();
        step(&mut slots, &[user(5)], &[], 0);
        step(&mut slots, &[], &[], 10);
        step(&mut slots, &[], &[user(5)], 39);
        step(&mut slots, &[], &[], 41);
        step(&mut slots, &[], &[], 70);
        assert_eq!(users(&slots), [5]);
    }
}

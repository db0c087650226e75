//! Limit of the label values that have series of their own. The others are folded into `_other`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::symbols::LabelId;
use super::terms::TermId;
use super::value_limit::ValueLimit;
use records_api::record::Timestamp;

/// Label whose values are limited.
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
    /// `bucket`. Since format 4.
    Bucket,
    /// `policy`. Since format 4.
    Policy,
}

impl LimitedLabel {
    /// All limited labels.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Pool, Self::Status, Self::Type, Self::Bucket, Self::Policy];

    /// Returns whether its values are statuses or types, which are numbered apart from names.
    pub(super) fn is_term(self) -> bool {
        matches!(self, Self::Status | Self::Type)
    }
}

/// Value of a limited label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct LabelValue {
    /// Label of the value.
    pub(super) label: LimitedLabel,
    /// Number of the value's text in its [`SymbolTable`](super::symbols::SymbolTable).
    pub(super) number: u32,
}

impl LabelValue {
    /// Returns a name as the value of a label.
    pub(super) fn of(label: LimitedLabel, name: LabelId) -> Self {
        Self { label, number: name.number() }
    }
}

/// Maximum number of label values of a project that have series of their own, and their maximum length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLimits {
    /// Limit of `user`.
    pub users: usize,
    /// Limit of `pool`.
    pub pools: usize,
    /// Limit of `bucket`.
    pub buckets: usize,
    /// Limit of `policy`.
    pub policies: usize,
    /// Limit of the length of a value.
    pub value_bytes: ValueLimit,
}

/// Maximum number of values of `status`, and of `type`, that are neither a code nor a known
/// spelling and have series of their own.
pub const MAX_UNKNOWN_VALUES: usize = 16;
/// Time without a record in the window after which a value gives up its slot. Without it, users who
/// left would hold all slots in the end.
const MAX_ABSENCE_MILLIS: i64 = 30 * 24 * 3_600_000;

impl LabelLimits {
    /// Limits each label to the same number of values, of any length.
    #[cfg(test)]
    pub(crate) const fn uniform(values: usize) -> Self {
        Self {
            users: values,
            pools: values,
            buckets: values,
            policies: values,
            value_bytes: ValueLimit::NONE,
        }
    }

    /// Returns the limit of a label.
    fn of(self, label: LimitedLabel) -> usize {
        match label {
            LimitedLabel::User => self.users,
            LimitedLabel::Pool => self.pools,
            LimitedLabel::Bucket => self.buckets,
            LimitedLabel::Policy => self.policies,
            LimitedLabel::Status | LimitedLabel::Type => MAX_UNKNOWN_VALUES,
        }
    }
}

/// Label values that hold a slot, each with the time since when it has no record, if it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardinalityLimit {
    held: BTreeMap<LabelValue, Option<Timestamp>>,
}

/// Change of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SlotChange {
    /// The value holds the slot. Contains the time since when it has no record, if it has none.
    Held(Option<Timestamp>),
    /// The value gave up the slot.
    GivenUp,
}

impl CardinalityLimit {
    /// Returns the label under which the records of a user are exposed.
    pub fn user(&self, user: LabelId) -> LabelId {
        self.label(LimitedLabel::User, user)
    }

    /// Returns the label under which the records of a pool are exposed.
    pub fn pool(&self, pool: LabelId) -> LabelId {
        self.label(LimitedLabel::Pool, pool)
    }

    /// Returns the label under which the records of a bucket are exposed.
    pub fn bucket(&self, bucket: LabelId) -> LabelId {
        self.label(LimitedLabel::Bucket, bucket)
    }

    /// Returns the label under which the records of a policy are exposed.
    pub fn policy(&self, policy: LabelId) -> LabelId {
        self.label(LimitedLabel::Policy, policy)
    }

    /// Returns the label under which a status is exposed.
    pub fn status(&self, status: TermId) -> TermId {
        self.term(LimitedLabel::Status, status)
    }

    /// Returns the label under which a type is exposed.
    pub fn record_type(&self, record_type: TermId) -> TermId {
        self.term(LimitedLabel::Type, record_type)
    }

    /// Returns the numbers of the values of a label that hold a slot.
    pub fn holders(&self, label: LimitedLabel) -> impl Iterator<Item = u32> {
        let first = LabelValue { label, number: 0 };
        let last = LabelValue { label, number: u32::MAX };
        self.held.range(first..=last).map(|(value, _)| value.number)
    }

    /// Returns whether a value holds a slot.
    pub(super) fn holds(&self, value: LabelValue) -> bool {
        self.held.contains_key(&value)
    }

    /// Returns the slots that are held, as changes that lead to them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LabelValue, SlotChange)> {
        self.held.iter().map(|(value, absent)| (*value, SlotChange::Held(*absent)))
    }

    /// Takes the slots of all values of a label.
    pub(super) fn forget(&mut self, label: LimitedLabel) {
        self.held.retain(|value, _| value.label != label);
    }

    /// Applies a change of a slot. Returns whether the value gets or gives up its slot.
    pub(super) fn apply(&mut self, value: LabelValue, change: SlotChange) -> bool {
        match change {
            SlotChange::Held(absent) => self.held.insert(value, absent).is_none(),
            SlotChange::GivenUp => self.held.remove(&value).is_some(),
        }
    }

    /// Returns the changes of the slots. `wanted` are the values that are folded or have new
    /// records, in the order in which they get free slots. `is_present` returns whether a value has
    /// records in the window, `text` returns the text of a value.
    pub(super) fn changes<'t>(
        &self,
        wanted: &[LabelValue],
        is_present: impl Fn(LabelValue) -> bool,
        text: impl Fn(LabelValue) -> &'t str,
        limits: LabelLimits,
        now: Timestamp,
    ) -> Vec<(LabelValue, SlotChange)> {
        let mut changes = Vec::new();
        let mut free: BTreeMap<LimitedLabel, usize> =
            LimitedLabel::ALL.into_iter().map(|label| (label, limits.of(label))).collect();
        // Of two values with the same truncated form, one is folded: a series must not occur twice.
        let mut forms = BTreeSet::new();
        let mut is_taken = |value: LabelValue| {
            let form = limits.value_bytes.truncated(text(value));
            form.is_some_and(|form| !forms.insert((value.label, form)))
        };
        for (value, absent) in &self.held {
            // Statuses and types are not indexed, so `is_present` is false for them: they keep
            // their slots.
            let is_absent =
                !value.label.is_term() && !is_present(*value) && !wanted.contains(value);
            let left = free.get_mut(&value.label).expect("inserted above");
            let is_long_gone = absent.is_some_and(|since| {
                now.millis().saturating_sub(since.millis()) > MAX_ABSENCE_MILLIS
            });
            // The limit may be lower than before: the values above it are folded.
            if *left == 0 || is_absent && is_long_gone || is_taken(*value) {
                changes.push((*value, SlotChange::GivenUp));
                continue;
            }
            *left -= 1;
            // The first absence counts. Otherwise each poll would begin the thirty days again.
            let since = if is_absent { absent.or(Some(now)) } else { None };
            if since != *absent {
                changes.push((*value, SlotChange::Held(since)));
            }
        }
        for value in wanted.iter().filter(|value| !self.holds(**value)) {
            let left = free.get_mut(&value.label).expect("inserted above");
            if *left > 0 && !is_taken(*value) {
                *left -= 1;
                changes.push((*value, SlotChange::Held(None)));
            }
        }
        changes
    }

    /// Returns a pool or a user, or `_other` if it is folded.
    fn label(&self, label: LimitedLabel, id: LabelId) -> LabelId {
        let value = LabelValue { label, number: id.number() };
        if id.is_fixed() || self.holds(value) { id } else { LabelId::OTHER }
    }

    /// Returns a status or a type, or `_other` if it is folded.
    fn term(&self, label: LimitedLabel, id: TermId) -> TermId {
        let value = LabelValue { label, number: id.number() };
        if id.is_fixed() || self.holds(value) { id } else { TermId::OTHER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LabelLimits =
        LabelLimits { users: 2, value_bytes: ValueLimit::new(32), ..LabelLimits::uniform(1) };

    fn user(number: u32) -> LabelValue {
        LabelValue { label: LimitedLabel::User, number }
    }

    fn step(slots: &mut CardinalityLimit, wanted: &[LabelValue], present: &[LabelValue], day: i64) {
        let now = Timestamp::from_millis(day * 24 * 3_600_000);
        let is_present = |value| present.contains(&value);
        for (value, change) in slots.changes(wanted, is_present, |_| "", LIMITS, now) {
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
    fn a_value_whose_truncated_form_is_taken_is_folded() {
        // Their SHA-256 begin with the same eight digits.
        let [one, other] = ["6542", "70735"].map(|end| format!("{}{end}", "x".repeat(40)));
        let mut slots = CardinalityLimit::default();
        let text = |value: LabelValue| if value.number == 5 { &*one } else { &*other };
        let limits = LabelLimits { users: 9, ..LIMITS };
        let now = Timestamp::from_millis(0);
        let changes = slots.changes(&[user(5), user(6)], |_| true, text, limits, now);
        for (value, change) in changes {
            slots.apply(value, change);
        }
        assert_eq!(users(&slots), [5]);
        // A lower limit can make forms equal that were not.
        slots.apply(user(6), SlotChange::Held(None));
        let changes = slots.changes(&[], |_| true, text, limits, now);
        assert_eq!(changes, [(user(6), SlotChange::GivenUp)]);
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

//! Forms of the labels that a process has shown: constant labels, the form of users, and truncated
//! values.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::user_names::UserNames;
use crate::ledger::ValueLimit;

/// Maximum number of forms that are remembered.
const MAX_FORMS: usize = 1000;
/// Maximum number of values that are remembered because a change of the limit showed them otherwise.
const MAX_VALUES: usize = 10_000;

/// Forms of the labels that a process has shown. A change of the form makes other series of the
/// same counters.
#[derive(Debug, Default)]
pub(super) struct LabelForms {
    hasher: RandomState,
    current: Option<LabelForm>,
    /// Hashes of the forms shown so far.
    shown: HashSet<u64>,
    limit: ValueLimit,
    /// Hashes of the values that earlier limits showed otherwise.
    earlier_values: HashSet<u64>,
}

/// Form of the labels of a project.
#[derive(Debug, Clone)]
struct LabelForm {
    constant: Vec<(String, String)>,
    users: UserNames,
}

/// Effect of a change of the form on some series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormChange {
    /// They keep their labels.
    Same,
    /// They get labels that the process has not shown yet.
    New,
    /// They get labels that the process has shown before.
    Returns,
}

/// Effects of a change of the form.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormChanges {
    /// Series by user.
    pub(super) by_user: FormChange,
    /// All others.
    pub(super) others: FormChange,
}

impl LabelForms {
    /// Shows this form from now on. Returns what changes.
    pub(super) fn show(&mut self, constant: &[(String, String)], users: &UserNames) -> FormChanges {
        let earlier =
            self.current.replace(LabelForm { constant: constant.to_vec(), users: users.clone() });
        let (is_same, has_same_users) = earlier.map_or((false, false), |earlier| {
            (earlier.constant == constant, earlier.users.is_like(users))
        });
        FormChanges {
            others: self.note(is_same, &constant),
            by_user: self.note(is_same && has_same_users, &(constant, users.key())),
        }
    }

    /// Shows values of at most this length from now on. Returns the earlier limit if it was another one.
    pub(super) fn limit(&mut self, limit: ValueLimit) -> Option<ValueLimit> {
        let earlier = std::mem::replace(&mut self.limit, limit);
        (earlier != limit).then_some(earlier)
    }

    /// Returns the effect of a change of the limit on a series with these label values.
    pub(super) fn change_of_values(
        &mut self,
        earlier: ValueLimit,
        values: &[Arc<str>],
    ) -> FormChange {
        let mut change = FormChange::Same;
        for value in values {
            let (before, after) = (earlier.shown(value), self.limit.shown(value));
            if before == after {
                continue;
            }
            // Beyond the maximum, all count as known, for the same reason as below.
            let is_full = self.earlier_values.len() >= MAX_VALUES;
            if !is_full {
                self.earlier_values.insert(self.hasher.hash_one(before));
            }
            let is_known = is_full || self.earlier_values.contains(&self.hasher.hash_one(after));
            change = match (change, is_known) {
                (FormChange::New, _) | (_, false) => FormChange::New,
                _ => FormChange::Returns,
            };
        }
        change
    }

    fn note(&mut self, is_same: bool, form: &impl std::hash::Hash) -> FormChange {
        let form = self.hasher.hash_one(form);
        // Series that are wrongly taken for known ones are held at their value, which never shows a
        // decrease.
        let is_known = self.shown.len() >= MAX_FORMS || !self.shown.insert(form);
        match (is_same, is_known) {
            (true, _) => FormChange::Same,
            (false, true) => FormChange::Returns,
            (false, false) => FormChange::New,
        }
    }
}

//! Texts of label values while a poll is compared with the ledger, including values that are new.

use std::collections::BTreeMap;

use super::Ledger;
use super::cardinality::LabelValue;
use super::symbols::NumberedName;

/// Texts of label values: those of the ledger, and new ones.
pub(super) struct ValueTexts<'l> {
    ledger: &'l Ledger,
    new_labels: BTreeMap<u32, &'l str>,
    new_terms: BTreeMap<u32, &'l str>,
}

impl<'l> ValueTexts<'l> {
    pub(super) fn new(
        ledger: &'l Ledger,
        labels: &'l [NumberedName],
        terms: &'l [NumberedName],
    ) -> Self {
        let by_number =
            |new: &'l [NumberedName]| new.iter().map(|name| (name.number, &*name.text)).collect();
        Self { ledger, new_labels: by_number(labels), new_terms: by_number(terms) }
    }

    /// Returns the text of a value.
    pub(super) fn of(&self, value: LabelValue) -> &'l str {
        let (new, known) = if value.label.is_term() {
            (&self.new_terms, &self.ledger.terms)
        } else {
            (&self.new_labels, &self.ledger.labels)
        };
        new.get(&value.number).copied().unwrap_or_else(|| known.text(value.number))
    }
}

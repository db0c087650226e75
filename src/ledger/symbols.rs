//! Interned names: each text is kept once, and records refer to it by number.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::value_limit::ValueLimit;

/// Number of the name of a pool, user, desktop, bucket or policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelId(u32);

impl LabelId {
    /// The record has no such value: `_none`.
    pub const NONE: Self = Self(0);
    /// The value is folded: `_other`.
    pub const OTHER: Self = Self(1);
    /// The smallest number.
    pub(super) const MIN: Self = Self(0);
    /// The greatest number.
    pub(super) const MAX: Self = Self(u32::MAX);
    /// Number of labels that every table holds.
    pub(super) const FIXED: u32 = 2;

    /// Returns the number.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Returns whether the label is `_none` or `_other`, which are not names.
    pub(super) fn is_fixed(self) -> bool {
        self.0 < Self::FIXED
    }

    /// Returns the label with a number.
    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// Texts by number. A number whose text was released is given to another text.
#[derive(Debug, Clone)]
pub(super) struct SymbolTable {
    /// Texts by number; `None` for a free number.
    texts: Vec<Option<Arc<str>>>,
    free: BTreeSet<u32>,
    index: HashTable<u32>,
    /// Randomly keyed, so that names chosen by users cannot collide on purpose.
    hasher: RandomState,
}

/// Name with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberedName {
    pub(super) number: u32,
    pub(super) text: Arc<str>,
}

/// Maximum length of a text. A longer one is truncated: it would take memory.
pub(super) const MAX_LABEL_BYTES: usize = 512;

impl SymbolTable {
    /// Creates a table that holds these texts, numbered from 0.
    pub(super) fn with_fixed<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let (texts_by_number, free, index) = (Vec::new(), BTreeSet::new(), HashTable::new());
        let mut table = Self { texts: texts_by_number, free, index, hasher: RandomState::new() };
        for (number, text) in texts.into_iter().enumerate() {
            table.define(u32::try_from(number).expect("a few texts are fixed"), text.into());
        }
        table
    }

    /// Returns the number of a text.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.index.find(hash, |number| self.is(*number, text)).copied()
    }

    /// Gives a number a text. Releases an earlier text of that number, and an earlier number of
    /// that text. The journal does not record releases, so its replay meets both; a name with two
    /// numbers would be two users or two pools.
    pub(super) fn define(&mut self, number: u32, text: Arc<str>) {
        self.release(number);
        if let Some(earlier) = self.find(&text) {
            self.release(earlier);
        }
        // Names that were released before the state was written leave gaps, which are free numbers.
        while self.texts.len() <= number as usize {
            self.free.insert(self.end());
            self.texts.push(None);
        }
        self.free.remove(&number);
        let hash = self.hasher.hash_one(&*text);
        self.texts[number as usize] = Some(text);
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.index.insert_unique(hash, number, |other| {
            hasher.hash_one(texts[*other as usize].as_deref().unwrap_or_default())
        });
    }

    /// Returns the numbers for the next texts, the smallest free ones first. With large ones in
    /// use, the table could not shrink.
    pub(super) fn next_numbers(&self) -> impl Iterator<Item = u32> {
        self.free.iter().copied().chain(self.end()..=u32::MAX)
    }

    /// Returns the smallest number above all that the table contains, used or free.
    pub(super) fn end(&self) -> u32 {
        u32::try_from(self.texts.len()).expect("numbers have 32 bits")
    }

    /// Releases every number from `first` on that is not used, and its memory.
    pub(super) fn retain(&mut self, first: u32, is_used: impl Fn(u32) -> bool) {
        for number in first..self.end() {
            if !is_used(number) {
                self.release(number);
            }
        }
        while self.texts.last().is_some_and(Option::is_none) {
            self.texts.pop();
            self.free.remove(&self.end());
        }
        self.texts.shrink_to_fit();
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.index.shrink_to_fit(|number| {
            hasher.hash_one(texts[*number as usize].as_deref().unwrap_or_default())
        });
    }

    /// Returns the numbers in use, with their texts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<str>)> {
        (0_u32..).zip(&self.texts).filter_map(|(number, text)| Some((number, text.as_ref()?)))
    }

    /// Returns the number of texts.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns whether a number has a text.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.texts.get(number as usize).is_some_and(Option::is_some)
    }

    /// Returns the text of a number. It is shared, because thousands of series have few texts.
    pub(super) fn text(&self, number: u32) -> &Arc<str> {
        let text = self.texts.get(number as usize).and_then(Option::as_ref);
        text.expect("a number that a record refers to is in use")
    }

    /// Frees a number, if it has a text.
    fn release(&mut self, number: u32) {
        let Some(text) = self.texts.get_mut(number as usize).and_then(Option::take) else { return };
        let hash = self.hasher.hash_one(&*text);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == number) {
            entry.remove();
        }
        self.free.insert(number);
    }

    fn is(&self, number: u32, text: &str) -> bool {
        self.texts[number as usize].as_deref() == Some(text)
    }
}

/// Returns a name, or the beginning of one that is too long, with a hash that keeps it apart from others
/// that begin like it.
pub fn shortened(name: &str) -> Cow<'_, str> {
    ValueLimit::new(MAX_LABEL_BYTES).shown(name)
}

/// Returns a text, or the beginning of one that is too long.
pub(super) fn truncate(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LABEL_BYTES {
        return text.into();
    }
    // Slicing within a character would panic.
    let mut end = MAX_LABEL_BYTES - 3;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(table: &mut SymbolTable, text: &str) -> u32 {
        let number = table.next_numbers().next().unwrap();
        table.define(number, text.into());
        number
    }

    #[test]
    fn a_text_and_its_number_are_found_by_each_other() {
        let mut table = SymbolTable::with_fixed(["_none", "_other"]);
        assert_eq!((table.find("_none"), table.find("_other"), table.len()), (Some(0), Some(1), 2));
        let pool = add(&mut table, "pool");
        assert_eq!((table.find("pool"), &**table.text(pool)), (Some(pool), "pool"));
        assert_eq!(table.find("Pool"), None);
    }

    #[test]
    fn released_numbers_are_reused() {
        let mut table = SymbolTable::with_fixed(["_none", "_other"]);
        let numbers: Vec<_> = ["a", "b", "c", "d"].map(|text| add(&mut table, text)).to_vec();
        table.retain(2, |number| number == numbers[1]);
        assert_eq!((table.len(), table.texts.len()), (3, 4), "the table has shrunk");
        assert_eq!(table.find("a"), None);
        assert!(!table.contains(numbers[0]) && table.contains(numbers[1]));
        assert_eq!([add(&mut table, "e"), add(&mut table, "f")], [numbers[0], numbers[2]]);
        assert_eq!(table.find("b"), Some(numbers[1]));
    }

    #[test]
    fn a_number_can_be_redefined_or_leave_a_gap() {
        let mut table = SymbolTable::with_fixed(["_none", "_other"]);
        table.define(9, "a".into());
        table.define(9, "b".into());
        assert_eq!((table.find("a"), table.find("b"), table.len()), (None, Some(9), 3));
        table.define(4, "b".into());
        assert_eq!((table.find("b"), table.len(), table.contains(9)), (Some(4), 3, false));
        table.define(9, "b".into());
        assert_eq!(table.next_numbers().take(8).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 10]);
    }

    #[test]
    fn a_long_text_is_truncated_at_a_character_boundary() {
        let long = "用".repeat(1 << 16);
        assert!(truncate(&long).len() <= MAX_LABEL_BYTES && truncate(&long).ends_with("用..."));
        assert_eq!(truncate("short"), "short");
    }
}

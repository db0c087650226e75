//! Names that a poll has read and the ledger does not hold yet.
//!
//! They belong to the staging: if they were added to the ledger, each failed poll would leave names
//! behind. Until the commit they have provisional numbers, above all numbers of the ledger's table.

use std::collections::HashMap;
use std::sync::Arc;

use super::symbols::{LabelId, NumberedName, SymbolTable};

/// New names with provisional numbers.
#[derive(Debug, Default)]
pub(super) struct NewSymbols {
    /// Smallest provisional number.
    first: u32,
    texts: Vec<Arc<str>>,
    /// Positions in `texts`.
    index: HashMap<Arc<str>, u32>,
}

/// Final numbers of new names.
#[derive(Debug)]
pub(super) struct Assignment {
    first: u32,
    texts: Vec<Arc<str>>,
    /// Final numbers by position in `texts`; `None` for a name that no record refers to.
    numbers: Vec<Option<u32>>,
    /// Numbers that are still free, the next one last.
    free: Vec<u32>,
}

impl NewSymbols {
    /// Returns the number of a text: the ledger's, or a provisional one.
    pub(super) fn intern(&mut self, known: &SymbolTable, text: &str) -> u32 {
        if let Some(number) = known.find(text) {
            return number;
        }
        // The ledger does not change while a poll reads, so all stagings of a poll have the same
        // value.
        self.first = known.end();
        if let Some(position) = self.index.get(text) {
            return self.first.saturating_add(*position);
        }
        let position = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.index.insert(text, position);
        self.first.saturating_add(position)
    }

    /// Returns the text of a provisional number; `None` for a number of the ledger's.
    pub(super) fn text(&self, number: u32) -> Option<&Arc<str>> {
        self.texts.get(number.checked_sub(self.first)? as usize)
    }

    /// Adds the names of another staging of the same poll. Returns a function that maps its numbers
    /// to the ones here: both stagings number their names from `first`, so the same number may mean
    /// two names.
    pub(super) fn merge(&mut self, other: Self) -> impl Fn(u32) -> u32 + use<> {
        let first = other.first;
        // A staging without new names has not set it yet.
        if self.texts.is_empty() {
            self.first = first;
        }
        debug_assert!(other.texts.is_empty() || self.first == first, "one ledger for both");
        let positions = other.texts.into_iter().map(|text| {
            let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
            let position = *self.index.entry(text.clone()).or_insert(next);
            if position == next {
                self.texts.push(text);
            }
            position
        });
        let positions: Vec<_> = positions.collect();
        move |number| match positions.get(number.wrapping_sub(first) as usize) {
            Some(position) if number >= first => first.saturating_add(*position),
            _ => number,
        }
    }

    /// Prepares to give the names free numbers of the ledger's table, up to `max`.
    pub(super) fn assign(self, known: &SymbolTable, max: u32) -> Assignment {
        let Self { first, texts, .. } = self;
        let free = known.next_numbers().take_while(|number| *number <= max);
        let mut free: Vec<_> = free.take(texts.len()).collect();
        free.reverse();
        Assignment { first, numbers: vec![None; texts.len()], texts, free }
    }
}

impl Assignment {
    /// Returns the final number for a number that may be provisional. A name gets its number when a
    /// record refers to it. If none is free, it is that of `_other`, which is the same in both
    /// tables.
    pub(super) fn number(&mut self, number: u32) -> u32 {
        let position = number.wrapping_sub(self.first) as usize;
        if number < self.first || position >= self.texts.len() {
            return number;
        }
        if self.numbers[position].is_none() {
            self.numbers[position] = self.free.pop();
        }
        self.numbers[position].unwrap_or(LabelId::OTHER.number())
    }

    /// Returns the final number of a name; `None` for a name that no record refers to.
    pub(super) fn assigned(&self, number: u32) -> Option<u32> {
        let position = number.wrapping_sub(self.first) as usize;
        if number < self.first || position >= self.texts.len() {
            return Some(number);
        }
        self.numbers[position]
    }

    /// Returns the names that records refer to, with their numbers.
    pub(super) fn used(&self) -> Vec<NumberedName> {
        let numbered = self.numbers.iter().zip(&self.texts);
        let name = |number, text: &Arc<str>| NumberedName { number, text: text.clone() };
        numbered.filter_map(|(number, text)| Some(name((*number)?, text))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_have_provisional_numbers_until_they_are_assigned_free_ones() {
        let mut known = SymbolTable::with_fixed(["_none", "_other", "a", "b", "c"]);
        known.retain(2, |number| number != 3);
        let mut new = NewSymbols::default();
        let numbers = ["a", "x", "y", "x", "z", "w"].map(|text| new.intern(&known, text));
        assert_eq!(numbers, [2, 5, 6, 5, 7, 8]);
        let mut assigned = new.assign(&known, 5);
        let other = LabelId::OTHER.number();
        let finals = [2, 7, 5, 7, 8].map(|number| assigned.number(number));
        assert_eq!(finals, [2, 3, 5, 3, other], "no number is left for w");
        let used = assigned.used().into_iter().map(|name| (name.number, name.text.to_string()));
        let used: Vec<_> = used.collect();
        assert_eq!(used, [(5, "x".to_owned()), (3, "z".to_owned())], "y is not used");
    }

    #[test]
    fn merged_stagings_agree_on_provisional_numbers() {
        let known = SymbolTable::with_fixed(["_none", "_other"]);
        let (mut one, mut other) = (NewSymbols::default(), NewSymbols::default());
        let mine = ["x", "y"].map(|text| one.intern(&known, text));
        let theirs = ["z", "y"].map(|text| other.intern(&known, text));
        let to_mine = one.merge(other);
        assert_eq!(theirs.map(&to_mine), [4, mine[1]]);
        assert_eq!(to_mine(0), 0);
        let mut empty = NewSymbols::default();
        let to_empty = empty.merge(one);
        assert_eq!([to_empty(0), to_empty(mine[1]), to_empty(4)], [0, mine[1], 4]);
    }
}

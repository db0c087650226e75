//! Values of status and type, in two bytes each.
//!
//! The documented ones have fixed numbers. What else an API may write is kept as it came, up to
//! 65,000 of them, of which a snapshot shows 16.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::symbols::{LabelId, SymbolTable};
use records_api::record::{RecordType, Status, Term};

/// Stands for a status or a type in [`TermTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TermId(u16);

impl TermId {
    /// A record has no such value: `_none`.
    pub const NONE: Self = Self(0);
    /// The value is one of too many: `_other`.
    pub const OTHER: Self = Self(1);
    /// The first in order.
    pub(super) const MIN: Self = Self(0);
    /// The last in order.
    pub(super) const MAX: Self = Self(u16::MAX);
    const FIRST_STATUS: u16 = 2;
    const FIRST_TYPE: u16 = 8;
    /// The first number of a word that no document names.
    pub(super) const FIRST_UNKNOWN: u16 = 12;

    /// Its number: the words of one interner are numbered from 0.
    pub(super) fn number(self) -> u32 {
        self.0.into()
    }

    /// Whether it is a documented one, or stands for none.
    pub(super) fn is_fixed(self) -> bool {
        self.0 < Self::FIRST_UNKNOWN
    }

    /// The status that it stands for.
    pub fn status(self) -> Option<Status> {
        let index = self.0.checked_sub(Self::FIRST_STATUS)?;
        Status::ALL.get(usize::from(index)).copied()
    }
}

impl From<Status> for TermId {
    fn from(status: Status) -> Self {
        Self(Self::FIRST_STATUS + status as u16)
    }
}

impl From<RecordType> for TermId {
    fn from(record_type: RecordType) -> Self {
        Self(Self::FIRST_TYPE + record_type as u16)
    }
}

/// The texts of statuses and types.
#[derive(Debug)]
pub struct TermTable(SymbolTable);

impl Default for TermTable {
    fn default() -> Self {
        let mut labels = SymbolTable::default();
        for status in Status::ALL {
            labels.intern(status.code());
        }
        for record_type in RecordType::ALL {
            labels.intern(record_type.code());
        }
        Self(labels)
    }
}

impl TermTable {
    /// The word of a status or a type as it came.
    pub(super) fn word<T: Copy + Into<TermId>>(&mut self, term: &Term<'_, T>) -> TermId {
        match term {
            Term::Known(known) => (*known).into(),
            Term::Unknown(text) => {
                let number = self.0.intern_up_to(text, u16::MAX.into()).number();
                u16::try_from(number).map_or(TermId::OTHER, TermId)
            }
            Term::Absent => TermId::NONE,
        }
    }

    /// Number of words.
    pub(super) fn len(&self) -> u32 {
        self.0.len()
    }

    /// Takes over the text of the next number.
    pub(super) fn restore(&mut self, text: &str) -> u32 {
        self.0.intern_up_to(text, u16::MAX.into()).number()
    }

    /// The text of a number.
    pub(super) fn text_of(&self, number: u32) -> &str {
        self.0.text(LabelId::from_number(number))
    }

    /// The text of a word.
    pub fn text(&self, word: TermId) -> &str {
        self.0.text(LabelId::from_number(word.0.into()))
    }

    /// The same text, for who keeps it.
    pub fn shared(&self, word: TermId) -> Arc<str> {
        self.0.shared(LabelId::from_number(word.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_words_have_their_texts() {
        let words = TermTable::default();
        assert_eq!(words.text(TermId::NONE), "_none");
        assert_eq!(words.text(TermId::OTHER), "_other");
        for status in Status::ALL {
            assert_eq!(words.text(status.into()), status.code());
            assert_eq!(TermId::from(status).status(), Some(status));
        }
        for record_type in RecordType::ALL {
            assert_eq!(words.text(record_type.into()), record_type.code());
        }
    }

    #[test]
    fn unknown_words_are_kept_until_there_are_too_many() {
        let mut words = TermTable::default();
        let mut odd = |n: u32| words.word::<Status>(&Term::Unknown(n.to_string().into()));
        let first = odd(0);
        assert_eq!(odd(0), first);
        for n in 1..70_000 {
            odd(n);
        }
        assert_eq!(odd(69_999), TermId::OTHER);
        assert_eq!(odd(0), first);
        assert_eq!(words.text(first), "0");
    }
}

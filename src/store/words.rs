//! Values of status and type, in two bytes each.
//!
//! The documented ones have fixed numbers. What else an API may write is kept as it came, up to
//! 65,000 of them, of which a snapshot shows 16.

use super::labels::{Label, Labels};
use crate::record::{RecordType, Status, Term};

/// Stands for a status or a type in [`Words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(u16);

impl Word {
    /// A record has no such value: `_none`.
    pub const NONE: Self = Self(0);
    /// The value is one of too many: `_other`.
    pub const OTHER: Self = Self(1);
    const FIRST_STATUS: u16 = 2;
    const FIRST_TYPE: u16 = 8;
}

impl From<Status> for Word {
    fn from(status: Status) -> Self {
        Self(Self::FIRST_STATUS + status as u16)
    }
}

impl From<RecordType> for Word {
    fn from(record_type: RecordType) -> Self {
        Self(Self::FIRST_TYPE + record_type as u16)
    }
}

/// The texts of statuses and types.
#[derive(Debug)]
pub struct Words(Labels);

impl Default for Words {
    fn default() -> Self {
        let mut labels = Labels::default();
        for status in Status::ALL {
            labels.intern(status.code());
        }
        for record_type in RecordType::ALL {
            labels.intern(record_type.code());
        }
        Self(labels)
    }
}

impl Words {
    /// The word of a status or a type as it came.
    pub(super) fn word<T: Copy + Into<Word>>(&mut self, term: &Term<'_, T>) -> Word {
        match term {
            Term::Known(known) => (*known).into(),
            Term::Unknown(text) => {
                let number = self.0.intern_up_to(text, u16::MAX.into()).number();
                u16::try_from(number).map_or(Word::OTHER, Word)
            }
            Term::Absent => Word::NONE,
        }
    }

    /// The text of a word.
    pub fn text(&self, word: Word) -> &str {
        self.0.text(Label::from_number(word.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_words_have_their_texts() {
        let words = Words::default();
        assert_eq!(words.text(Word::NONE), "_none");
        assert_eq!(words.text(Word::OTHER), "_other");
        for status in Status::ALL {
            assert_eq!(words.text(status.into()), status.code());
        }
        for record_type in RecordType::ALL {
            assert_eq!(words.text(record_type.into()), record_type.code());
        }
    }

    #[test]
    fn unknown_words_are_kept_until_there_are_too_many() {
        let mut words = Words::default();
        let mut odd = |n: u32| words.word::<Status>(&Term::Unknown(n.to_string().into()));
        let first = odd(0);
        assert_eq!(odd(0), first);
        for n in 1..70_000 {
            odd(n);
        }
        assert_eq!(odd(69_999), Word::OTHER);
        assert_eq!(odd(0), first);
        assert_eq!(words.text(first), "0");
    }
}

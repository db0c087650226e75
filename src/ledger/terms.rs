//! Numbers of statuses and types, of two bytes.
//!
//! The documented values have fixed numbers. Any other value from an API is kept unchanged.

use serde::{Deserialize, Serialize};

use super::symbols::SymbolTable;
use records_api::record::{RecordType, Status, Term};

/// Number of a status or a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TermId(u16);

impl TermId {
    /// The record has no such value: `_none`.
    pub const NONE: Self = Self(0);
    /// The value is folded: `_other`.
    pub const OTHER: Self = Self(1);
    /// Smallest number.
    pub(super) const MIN: Self = Self(0);
    /// Largest number.
    pub(super) const MAX: Self = Self(u16::MAX);
    const FIRST_STATUS: u16 = 2;
    const FIRST_TYPE: u16 = 8;
    /// Number of terms that every table holds. The others are undocumented values.
    pub(super) const FIXED: u32 = 12;

    /// Returns the number.
    pub(super) fn number(self) -> u32 {
        self.0.into()
    }

    /// Returns the term with a number; `_other` for a number that does not fit.
    pub(super) fn from_number(number: u32) -> Self {
        u16::try_from(number).map_or(Self::OTHER, Self)
    }

    /// Returns whether the term is documented, `_none` or `_other`.
    pub(super) fn is_fixed(self) -> bool {
        self.number() < Self::FIXED
    }

    /// Returns the documented status with this number.
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

/// Creates a table that holds the fixed terms.
pub(super) fn term_table() -> SymbolTable {
    let statuses = Status::ALL.map(Status::code);
    let types = RecordType::ALL.map(RecordType::code);
    SymbolTable::with_fixed(["_none", "_other"].into_iter().chain(statuses).chain(types))
}

/// Returns the number of a documented or absent value.
///
/// # Errors
///
/// The text of any other value.
pub(super) fn fixed_term<'t, T: Copy + Into<TermId>>(
    term: &'t Term<'_, T>,
) -> Result<TermId, &'t str> {
    match term {
        Term::Known(known) => Ok((*known).into()),
        Term::Unknown(text) => Err(text),
        Term::Absent => Ok(TermId::NONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_terms_have_their_texts() {
        let table = term_table();
        let text = |term: TermId| &**table.text(term.number());
        assert_eq!((text(TermId::NONE), text(TermId::OTHER)), ("_none", "_other"));
        for status in Status::ALL {
            assert_eq!(text(status.into()), status.code());
            assert_eq!(TermId::from(status).status(), Some(status));
        }
        for record_type in RecordType::ALL {
            assert_eq!(text(record_type.into()), record_type.code());
            assert_eq!(TermId::from(record_type).status(), None);
        }
        assert_eq!(table.len(), TermId::FIXED as usize);
        assert_eq!(TermId::from_number(70_000), TermId::OTHER);
    }
}

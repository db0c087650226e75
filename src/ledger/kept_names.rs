//! Names that a ledger keeps: none that nothing shows.

use records_api::record::Text;

/// Names that the ledger keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum KeptNames {
    /// Neither users nor what contains their names.
    Nobody,
    /// Users, but not the names of desktops and files, which contain those of users.
    Users,
    /// All names.
    #[default]
    All,
}

impl KeptNames {
    /// Returns whether users are kept.
    pub fn has_users(self) -> bool {
        self >= Self::Users
    }

    /// Returns the name of a desktop or a file, if it is kept.
    pub(super) fn file_name<'t>(self, text: &'t Text<'_>) -> Option<&'t str> {
        text.as_deref().filter(|_| self == Self::All)
    }
}

//! Errors of the database.

use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

use super::remedy::connect_remedy;

/// Error of a request to the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be opened.
    #[error("cannot connect to the database {address}: {why}")]
    Connect {
        /// Hosts and database.
        address: String,
        /// Reason, without credentials.
        why: String,
        /// Remedy.
        remedy: &'static str,
    },
    /// The connection ended before the answer. The statement may have been executed or not.
    #[error("the connection to the database {address} ended: {why}")]
    Lost {
        /// Hosts and database.
        address: String,
        /// Reason.
        why: String,
    },
    /// The answer did not arrive in time. The statement may have been executed, or may be later.
    #[error("the database {address} did not answer within {}s", limit.as_secs_f64())]
    Timeout {
        /// Hosts and database.
        address: String,
        /// Time that was granted.
        limit: Duration,
    },
    /// The database refused the statement, which was not executed.
    #[error("the database {address} refused a statement: {message} ({})", code.code())]
    Refused {
        /// Hosts and database.
        address: String,
        /// Message of the database.
        message: String,
        /// Its code.
        code: SqlState,
    },
    /// The database answered something that does not fit the statement.
    #[error("the database {address} gave an invalid answer: {why}")]
    Invalid {
        /// Hosts and database.
        address: String,
        /// Reason.
        why: String,
    },
}

impl DatabaseError {
    pub(crate) fn of(address: &str, error: &tokio_postgres::Error, is_closed: bool) -> Self {
        let address = address.to_owned();
        match error.as_db_error() {
            // The server ends the connection after these.
            Some(db) if is_closed || !is_error(db) => {
                Self::Lost { address, why: db.message().to_owned() }
            }
            Some(db) => {
                let (message, code) = (db.message().to_owned(), db.code().clone());
                Self::Refused { address, message, code }
            }
            None if is_closed => Self::Lost { address, why: causes(error) },
            None => Self::Invalid { address, why: causes(error) },
        }
    }

    pub(crate) fn connect(
        address: &str,
        user: Option<&str>,
        error: &tokio_postgres::Error,
    ) -> Self {
        let why = match error.as_db_error() {
            Some(db) => without_user(db.message(), user.unwrap_or_default()),
            None => causes(error),
        };
        Self::Connect { address: address.to_owned(), why, remedy: connect_remedy(error) }
    }

    /// Returns whether the statement may have been executed although it failed.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Timeout { .. } | Self::Invalid { .. })
    }

    /// Returns the remedy.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Connect { remedy, .. } => remedy,
            Self::Lost { .. } | Self::Timeout { .. } => {
                "check the database and the network to it; the exporter tries again"
            }
            Self::Refused { code, .. } if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                "let the user of `state.url` create tables in its schema, or create them for it"
            }
            Self::Refused { code, .. } if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                "`state.url` leads to a standby: add `target_session_attrs=read-write` and all hosts"
            }
            Self::Refused { code, .. } if *code == SqlState::DISK_FULL => {
                "free space on the disk of the database"
            }
            Self::Refused { .. } | Self::Invalid { .. } => "check the log of the database",
        }
    }
}

/// Replaces the user, which is a part of the URL that messages do not show, in a message of a server in any language.
fn without_user(message: &str, user: &str) -> String {
    let quotes = [
        ("\"", "\""),
        ("«", "»"),
        ("»", "«"),
        ("« ", " »"),
        ("«\u{a0}", "\u{a0}»"),
        ("„", "“"),
        ("“", "”"),
        ("「", "」"),
    ];
    quotes.into_iter().fold(message.to_owned(), |message, (open, close)| {
        message.replace(&format!("{open}{user}{close}"), "USER")
    })
}

/// Returns whether only the statement failed, so that the connection continues.
fn is_error(error: &DbError) -> bool {
    // The plain text is in the language of the server.
    match error.parsed_severity() {
        Some(severity) => severity == Severity::Error,
        None => error.severity() == "ERROR",
    }
}

/// Joins an error with its causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    // Many errors repeat the text of their cause.
    texts.dedup_by(|later, earlier| earlier.contains(later.as_str()));
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_any_language_do_not_show_the_user() {
        for (message, shown) in [
            ("role \"al\" does not exist", "role USER does not exist"),
            ("Rolle »al« existiert nicht", "Rolle USER existiert nicht"),
            ("le rôle « al » n'existe pas", "le rôle USER n'existe pas"),
            ("no existe el rol «al»", "no existe el rol USER"),
            ("database \"all\" does not exist", "database \"all\" does not exist"),
        ] {
            assert_eq!(without_user(message, "al"), shown);
        }
    }
}

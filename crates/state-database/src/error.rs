//! Errors of the database.

use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

use super::Address;
use super::remedy::{ConnectRemedy, WRITABLE, connect_remedy};

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
    /// The database refused the statement, which was not executed unless the code says that nobody knows.
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

    /// Returns the error of an address whose hosts cannot be used, with the names of the hosts.
    pub(crate) fn connect(address: &Address, errors: &[(&str, ConnectError)]) -> Self {
        let has_several = errors.len() > 1;
        let why = errors.iter().map(|(host, error)| {
            if has_several { format!("{host}: {}", error.why) } else { error.why.clone() }
        });
        let why: Vec<_> = why.collect();
        let remedy = errors.iter().map(|(_, error)| &error.remedy).max();
        let remedy = remedy.map_or("", |remedy| remedy.text());
        Self::Connect { address: address.to_string(), why: why.join("; "), remedy }
    }

    /// Returns whether the statement may have been executed although it failed.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Lost { .. } | Self::Timeout { .. } | Self::Invalid { .. } => true,
            // A pooler, or a service in front of several databases, lost the connection to the one that executed it.
            Self::Refused { code, .. } => {
                *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN || code.code().starts_with("08")
            }
            Self::Connect { .. } => false,
        }
    }

    /// Returns the remedy.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Connect { remedy, .. } => remedy,
            Self::Lost { .. } | Self::Timeout { .. } => {
                "check the database and the network to it; the exporter tries again"
            }
            Self::Refused { code, .. } if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                "let the user of `state.url` create tables in its schema, or create them and grant it select, \
                 insert, update and delete on all of them"
            }
            Self::Refused { code, .. } if *code == SqlState::READ_ONLY_SQL_TRANSACTION => WRITABLE,
            Self::Refused { code, .. } if *code == SqlState::DISK_FULL => {
                "free space on the disk of the database"
            }
            Self::Refused { .. } | Self::Invalid { .. } => "check the log of the database",
        }
    }
}

/// Reason why one host cannot be used.
pub(crate) struct ConnectError {
    why: String,
    remedy: ConnectRemedy,
}

impl ConnectError {
    pub(crate) fn of(error: &tokio_postgres::Error, user: &str) -> Self {
        let remedy = connect_remedy(error);
        let why = match error.as_db_error() {
            Some(db) => without_user(db.message(), user),
            // The library calls it an error of the connection.
            None if matches!(remedy, ConnectRemedy::Writable) => {
                "the database does not allow writes".to_owned()
            }
            None => causes(error),
        };
        Self { why, remedy }
    }

    /// Returns the error of a host that did not answer in time.
    pub(crate) fn silent(limit: Duration) -> Self {
        let why = format!("no answer within {:.1}s", limit.as_secs_f64());
        Self { why, remedy: ConnectRemedy::Reachable }
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
    let message = quotes.into_iter().fold(message.to_owned(), |message, (open, close)| {
        message.replace(&format!("{open}{user}{close}"), "USER")
    });
    without_word(&message, user)
}

/// Replaces a user without quotes, as in messages of pgbouncer.
fn without_word(message: &str, user: &str) -> String {
    if user.is_empty() {
        return message.to_owned();
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let (mut shown, mut copied) = (String::new(), 0);
    for (start, _) in message.match_indices(user) {
        let end = start + user.len();
        let is_word = !message[..start].ends_with(is_part) && !message[end..].starts_with(is_part);
        if is_word {
            shown.push_str(&message[copied..start]);
            shown.push_str("USER");
            copied = end;
        }
    }
    shown + &message[copied..]
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
            ("no such user: al", "no such user: USER"),
            ("al: real alias_al, al", "USER: real alias_al, USER"),
        ] {
            assert_eq!(without_user(message, "al"), shown);
        }
        assert_eq!(without_user("no user", ""), "no user");
    }

    #[test]
    fn codes_tell_whether_a_statement_may_have_been_executed() {
        for (code, is_unknown) in
            [("40003", true), ("08006", true), ("08P01", true), ("57014", false), ("53100", false)]
        {
            let refused = DatabaseError::Refused {
                address: String::new(),
                message: String::new(),
                code: SqlState::from_code(code),
            };
            assert_eq!(refused.is_outcome_unknown(), is_unknown, "{code}");
        }
    }
}

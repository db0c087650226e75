//! Remedies for connections that cannot be opened.

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

/// Remedy for a database that accepts no writes.
pub(crate) const WRITABLE: &str = "name the primary in `state.url` beside the standby; if it is the primary, turn \
     `default_transaction_read_only` off for its user; `target_session_attrs=any` permits reading";

/// Remedy for a host that cannot be used. If several hosts fail, the greatest of their remedies is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConnectRemedy {
    /// Nobody answers.
    Reachable,
    /// It accepts no writes. The standby of a host that failed does this, too.
    Writable,
    /// It refuses this user or these settings.
    Settings(&'static str),
}

impl ConnectRemedy {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Reachable => "check `state.url`, and that the database runs and can be reached",
            Self::Writable => WRITABLE,
            Self::Settings(text) => text,
        }
    }
}

/// Returns what to do about an error of a new connection.
pub(crate) fn connect_remedy(error: &tokio_postgres::Error) -> ConnectRemedy {
    use ConnectRemedy::{Reachable, Settings, Writable};
    if let Some(code) = error.code() {
        return Settings(refusal_remedy(code));
    }
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    let text = source.map(ToString::to_string).unwrap_or_default();
    let inner = io.and_then(|error| error.get_ref());
    match inner.and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(error)) => Settings(certificate_remedy(error)),
        Some(_) => Settings("check the TLS settings of the database"),
        None if text == "server does not support TLS" => Settings(
            "turn on TLS in the database (`ssl = on`); on the same machine, `sslmode=disable` in \
             `state.url` works without",
        ),
        // Of `target_session_attrs=read-write`.
        None if text == "database does not allow writes" => Writable,
        None => Reachable,
    }
}

fn refusal_remedy(code: &SqlState) -> &'static str {
    if *code == SqlState::INVALID_PASSWORD {
        "correct the user or the password in `state.url`"
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        "create the user of `state.url`, and let it log in from here with TLS (pg_hba.conf)"
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        "create the database, or correct its name in `state.url`"
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        "raise `max_connections` of the database, or the connection limit of the user"
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        "wait until the database has started; the exporter tries again"
    } else {
        "check the log of the database"
    }
}

fn certificate_remedy(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer => {
            "set `state.ca_file` to the certificate of the database's certificate authority"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "use a name of the database in `state.url` that its certificate contains"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "renew the certificate of the database"
        }
        _ => "replace the certificate of the database, or correct `state.ca_file`",
    }
}

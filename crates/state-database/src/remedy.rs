//! Remedies for connections that cannot be opened.

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

/// Returns what to do about an error of a new connection.
pub(crate) fn connect_remedy(error: &tokio_postgres::Error) -> &'static str {
    if let Some(code) = error.code() {
        return refusal_remedy(code);
    }
    let source = std::error::Error::source(error);
    let tls = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    match tls.and_then(|error| error.get_ref()).and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(error)) => certificate_remedy(error),
        Some(_) => "check the TLS settings of the database",
        None if source
            .is_some_and(|source| source.to_string() == "server does not support TLS") =>
        {
            "turn on TLS in the database (`ssl = on`); on the same machine, `sslmode=disable` in \
             `state.url` works without"
        }
        None => "check `state.url`, and that the database runs and can be reached",
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

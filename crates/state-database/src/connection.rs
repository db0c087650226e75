//! Connection to the database, which is opened again after it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::Address;
use super::error::DatabaseError;
use super::hosts::FirstHost;
use super::session::{Session, SessionOptions};

/// Parameter of a statement with its type. With types, a statement needs no preparation, which a pooler that gives each
/// statement another connection would not know.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The database, reached through one connection. Statements of several tasks wait for each other.
pub struct Database {
    address: RwLock<Arc<Address>>,
    options: SessionOptions,
    session: Mutex<Option<Arc<Session>>>,
    first_host: FirstHost,
    can_notify: AtomicBool,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.address())
    }
}

impl Database {
    /// Creates a database that is not yet connected. `tls` is used if the address asks for it.
    pub fn new(address: Address, tls: Arc<ClientConfig>) -> Self {
        Self::with(address, SessionOptions { tls, listener: None })
    }

    /// Creates a database that is not yet connected, and sends the names of projects whose polls are wanted to `listener`
    /// while it is. It connects with the next statement. Some may be missing: notifications of a time without a
    /// connection are lost, and poolers may not forward any.
    pub fn listening(
        address: Address,
        tls: Arc<ClientConfig>,
        listener: UnboundedSender<String>,
    ) -> Self {
        Self::with(address, SessionOptions { tls, listener: Some(listener) })
    }

    fn with(address: Address, options: SessionOptions) -> Self {
        Self {
            address: RwLock::new(Arc::new(address)),
            options,
            session: Mutex::default(),
            first_host: FirstHost::default(),
            can_notify: AtomicBool::new(true),
        }
    }

    /// Returns the address.
    pub fn address(&self) -> Arc<Address> {
        self.address.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses another address for the next connection, for example one with another password.
    pub fn set_address(&self, address: Address) {
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(address);
    }

    /// Runs a statement and returns its rows, within `limit`, which includes opening a connection.
    pub(crate) async fn query(
        &self,
        limit: Duration,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let run = async |client: &Client| loop {
            match client.query_typed(statement, parameters).await {
                // Two statements changed one row at the same time; the database executed the other one only. This
                // happens with stricter levels of isolation than PostgreSQL's default, such as CockroachDB's.
                Err(error) if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) => {}
                rows => return rows,
            }
        };
        self.within(limit, run).await
    }

    /// Runs statements without parameters or results.
    pub(crate) async fn run(&self, limit: Duration, statements: &str) -> Result<(), DatabaseError> {
        self.within(limit, async |client: &Client| client.batch_execute(statements).await).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        run: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DatabaseError> {
        let until = Instant::now() + limit;
        let silent = || DatabaseError::Timeout { address: self.address().to_string(), limit };
        let session = timeout_at(until, self.session(until)).await.map_err(|_| silent())??;
        match timeout_at(until, run(&session.client)).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                // Another host may have become the one that accepts writes.
                if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
                    session.forget();
                }
                Err(self.error(&error, session.client.is_closed()))
            }
            Err(_) => {
                // The next statement would wait behind the one that got no answer.
                session.forget();
                session.cancel();
                Err(silent())
            }
        }
    }

    /// Returns the session; opens one if there is none, it ended or it was forgotten.
    async fn session(&self, until: Instant) -> Result<Arc<Session>, DatabaseError> {
        let mut current = self.session.lock().await;
        if let Some(session) = current.as_ref().filter(|session| session.is_usable()) {
            return Ok(session.clone());
        }
        *current = None;
        let address = self.address();
        let session = Arc::new(self.first_host.connect(&address, &self.options, until).await?);
        *current = Some(session.clone());
        Ok(session)
    }

    /// Returns whether the database has not yet refused to send a notification.
    pub(crate) fn can_notify(&self) -> bool {
        self.can_notify.load(Ordering::Relaxed)
    }

    /// Sends no more notifications.
    pub(crate) fn give_up_notifications(&self) {
        self.can_notify.store(false, Ordering::Relaxed);
    }

    fn error(&self, error: &tokio_postgres::Error, is_closed: bool) -> DatabaseError {
        DatabaseError::of(&self.address().to_string(), error, is_closed)
    }

    /// Returns the value of a column, or an error that names it.
    pub(crate) fn column<'r, T: tokio_postgres::types::FromSql<'r>>(
        &self,
        row: &'r Row,
        name: &str,
    ) -> Result<T, DatabaseError> {
        row.try_get(name).map_err(|error| self.invalid(&format!("column {name}: {error}")))
    }

    /// Returns the error of an answer that does not fit its statement.
    pub(crate) fn invalid(&self, why: &str) -> DatabaseError {
        DatabaseError::Invalid { address: self.address().to_string(), why: why.to_owned() }
    }
}

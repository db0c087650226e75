//! Connection to the database, which is opened again after it ended.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Address;
use super::error::{DatabaseError, causes};
use super::wanted::CHANNEL;

/// Parameter of a statement with its type. With types, a statement needs no preparation, which a pooler that gives each
/// statement another connection would not know.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The database, reached through one connection. Statements of several tasks wait for each other.
pub struct Database {
    address: RwLock<Arc<Address>>,
    tls: Arc<ClientConfig>,
    client: Mutex<Option<Arc<Client>>>,
    /// Gets the projects whose polls are wanted.
    listener: Option<UnboundedSender<String>>,
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
        let (address, client) = (RwLock::new(Arc::new(address)), Mutex::default());
        Self { address, tls, client, listener: None, can_notify: AtomicBool::new(true) }
    }

    /// Creates a database that is not yet connected, and sends the names of projects whose polls are wanted to `listener`
    /// while it is. It connects with the next statement. Some may be missing: notifications of a time without a
    /// connection are lost, and poolers may not forward any.
    pub fn listening(
        address: Address,
        tls: Arc<ClientConfig>,
        listener: UnboundedSender<String>,
    ) -> Self {
        Self { listener: Some(listener), ..Self::new(address, tls) }
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
        let run = async {
            let client = self.client().await?;
            loop {
                match client.query_typed(statement, parameters).await {
                    // Two statements changed one row at the same time; the database executed the other one only. This
                    // happens with stricter levels of isolation than PostgreSQL's default, such as CockroachDB's.
                    Err(error) if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) => {}
                    rows => return rows.map_err(|error| self.error(&error, client.is_closed())),
                }
            }
        };
        self.within(limit, run).await
    }

    /// Runs statements without parameters or results.
    pub(crate) async fn run(&self, limit: Duration, statements: &str) -> Result<(), DatabaseError> {
        let run = async {
            let client = self.client().await?;
            let done = client.batch_execute(statements).await;
            done.map_err(|error| self.error(&error, client.is_closed()))
        };
        self.within(limit, run).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        run: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        if let Ok(result) = timeout(limit, run).await {
            return result;
        }
        // The next statement would wait behind the one that got no answer. If the connection is just being opened, it
        // is another one.
        if let Ok(mut client) = self.client.try_lock() {
            *client = None;
        }
        Err(DatabaseError::Timeout { address: self.address().to_string(), limit })
    }

    /// Returns the connection; opens one if there is none or it ended.
    async fn client(&self) -> Result<Arc<Client>, DatabaseError> {
        let mut current = self.client.lock().await;
        if let Some(client) = current.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let client = Arc::new(self.connect().await?);
        *current = Some(client.clone());
        Ok(client)
    }

    async fn connect(&self) -> Result<Client, DatabaseError> {
        let known = self.address();
        let (config, address): (&Config, _) = (known.config(), known.to_string());
        let failed = |error| DatabaseError::connect(&address, config.get_user(), &error);
        let listener = self.listener.clone();
        // The task of a connection ends with its client.
        let client = if known.uses_tls() {
            let tls = MakeRustlsConnect::new(ClientConfig::clone(&self.tls));
            let (client, connection) = config.connect(tls).await.map_err(failed)?;
            tokio::spawn(drive(connection, listener));
            client
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(drive(connection, listener));
            client
        };
        if self.listener.is_some()
            && let Err(error) = client.batch_execute(&format!("listen {CHANNEL}")).await
        {
            // Without notifications, wanted polls are seen a little later.
            tracing::debug!("the database {} refuses to notify: {}", known, causes(&error));
        }
        Ok(client)
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

/// Runs a connection until it ends, and passes the payloads of notifications on.
async fn drive<S, T>(mut connection: Connection<S, T>, listener: Option<UnboundedSender<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    // The client learns of errors with its next statement.
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let (AsyncMessage::Notification(wanted), Some(listener)) = (message, &listener) {
            // The receiver may have ended; then nobody is interested.
            let _ = listener.send(wanted.payload().to_owned());
        }
    }
}

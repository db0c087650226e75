//! Connection to the database, which is opened again after it ended.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Address;
use super::error::DatabaseError;

/// Parameter of a statement with its type. With types, a statement needs no preparation, which a pooler that gives each
/// statement another connection would not know.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The database, reached through one connection. Statements of several tasks wait for each other.
pub struct Database {
    address: Address,
    tls: Option<Arc<ClientConfig>>,
    client: Mutex<Option<Arc<Client>>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.address)
    }
}

impl Database {
    /// Creates a database that is not yet connected. `tls` is used if the address asks for it.
    pub fn new(address: Address, tls: Arc<ClientConfig>) -> Self {
        let tls = address.uses_tls().then_some(tls);
        Self { address, tls, client: Mutex::default() }
    }

    /// Returns the address.
    pub fn address(&self) -> &Address {
        &self.address
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
            let rows = client.query_typed(statement, parameters).await;
            rows.map_err(|error| self.error(&error, client.is_closed()))
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
        // The next statement would wait behind the one that got no answer.
        *self.client.lock().await = None;
        Err(DatabaseError::Timeout { address: self.address.to_string(), limit })
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
        let config: &Config = self.address.config();
        let failed = |error| DatabaseError::connect(&self.address.to_string(), &error);
        // The task of a connection ends with its client.
        if let Some(tls) = &self.tls {
            let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
            let (client, connection) = config.connect(tls).await.map_err(failed)?;
            tokio::spawn(connection);
            Ok(client)
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(connection);
            Ok(client)
        }
    }

    fn error(&self, error: &tokio_postgres::Error, is_closed: bool) -> DatabaseError {
        DatabaseError::of(&self.address.to_string(), error, is_closed)
    }

    /// Returns the value of a column, or an error that names it.
    pub(crate) fn column<'r, T: tokio_postgres::types::FromSql<'r>>(
        &self,
        row: &'r Row,
        name: &str,
    ) -> Result<T, DatabaseError> {
        row.try_get(name).map_err(|error| DatabaseError::Invalid {
            address: self.address.to_string(),
            why: format!("column {name}: {error}"),
        })
    }
}

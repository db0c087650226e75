//! Refused credentials in the database with the states, so that no replica tries what the API refused
//! another one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::refused_credentials::{MAX_AGE_MILLIS, slow_hash};
use records_api::{Fingerprint, LogThrottle, Refusal, RefusalStore, run_blocking};
use state_database::{Database, DatabaseError};

/// Time that the database gets. A request to the API waits for it.
const LIMIT: Duration = Duration::from_secs(2);
/// Refusals have no meaning afterwards.
const LIFETIME: Duration = Duration::from_millis(MAX_AGE_MILLIS.unsigned_abs());

/// The refusals in a database.
#[derive(Debug)]
pub(super) struct RefusedInDatabase {
    database: Arc<Database>,
    log_throttle: Mutex<LogThrottle>,
}

impl RefusedInDatabase {
    /// The refusals in this database.
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, log_throttle: Mutex::default() }
    }

    /// Returns the name of credentials in the database: a salted hash that takes time.
    async fn name(&self, credentials: Fingerprint) -> Result<String, DatabaseError> {
        let salt = self.database.salt(LIMIT).await?;
        // A salt of another length was put there by somebody else. All replicas read it alike.
        let salt = std::array::from_fn(|at| salt.get(at).copied().unwrap_or_default());
        let name = run_blocking(move || slow_hash(salt, credentials));
        Ok(name.await.unwrap_or_default())
    }

    async fn find(&self, credentials: Fingerprint) -> Result<Vec<Refusal>, DatabaseError> {
        let name = self.name(credentials).await?;
        let found = self.database.refusals(&name, LIFETIME, LIMIT).await?;
        Ok(found.iter().filter_map(|body| serde_json::from_slice(body).ok()).collect())
    }

    async fn keep(&self, credentials: Fingerprint, refusal: Refusal) -> Result<(), DatabaseError> {
        let name = self.name(credentials).await?;
        let endpoint = format!("{:?}", refusal.endpoint);
        let Ok(body) = serde_json::to_vec(&refusal) else { return Ok(()) };
        let project = &refusal.project_id;
        self.database.keep_refusal(&name, project, &endpoint, &body, LIFETIME, LIMIT).await
    }

    fn report(&self, error: &DatabaseError) {
        // The tables are created by the first exporter that leads.
        if !error.is_table_missing() && self.log_throttle.lock().is_due(error.to_string()) {
            let remedy = error.remedy();
            tracing::warn!(%error, remedy, "replicas do not know of refused credentials");
        }
    }
}

impl RefusalStore for RefusedInDatabase {
    fn find(&self, credentials: Fingerprint) -> BoxFuture<'_, Vec<Refusal>> {
        Box::pin(async move {
            let found = self.find(credentials).await;
            found.inspect_err(|error| self.report(error)).unwrap_or_default()
        })
    }

    fn keep(&self, credentials: Fingerprint, refusal: Refusal) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let kept = self.keep(credentials, refusal).await;
            let _ = kept.inspect_err(|error| self.report(error));
        })
    }
}

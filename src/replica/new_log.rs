//! A log that is filled with a state from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::leading_log::LeadingLog;
use super::member::LeaseEnd;
use super::{Connections, STATEMENT_LIMIT};
use crate::instruments::Instruments;
use crate::ledger::DurableLedger;
use records_api::record::Timestamp;
use records_api::run_blocking;
use state_database::{Claim, Database, LeadershipKey, random_id};

/// Time for which nobody else leads, if this process is killed.
const LEASE: Duration = Duration::from_secs(60);

/// A log that this process leads to fill it.
#[derive(Debug)]
pub struct NewLog {
    log: LeadingLog,
    key: LeadershipKey,
    leases: Arc<Database>,
}

impl NewLog {
    /// Leads the project of this name.
    ///
    /// # Errors
    ///
    /// A message about the database, or that a replica leads the project.
    pub async fn begin(connections: &Connections, name: &str) -> Result<Self, String> {
        let claim = Claim { id: random_id(), url: String::new(), lease: LEASE };
        let sent = Instant::now();
        // Without an identity, any replica leads the project later.
        let led = connections.leases.lead(name, "", &claim, STATEMENT_LIMIT).await;
        let led = led.map_err(|error| format!("{error}; {}", error.remedy()))?;
        let leadership = led
            .ok_or_else(|| format!("a replica polls {name} in the database; stop all replicas"))?;
        let key = leadership.key();
        let log = LeadingLog {
            database: connections.log.clone(),
            leadership,
            duration: LEASE,
            lease: Arc::new(LeaseEnd::new(sent + LEASE)),
            runtime: Handle::current(),
            wake: Arc::new(Notify::new()),
            instruments: Instruments::new(Timestamp::default(), Arc::default()),
        };
        Ok(Self { log, key, leases: connections.leases.clone() })
    }

    /// Fills the log with a state, and stops leading.
    ///
    /// # Errors
    ///
    /// A message about the database.
    pub async fn fill(self, mut ledger: DurableLedger) -> Result<(), String> {
        let Self { log, key, leases } = self;
        let filled = run_blocking(move || ledger.move_to_log(Box::new(log))).await;
        let filled = filled.map_err(|_| "writing the state panicked".to_owned());
        let filled = filled
            .and_then(|filled| filled.map_err(|error| format!("{error}; {}", error.remedy())));
        // If the lease stays, a replica leads the project a minute later.
        let _ = leases.release(&[key], STATEMENT_LIMIT).await;
        filled
    }
}

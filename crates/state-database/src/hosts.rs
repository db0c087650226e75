//! Connecting to one of several hosts. Each gets a part of the time, so that a silent one does not use up all of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Address;
use super::error::{ConnectError, DatabaseError};
use super::session::{Session, SessionOptions};

/// Time that each host gets at least, even if less is left for the others. The next attempt begins with them.
const MIN_SHARE: Duration = Duration::from_secs(1);

/// Number of the host with which the next attempt to connect begins.
#[derive(Default)]
pub(crate) struct FirstHost(AtomicUsize);

impl FirstHost {
    /// Connects to the first host that accepts, beginning with the one that did so last. The caller stops this at `until`.
    pub(crate) async fn connect(
        &self,
        address: &Address,
        options: &SessionOptions,
        until: Instant,
    ) -> Result<Session, DatabaseError> {
        let hosts = address.hosts();
        let first = self.0.load(Ordering::Relaxed);
        let mut errors = Vec::new();
        for (tried, number) in (first..first + hosts.len()).enumerate() {
            let number = number % hosts.len();
            // If the caller stops this here, the next attempt begins with another host.
            self.0.store((number + 1) % hosts.len(), Ordering::Relaxed);
            let host = &hosts[number];
            let open = Session::open(&host.config, address.uses_tls(), options);
            let others = u32::try_from(hosts.len() - tried - 1).unwrap_or(u32::MAX);
            let error = if others == 0 {
                open.await.map_err(|error| ConnectError::of(&error, address.user()))
            } else {
                let left = until.saturating_duration_since(Instant::now());
                let share = (left / (others + 1)).max(MIN_SHARE);
                match timeout(share, open).await {
                    Ok(opened) => opened.map_err(|error| ConnectError::of(&error, address.user())),
                    Err(_) => Err(ConnectError::silent(share)),
                }
            };
            match error {
                Ok(session) => {
                    self.0.store(number, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(error) => errors.push((&*host.name, error)),
            }
        }
        Err(DatabaseError::connect(address, &errors))
    }
}

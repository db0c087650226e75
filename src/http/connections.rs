//! Limits the connections of all listeners: each address has a share of them, and what is idle is closed
//! for what is new.

mod registry;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client_address::ClientAddress;
use crate::instruments::{Instruments, RefusedConnection};
use records_api::LogThrottle;
use registry::{Position, Registry};

/// Maximum number of connections that were told to close and have not ended yet. No others are accepted
/// meanwhile, so that the number of file descriptors is bounded.
const MAX_CLOSING: usize = 32;

/// The connections of all listeners. Clones share them.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Notified when a connection has ended.
    ended: Notify,
    instruments: Arc<Instruments>,
}

struct State {
    registry: Registry<CancellationToken>,
    /// Connections that have not ended yet, including those that were told to close.
    open: usize,
    /// One for each reason, because they may alternate.
    log: [LogThrottle; RefusedConnection::ALL.len()],
}

impl Connections {
    /// Admits at most `max` connections.
    pub fn new(max: usize, instruments: Arc<Instruments>) -> Self {
        let state = State { registry: Registry::new(max), open: 0, log: Default::default() };
        Self(Arc::new(Shared { state: Mutex::new(state), ended: Notify::new(), instruments }))
    }

    /// Changes the maximum number of connections.
    pub fn set_max(&self, max: usize) {
        self.0.state.lock().registry.set_max(max);
    }

    /// Waits while too many connections are closing.
    pub(super) async fn wait_for_closing(&self) {
        loop {
            let ended = self.0.ended.notified();
            {
                let state = self.0.state.lock();
                if state.open - state.registry.len() < MAX_CLOSING {
                    return;
                }
            }
            ended.await;
        }
    }

    /// Admits a new connection, which is idle, and closes another one if necessary. `None` if it is
    /// refused.
    pub(super) fn admit(&self, client: ClientAddress) -> Option<Arc<Admitted>> {
        let mut state = self.0.state.lock();
        let closed = match state.registry.make_room(client) {
            Ok(closed) => closed,
            Err(reason) => {
                self.refused(&mut state, reason, client);
                return None;
            }
        };
        for (other, connection) in closed {
            self.refused(&mut state, RefusedConnection::Replaced, other);
            connection.cancel();
        }
        let closing = CancellationToken::new();
        let position = Mutex::new(state.registry.insert(client, true, closing.clone()));
        state.open += 1;
        self.0.instruments.set_connections(state.registry.len());
        drop(state);
        Some(Arc::new(Admitted { connections: self.clone(), position, closing }))
    }

    /// Counts and logs a connection that was refused or closed.
    fn refused(&self, state: &mut State, reason: RefusedConnection, client: ClientAddress) {
        self.0.instruments.refused_connection(reason);
        if !state.log[reason as usize].is_due(String::new()) {
            return;
        }
        let (connections, share) = (state.registry.len(), state.registry.share());
        let reason = reason.as_str();
        tracing::warn!(
            %client,
            reason,
            connections,
            max_per_client = share,
            remedy = "find out why this client opens so many connections; if it is a proxy or many \
                      clients behind one address, let it use fewer, or raise the limit on open files",
            "too many connections: some are refused or closed"
        );
    }
}

/// A connection that was admitted, until it is dropped.
pub(super) struct Admitted {
    connections: Connections,
    position: Mutex<Position>,
    closing: CancellationToken,
}

impl Admitted {
    /// Cancelled when the connection must be closed at once.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Notes that a request is in progress until the returned value is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> Busy {
        self.change(false);
        Busy(self.clone())
    }

    fn change(&self, is_idle: bool) {
        let mut state = self.connections.0.state.lock();
        let mut position = self.position.lock();
        *position = state.registry.change(*position, is_idle);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let shared = &self.connections.0;
        let mut state = shared.state.lock();
        // One that was told to close is not in the registry any more.
        let _ = state.registry.remove(*self.position.get_mut());
        state.open -= 1;
        shared.instruments.set_connections(state.registry.len());
        drop(state);
        shared.ended.notify_waiters();
    }
}

/// A request in progress, until its answer was written.
pub(super) struct Busy(Arc<Admitted>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(true);
    }
}

//! Metrics of the connections to the listeners.

use prometheus::core::Collector;
use prometheus::{Gauge, IntCounterVec};

use super::vectors::{counters, gauge};
use crate::exposition::catalog;

/// Reason for which a connection was refused or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedConnection {
    /// Its address has its share of connections, and all of them are in use.
    AddressLimit,
    /// The process has all connections that it can have, and none that this address may replace.
    ConnectionLimit,
    /// It was open, and was closed to make room for another one.
    Replaced,
}

impl RefusedConnection {
    /// All reasons, in the order of their values.
    pub const ALL: [Self; 3] = [Self::AddressLimit, Self::ConnectionLimit, Self::Replaced];

    /// Returns the value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressLimit => "address_limit",
            Self::ConnectionLimit => "connection_limit",
            Self::Replaced => "replaced",
        }
    }
}

/// Number of connections, and of those that were refused.
#[derive(Debug)]
pub(super) struct ConnectionMetrics {
    open: Gauge,
    refused: IntCounterVec,
}

impl ConnectionMetrics {
    /// Creates the metrics, with all reasons at 0.
    pub(super) fn new() -> Self {
        let refused = counters(&catalog::HTTP_CONNECTIONS_REFUSED_TOTAL);
        for reason in RefusedConnection::ALL {
            refused.with_label_values(&[reason.as_str()]);
        }
        Self { open: gauge(&catalog::HTTP_CONNECTIONS), refused }
    }

    pub(super) fn collectors(&self) -> [Box<dyn Collector>; 2] {
        [Box::new(self.open.clone()), Box::new(self.refused.clone())]
    }

    pub(super) fn set(&self, open: usize) {
        self.open.set(open as f64);
    }

    pub(super) fn refused(&self, reason: RefusedConnection) {
        self.refused.with_label_values(&[reason.as_str()]).inc();
    }
}

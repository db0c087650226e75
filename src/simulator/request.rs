//! What is asked of the simulated API: an endpoint, and one request on its way to it.

use http::{HeaderMap, Uri};

/// One of the simulated endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// The list of records.
    Records,
    /// One record.
    Record,
    /// The list of desktop pools.
    Pools,
    /// Anything else.
    Other,
}

impl Endpoint {
    /// Its name in faults and counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Record => "record",
            Self::Pools => "pools",
            Self::Other => "other",
        }
    }
}

/// One request on its way.
pub(super) struct Request<'r> {
    pub(super) endpoint: Endpoint,
    pub(super) project: &'r str,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
}

//! The input of a listing.

use std::sync::Arc;

use records_api::clock::Clock;
use records_api::record::TimeRange;
use records_api::{Client, RecordsFilter};

/// The records that a listing reads.
#[derive(Clone)]
pub struct ListingOptions {
    /// Client of the project.
    pub client: Arc<Client>,
    /// Clock of this machine.
    pub clock: Arc<dyn Clock>,
    /// Start times of the records. A record that starts after the begin of the listing may be missing.
    pub range: TimeRange,
    /// Conditions, sent to the API and checked on every row.
    pub filter: RecordsFilter,
    /// True if the names in the filter must not appear in errors and logs.
    pub hides_names: bool,
}

impl std::fmt::Debug for ListingOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ListingOptions").field("range", &self.range).finish_non_exhaustive()
    }
}

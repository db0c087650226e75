//! Reads that may come from a lagging replica of the API.

use std::collections::BTreeMap;

use super::record::StoredRecord;
use records_api::record::RecordKey;

/// Reads that may come from a lagging replica of the API, by key. One is believed when a later poll
/// repeats it.
pub(super) type StaleReads = BTreeMap<RecordKey, StoredRecord>;

/// Maximum number of stale reads that are remembered. A replica that lags by hours could fill the
/// memory with them. Reads beyond the limit are remembered by a later poll, and believed later.
pub(super) const MAX_STALE_READS: usize = 100_000;

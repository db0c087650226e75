//! The parts of an answer that the walk reads.

use crate::sync::error::SyncError;
use records_api::record::{RecordKey, Timestamp};

/// The fields of a row that the walk reads.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct RowRef {
    pub(in crate::sync) key: RecordKey,
    pub(in crate::sync) start: Timestamp,
    pub(in crate::sync) end: Option<Timestamp>,
}

/// The answer to a request for a page.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct PageRef<'a> {
    /// Rows in the order of the answer; `None` for a rejected row.
    pub(in crate::sync) rows: &'a [Option<RowRef>],
    /// Number of rows that was requested.
    pub(in crate::sync) limit: u32,
    /// The API's count of the rows from the bound on.
    pub(in crate::sync) total_count: Option<u64>,
}

/// Returns an error if the rows are not sorted by start.
pub(in crate::sync) fn check_order(rows: &[Option<RowRef>]) -> Result<(), SyncError> {
    let mut last = None;
    for row in rows.iter().flatten() {
        if let Some(later) = last.filter(|last| *last > row.start) {
            return Err(SyncError::Unsorted { later, earlier: row.start });
        }
        last = Some(row.start);
    }
    Ok(())
}

//! A read that also keeps whole rows.

use crate::ledger::Ledger;
use crate::sync::error::SyncError;
use crate::sync::extent::ReadSummary;
use crate::sync::read::prefix::Prefix;
use crate::sync::read::reader::ExtentReader;
use crate::sync::read::rows::KeptRows;
use records_api::record::{TimeRange, Timestamp};

/// The beginning of a range, in which every record was read, with its rows.
#[derive(Debug)]
pub struct RowsPrefix {
    /// The rows that start in it.
    pub rows: KeptRows,
    /// Anomalies and rejected rows in it.
    pub summary: ReadSummary,
    /// End of the prefix, in whole seconds.
    pub until: Timestamp,
    /// Start of a record that was listed at the end or later.
    pub beyond: Timestamp,
}

impl ExtentReader {
    /// Also keeps the whole rows of the records that start in `range`.
    #[must_use]
    pub fn keeping_rows(mut self, range: TimeRange) -> Self {
        self.rows = Some(KeptRows::new(range));
        self
    }

    /// Reads the extent from its start on by one cursor, so that a read that is stopped has a long
    /// prefix.
    #[must_use]
    pub fn with_one_cursor(mut self) -> Self {
        self.walk.max_segments = 1;
        self
    }

    /// Returns the number of whole rows.
    pub fn kept_rows(&self) -> usize {
        self.rows.as_ref().map_or(0, KeptRows::len)
    }

    /// Returns whether the API ignores the lower bound. The read then continues without bounds.
    pub fn ignores_bound(&self) -> bool {
        self.walk.ignores_bound
    }

    /// Ends the read like [`Self::finish`]. Returns the whole rows, and the summary.
    ///
    /// # Errors
    ///
    /// [`SyncError::Rejected`], as [`Self::finish`].
    ///
    /// # Panics
    ///
    /// Panics if pages are missing, or if no rows were to be kept.
    pub fn finish_rows(mut self, ledger: &Ledger) -> Result<(KeptRows, ReadSummary), SyncError> {
        let rows = self.rows.take().expect("rows are kept");
        let (_, summary) = self.finish(ledger)?;
        Ok((rows, summary))
    }

    /// Returns the whole rows up to the start before which everything was read; `None` if that is
    /// nothing.
    pub fn into_rows_prefix(mut self) -> Option<RowsPrefix> {
        let mut rows = self.rows.take()?;
        let Prefix { summary, until, beyond, .. } = self.into_prefix()?;
        rows.retain_before(until);
        Some(RowsPrefix { rows, summary, until, beyond })
    }
}

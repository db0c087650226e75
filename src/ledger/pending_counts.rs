//! Changes of the numbers of records that a staging will cause when it is committed.

use super::Ledger;
use super::counted::Counted;
use super::record::StoredRecord;
use super::staging::Staging;
use records_api::record::Timestamp;

/// Changes of the numbers of records, with the starts of the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingCounts {
    /// Starts of added (1) and removed (-1) records, by [`Counted`].
    moves: [Vec<(Timestamp, i64)>; 2],
}

impl PendingCounts {
    /// Returns the change of the number of records that start at `from` or later and that a count
    /// includes.
    pub fn since(&self, counted: Counted, from: Timestamp) -> i64 {
        let moves = &self.moves[counted as usize];
        moves.iter().filter(|(start, _)| *start >= from).map(|(_, by)| by).sum()
    }

    /// Adds a change.
    fn add(&mut self, record: &StoredRecord, by: i64) {
        for counted in [Counted::All, Counted::Uploaded] {
            if counted.includes(record) {
                self.moves[counted as usize].push((record.start, by));
            }
        }
    }
}

impl Ledger {
    /// Returns the changes that a staging will cause.
    pub fn pending(&self, staging: &Staging) -> PendingCounts {
        let mut pending = PendingCounts::default();
        // A record that is hidden already is not in the numbers and must not be subtracted.
        let mut subtract = |key| {
            let known = self.table.get(key).filter(StoredRecord::is_shown);
            if let Some(known) = known {
                pending.add(&known, -1);
            }
        };
        for record in staging.staged.iter() {
            subtract(record.key);
        }
        for key in self.hidden(staging) {
            subtract(key);
        }
        for record in staging.staged.iter() {
            pending.add(&record, 1);
        }
        pending
    }
}

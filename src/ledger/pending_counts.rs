//! What a staging will make of the numbers of records when it is taken over.

use super::Ledger;
use super::queries::Counted;
use super::record::StoredRecord;
use super::staging::Staging;
use records_api::record::Timestamp;

/// By how much the numbers will change, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingCounts {
    /// Starts of records that come and go: all, and the uploaded ones.
    moves: [Vec<(Timestamp, i64)>; 2],
}

impl PendingCounts {
    /// By how much the number of certain records that start at `from` or later will change.
    pub fn since(&self, counted: Counted, from: Timestamp) -> i64 {
        let moves = &self.moves[counted as usize];
        moves.iter().filter(|(start, _)| *start >= from).map(|(_, by)| by).sum()
    }

    fn add(&mut self, record: &StoredRecord, by: i64) {
        for counted in [Counted::All, Counted::Uploaded] {
            if counted.includes(record) {
                self.moves[counted as usize].push((record.start, by));
            }
        }
    }
}

impl Ledger {
    /// What a staging will change.
    pub fn pending(&self, staging: &Staging) -> PendingCounts {
        let mut pending = PendingCounts::default();
        let mut shown = |key, by| {
            let known = self.table.get(key).filter(StoredRecord::is_shown);
            if let Some(known) = known {
                pending.add(&known, by);
            }
        };
        for record in staging.staged.iter() {
            shown(record.key, -1);
        }
        for key in self.hidden(staging) {
            shown(key, -1);
        }
        for record in staging.staged.iter() {
            pending.add(&record, 1);
        }
        pending
    }
}

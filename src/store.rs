//! What is known of each record of the window, in compact form.
//!
//! A poll writes into a [`Draft`] beside the [`Store`]; only a complete poll is committed, all of
//! it at once. A draft that is dropped leaves no trace. The store lives in memory.

mod draft;
mod labels;
mod table;
mod words;

pub use draft::Draft;
pub use labels::{Label, Labels};
pub use table::{StoredRecord, Table};
pub use words::{Word, Words};

use crate::record::{Record, RecordKey};

/// The records of the window as of the last complete poll.
#[derive(Debug, Default)]
pub struct Store {
    /// The records.
    pub table: Table,
    /// The texts of pools and users.
    pub labels: Labels,
    /// The texts of statuses and types.
    pub words: Words,
}

impl Store {
    /// Takes over what a complete poll read: what it staged is new or changed, what it did not
    /// see is gone.
    pub fn commit(&mut self, draft: Draft) {
        draft.apply_to(&mut self.table);
    }

    /// The compact form of a record, whose key is `key`.
    pub(crate) fn compact(&mut self, key: RecordKey, record: &Record<'_>) -> StoredRecord {
        StoredRecord {
            key,
            start: record.start_time,
            update: record.update_time.into(),
            size_bytes: record.size.unwrap_or(0),
            duration_seconds: record.duration.unwrap_or(0),
            status: self.words.word(&record.status),
            record_type: self.words.word(&record.record_type),
            pool: self.labels.intern_or_none(record.desktop_pool_id.as_deref()),
            user: self.labels.intern_or_none(record.username.as_deref()),
        }
    }
}

//! What is known of each record of the window, in compact form.
//!
//! A poll writes into a [`Draft`] beside the [`Store`]; only a complete poll is committed, all of
//! it at once. A draft that is dropped leaves no trace. The store lives in memory.

mod draft;
mod labels;
mod table;

pub use draft::Draft;
pub use labels::{Label, Labels};
pub use table::{StoredRecord, Table};

use crate::record::{Record, Term};

/// The records of the window as of the last complete poll.
#[derive(Debug, Default)]
pub struct Store {
    /// The records.
    pub table: Table,
    /// The texts that their labels stand for.
    pub labels: Labels,
}

impl Store {
    /// Takes over what a complete poll read: what it staged is new or changed, what it did not
    /// see is gone.
    pub fn commit(&mut self, draft: Draft) {
        draft.apply_to(&mut self.table);
    }

    /// The compact form of a record.
    pub(crate) fn compact(&mut self, record: &Record<'_>) -> StoredRecord {
        StoredRecord {
            key: crate::record::RecordKey::of(&record.id),
            start: record.start_time,
            update: record.update_time,
            size_bytes: record.size.unwrap_or(0),
            duration_seconds: record.duration.unwrap_or(0),
            status: match &record.status {
                Term::Known(status) => Label::from(*status),
                Term::Unknown(text) => self.labels.intern(text),
                Term::Absent => Label::NONE,
            },
            record_type: match &record.record_type {
                Term::Known(record_type) => Label::from(*record_type),
                Term::Unknown(text) => self.labels.intern(text),
                Term::Absent => Label::NONE,
            },
            pool: self.labels.intern_or_none(record.desktop_pool_id.as_deref()),
            user: self.labels.intern_or_none(record.username.as_deref()),
        }
    }
}

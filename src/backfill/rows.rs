//! The part of a record that its entries depend on, and the file that keeps these of a project.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use records_api::record::{Record, RecordType, Status, Term, Timestamp};
use serde::{Deserialize, Serialize};

use super::files::{ItemReader, ItemWriter};
use crate::ledger::shortened;

/// Label value of a record without one.
pub(super) const NONE: &str = "_none";

/// The part of a record that its entries depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row<'a> {
    /// Start of the recording, which is its entry into RECORDING.
    pub(super) start: Timestamp,
    /// Entry into the present status. Without an `update_time` it is the end of the recording, and
    /// without an end the start. An update before the start counts at the start.
    pub(super) update: Timestamp,
    /// Texts as in the series of the exporter, in full.
    #[serde(borrow)]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) record_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) pool: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
    pub(super) size_bytes: Option<u64>,
    pub(super) duration_seconds: Option<u32>,
    /// Milliseconds from the end of the recording to its last update, unless negative.
    pub(super) delay_millis: Option<u64>,
}

impl<'a> Row<'a> {
    pub(super) fn of(record: &'a Record<'_>) -> Self {
        let delay = record.update_time.zip(record.end_time);
        let delay = delay.map(|(update, end)| update.millis().saturating_sub(end.millis()));
        let name = |name: &'a Option<Cow<'_, str>>| name.as_deref().map_or(NONE.into(), shortened);
        Self {
            start: record.start_time,
            update: record
                .update_time
                .or(record.end_time)
                .unwrap_or(record.start_time)
                .max(record.start_time),
            status: term(&record.status, Status::code),
            record_type: term(&record.record_type, RecordType::code),
            pool: name(&record.desktop_pool_id),
            user: name(&record.username),
            size_bytes: record.size,
            duration_seconds: record.duration,
            delay_millis: delay.and_then(|delay| u64::try_from(delay).ok()),
        }
    }

    /// Returns the documented status, if it is one.
    pub(super) fn known_status(&self) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.code() == self.status)
    }
}

fn term<'a, T: Copy>(term: &'a Term<'_, T>, code: impl Fn(T) -> &'static str) -> Cow<'a, str> {
    match term {
        Term::Known(known) => code(*known).into(),
        Term::Unknown(text) => shortened(text),
        Term::Absent => NONE.into(),
    }
}

/// Rows of a project in a temporary file.
#[derive(Debug)]
pub(super) struct Spool(ItemWriter);

impl Spool {
    pub(super) fn in_directory(directory: &Path) -> io::Result<Self> {
        ItemWriter::in_directory(directory).map(Self)
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.0.push(row)
    }

    /// Passes all rows to `take`.
    pub(super) fn read(self, mut take: impl FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<()> {
        let length = self.0.length();
        let mut rows = ItemReader::new(self.0.finish()?, 0, length);
        while let Some(row) = rows.next::<Row<'_>>()? {
            take(&row)?;
        }
        Ok(())
    }
}

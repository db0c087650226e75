//! One failure of the list.

use serde::{Serialize, Serializer};

use crate::csv_text::guarded;
use crate::snapshot::ShownFailure;
use records_api::record::Timestamp;

/// A failure with its project and the name of its pool.
pub(in crate::http) struct Row<'a> {
    pub(in crate::http) project: &'a str,
    pub(in crate::http) pool_name: Option<&'a str>,
    pub(in crate::http) failure: ShownFailure<'a>,
}

/// Columns of the CSV, which are the fields of the JSON.
pub(super) const COLUMNS: [&str; 16] = [
    "project",
    "status",
    "type",
    "pool",
    "pool_name",
    "desktop_id",
    "desktop_name",
    "user",
    "id",
    "start_time",
    "update_time",
    "size_bytes",
    "bucket",
    "file_directory",
    "file_name",
    "counted",
];

impl Row<'_> {
    /// Returns the failure as a line of CSV.
    pub(super) fn to_csv(&self) -> [String; COLUMNS.len()] {
        let failure = &self.failure;
        let text = |text: Option<&str>| guarded(text.unwrap_or_default()).into_owned();
        [
            text(Some(self.project)),
            text(Some(failure.status)),
            text(failure.record_type),
            text(failure.pool),
            text(self.pool_name),
            text(failure.desktop_id),
            text(failure.desktop_name),
            text(failure.user.as_deref()),
            text(failure.id),
            failure.start.to_rfc3339(),
            failure.update.map(Timestamp::to_rfc3339).unwrap_or_default(),
            failure.size_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            text(failure.bucket),
            text(failure.file_directory),
            text(failure.file_name),
            failure.counted.to_string(),
        ]
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let failure = &self.failure;
        let mut row = serializer.serialize_struct("Row", COLUMNS.len())?;
        row.serialize_field("project", self.project)?;
        row.serialize_field("status", failure.status)?;
        row.serialize_field("type", &failure.record_type)?;
        row.serialize_field("pool", &failure.pool)?;
        row.serialize_field("pool_name", &self.pool_name)?;
        row.serialize_field("desktop_id", &failure.desktop_id)?;
        row.serialize_field("desktop_name", &failure.desktop_name)?;
        row.serialize_field("user", &failure.user.as_deref())?;
        row.serialize_field("id", &failure.id)?;
        row.serialize_field("start_time", &failure.start.to_rfc3339())?;
        row.serialize_field("update_time", &failure.update.map(Timestamp::to_rfc3339))?;
        row.serialize_field("size_bytes", &failure.size_bytes)?;
        row.serialize_field("bucket", &failure.bucket)?;
        row.serialize_field("file_directory", &failure.file_directory)?;
        row.serialize_field("file_name", &failure.file_name)?;
        row.serialize_field("counted", &failure.counted)?;
        row.end()
    }
}

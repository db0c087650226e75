//! One failure of the list.

use serde_json::{Value, json};

use crate::ledger::ValueLimit;
use crate::snapshot::ShownFailure;
use records_api::record::Timestamp;

/// A failure with its project and the name of its pool.
pub(in crate::http) struct Row<'a> {
    pub(in crate::http) project: &'a str,
    pub(in crate::http) pool_name: Option<&'a str>,
    pub(in crate::http) failure: ShownFailure<'a>,
    /// Maximum length of a label value.
    pub(in crate::http) value_limit: ValueLimit,
}

impl Row<'_> {
    /// Returns the failure in the JSON of `/api/v1/failures`.
    pub(super) fn to_json(&self) -> Value {
        let failure = &self.failure;
        json!({
            "project": self.project,
            "status": failure.status,
            "type": failure.record_type,
            "pool": failure.pool,
            "pool_name": self.pool_name,
            "desktop_id": failure.desktop_id,
            "desktop_name": failure.desktop_name,
            "user": failure.user.as_deref(),
            "id": failure.id,
            "start_time": failure.start.to_rfc3339(),
            "update_time": failure.update.map(Timestamp::to_rfc3339),
            "size_bytes": failure.size_bytes,
            "bucket": failure.bucket,
            "file_directory": failure.file_directory,
            "file_name": failure.file_name,
            "counted": failure.counted,
        })
    }
}

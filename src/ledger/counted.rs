//! Records that a count includes.

use super::record::StoredRecord;
use super::terms::TermId;
use records_api::record::Status;

/// Records that a count includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Every record.
    All,
    /// Records whose status is `UPLOAD_COMPLETED`.
    Uploaded,
}

impl Counted {
    /// Returns whether a count includes a record.
    pub(super) fn includes(self, record: &StoredRecord) -> bool {
        self == Self::All || record.status == TermId::from(Status::UploadCompleted)
    }
}

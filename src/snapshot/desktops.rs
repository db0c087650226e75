//! Desktops with records in the window. A silent one may have stopped being recorded.

use std::sync::Arc;

use records_api::record::Timestamp;

/// A desktop with records in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desktop {
    /// Id of the desktop.
    pub id: Arc<str>,
    /// Name of the desktop in its newest record. Contains user names, so it is `None` unless these are
    /// shown.
    pub name: Option<Arc<str>>,
    /// Id of the pool in its newest record; `None` if the desktop belongs to none.
    pub pool: Option<Arc<str>>,
    /// Number of its records in the window.
    pub records: u64,
    /// Number of those in `REC_FAILED` or `UPLOAD_FAILED`.
    pub failed: u64,
    /// Start of its newest record.
    pub last_start: Timestamp,
    /// Greatest `update_time` of its records in `UPLOAD_COMPLETED`.
    pub last_upload: Option<Timestamp>,
}

//! One desktop of the list.

use std::time::Duration;

use serde_json::{Value, json};

use crate::csv_text::guarded;
use crate::ledger::ValueLimit;
use crate::snapshot::Desktop;
use records_api::record::Timestamp;

/// A desktop with its project and the name of its pool.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Row<'a> {
    pub(in crate::http) project: &'a str,
    pub(in crate::http) pool_name: Option<&'a str>,
    pub(in crate::http) desktop: &'a Desktop,
    /// Time of the data.
    pub(in crate::http) as_of: Timestamp,
    /// Maximum length of a label value.
    pub(in crate::http) value_limit: ValueLimit,
}

/// Columns of the CSV.
pub(super) const COLUMNS: [&str; 9] = [
    "project",
    "desktop_id",
    "desktop_name",
    "pool",
    "pool_name",
    "records",
    "failed",
    "last_start",
    "last_upload",
];

impl Row<'_> {
    /// Returns the time without a new record.
    pub(in crate::http) fn silence(&self) -> Duration {
        let millis = self.as_of.millis().saturating_sub(self.desktop.last_start.millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Returns the desktop in the JSON of `/api/v1/desktops`.
    pub(super) fn to_json(self) -> Value {
        let desktop = self.desktop;
        json!({
            "project": self.project,
            "desktop_id": &*desktop.id,
            "desktop_name": desktop.name.as_deref(),
            "pool": desktop.pool.as_deref(),
            "pool_name": self.pool_name,
            "records": desktop.records,
            "failed": desktop.failed,
            "last_start": desktop.last_start.to_rfc3339(),
            "last_upload": desktop.last_upload.map(Timestamp::to_rfc3339),
        })
    }

    /// Returns the desktop as a line of CSV.
    pub(super) fn to_csv(self) -> [String; COLUMNS.len()] {
        let desktop = self.desktop;
        let text = |text: Option<&str>| guarded(text.unwrap_or_default()).into_owned();
        [
            text(Some(self.project)),
            text(Some(&desktop.id)),
            text(desktop.name.as_deref()),
            text(desktop.pool.as_deref()),
            text(self.pool_name),
            desktop.records.to_string(),
            desktop.failed.to_string(),
            desktop.last_start.to_rfc3339(),
            desktop.last_upload.map(Timestamp::to_rfc3339).unwrap_or_default(),
        ]
    }
}

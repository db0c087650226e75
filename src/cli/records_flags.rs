//! The flags of `records`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::listing::{Selection, parse_moment, parse_status, parse_type};
use records_api::record::{RecordType, Status, Timestamp};

/// Flags of `records`.
#[derive(Debug, Clone, Args)]
pub(super) struct RecordsFlags {
    /// List records that start then or later: RFC 3339, or a date for its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(super) start: Timestamp,

    /// List records that start before then
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(super) end: Timestamp,

    /// Only list records of this project [default: all projects of the config]
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,

    #[command(flatten)]
    conditions: Conditions,

    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(super) format: Format,

    /// Write to this file, which appears when the list is complete; - is stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(super) output: PathBuf,

    /// Do not prefix texts that a spreadsheet would take for formulas (CSV)
    #[arg(long)]
    pub(super) raw: bool,

    /// Only print records, bytes and hours by status, pool and bucket
    #[arg(long)]
    pub(super) summary: bool,
}

/// Conditions on records. `_none` selects records without a value.
#[derive(Debug, Clone, Args)]
struct Conditions {
    /// Only list records of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Only list records of this desktop
    #[arg(long, value_name = "ID|NAME")]
    desktop: Option<String>,

    /// Only list records of this desktop pool
    #[arg(long, value_name = "ID|NAME")]
    pool: Option<String>,

    /// Only list records in this status
    #[arg(long, value_parser = parse_status)]
    status: Option<Status>,

    /// Only list records of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    record_type: Option<RecordType>,

    /// Only list records in this OBS bucket
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,

    /// Only list records of this recording policy
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
}

/// Format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a header
    Csv,
    /// One JSON object per line
    Jsonl,
    /// The most useful fields in aligned columns
    Table,
}

impl RecordsFlags {
    /// The conditions on records.
    pub(super) fn selection(&self) -> Selection {
        let Conditions { user, desktop, pool, status, record_type, bucket, policy } =
            self.conditions.clone();
        let selection = Selection::default();
        Selection { user, desktop, pool, status, record_type, bucket, policy, ..selection }
    }
}

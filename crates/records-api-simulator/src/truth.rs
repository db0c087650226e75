//! The truth about the world, computed without any code of the listing.
//!
//! Statuses and types are the documented constants in every dialect. Records without a pool, user,
//! bucket, policy, status or type count under `_none`. Times have the precision of the dialect.

pub(crate) mod compute;

use serde::Serialize;

use crate::world::record::Record;

/// Number, bytes and seconds of records. A missing value counts as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Number of records.
    pub count: u64,
    /// Their `size`, in bytes.
    pub size: i64,
    /// Their `duration`, in seconds.
    pub duration: i64,
}

impl Sums {
    fn add(&mut self, record: &Record) {
        self.count += 1;
        self.size += record.size.unwrap_or(0);
        self.duration += record.duration.map_or(0, i64::from);
    }
}

/// Sums for a status, type and pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolSums {
    /// Constant of the status.
    pub status: &'static str,
    /// Constant of the type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Id of the pool.
    pub pool: String,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums for a user and status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserSums {
    /// Name of the user.
    pub user: String,
    /// Constant of the status.
    pub status: &'static str,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums for a bucket and status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketSums {
    /// Name of the bucket.
    pub bucket: String,
    /// Constant of the status.
    pub status: &'static str,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums for a policy and status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicySums {
    /// Id of the policy.
    pub policy: String,
    /// Constant of the status.
    pub status: &'static str,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// A pool that has records, or is in the list of pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolDesktops {
    /// Id of the pool.
    pub pool: String,
    /// Name in the list of pools; `None` if the pool is not in it.
    pub name: Option<String>,
    /// Number of desktops in the list of pools; `None` if the pool is not in it.
    pub desktop_count: Option<u64>,
    /// Number of desktops with a record.
    pub recorded: u64,
    /// Number of desktops with a record of the last day.
    pub recorded_last_day: u64,
    /// The latest `start_time`, in milliseconds since the Unix epoch.
    pub newest_start: Option<i64>,
}

/// A desktop that has records. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesktopRecords {
    /// Id of the desktop.
    pub id: String,
    /// Name of the desktop in its newest record.
    pub name: String,
    /// Id of the pool in its newest record.
    pub pool: Option<String>,
    /// Number of records.
    pub records: u64,
    /// Number of records in `REC_FAILED` or `UPLOAD_FAILED`.
    pub failed: u64,
    /// The latest `start_time`.
    pub last_start: i64,
    /// The latest `update_time` in `UPLOAD_COMPLETED`.
    pub last_upload: Option<i64>,
}

/// The oldest record in flight of a status and pool. Times are in milliseconds since the Unix
/// epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Oldest {
    /// Constant of the status.
    pub status: &'static str,
    /// Id of the pool.
    pub pool: String,
    /// The earliest `start_time`.
    pub start: i64,
    /// The earliest `update_time`.
    pub update: i64,
}

/// Entries into and departures from a status, type and pool since the world began, regardless of
/// the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolFlow {
    /// Constant of the status.
    pub status: &'static str,
    /// Constant of the type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Id of the pool.
    pub pool: String,
    /// Number of times that a record entered.
    pub entered: u64,
    /// Number of times that a record left.
    pub left: u64,
}

/// Entries into and departures from a status of a user since the world began, regardless of the
/// window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserFlow {
    /// Name of the user.
    pub user: String,
    /// Constant of the status.
    pub status: &'static str,
    /// Number of times that a record entered.
    pub entered: u64,
    /// Number of times that a record left.
    pub left: u64,
}

/// Size and duration of the records at each entry into `UPLOAD_COMPLETED` since the world began,
/// regardless of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UploadFlow {
    /// Constant of the type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Id of the pool.
    pub pool: String,
    /// Sum of `size`, in bytes.
    pub size: i64,
    /// Sum of `duration`, in seconds.
    pub duration: i64,
}

/// A failed record as the API shows it. Missing values are null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Id of the record.
    pub id: String,
    /// Constant of the status.
    pub status: &'static str,
    /// Constant of the type, if the row has one.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// Id of the pool.
    pub pool: Option<String>,
    /// Name of the pool.
    pub pool_name: Option<String>,
    /// Id of the desktop.
    pub desktop_id: String,
    /// Name of the desktop.
    pub desktop_name: String,
    /// Name of the user.
    pub user: Option<String>,
    /// `start_time`, RFC 3339 with milliseconds.
    pub start_time: String,
    /// `update_time`, RFC 3339 with milliseconds.
    pub update_time: String,
    /// `size` in bytes.
    pub size_bytes: Option<i64>,
    /// `obs_bucket`.
    pub bucket: Option<String>,
    /// `file_directory`.
    pub file_directory: Option<String>,
    /// `video_filename`.
    pub file_name: Option<String>,
}

/// The truth at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The time in milliseconds since the Unix epoch.
    pub now: i64,
    /// Records that started earlier are not included.
    pub from: i64,
    /// Records that started earlier are not of the last day.
    pub last_day_from: i64,
    /// Records that start later are not of the last day.
    pub last_day_until: i64,
    /// Number of records.
    pub records: u64,
    /// Sums by status, type and pool; only those with records.
    pub by_pool: Vec<PoolSums>,
    /// Sums by user and status; only those with records.
    pub by_user: Vec<UserSums>,
    /// Sums by bucket and status; only those with records.
    pub by_bucket: Vec<BucketSums>,
    /// Sums by policy and status; only those with records.
    pub by_policy: Vec<PolicySums>,
    /// The pools that have records, and those of the list of pools, by id.
    pub pools: Vec<PoolDesktops>,
    /// The desktops that have records, by id.
    pub desktops: Vec<DesktopRecords>,
    /// The oldest records in flight by status and pool.
    pub oldest: Vec<Oldest>,
    /// The latest `start_time`, in milliseconds since the Unix epoch.
    pub newest_start: Option<i64>,
    /// Entries and departures by status, type and pool.
    pub pool_flows: Vec<PoolFlow>,
    /// Entries and departures by user and status.
    pub user_flows: Vec<UserFlow>,
    /// Uploads by type and pool.
    pub uploads: Vec<UploadFlow>,
    /// The failed records with the latest starts, latest first; at most 1000.
    pub failures: Vec<Failure>,
}

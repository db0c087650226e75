//! The truth about the world, computed without any code of the listing.
//!
//! Statuses and types are the documented constants in every dialect. Records without a pool, user,
//! status or type count under `_none`. Times have the precision of the dialect.

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

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.size += other.size;
        self.duration += other.duration;
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
    /// Number of records.
    pub records: u64,
    /// Sums by status, type and pool; only those with records.
    pub by_pool: Vec<PoolSums>,
    /// Sums by user and status; only those with records.
    pub by_user: Vec<UserSums>,
    /// The oldest records in flight by status and pool.
    pub oldest: Vec<Oldest>,
    /// The latest `start_time`, in milliseconds since the Unix epoch.
    pub newest_start: Option<i64>,
    /// Entries and departures by status, type and pool.
    pub pool_flows: Vec<PoolFlow>,
    /// Entries and departures by user and status.
    pub user_flows: Vec<UserFlow>,
    /// The failed records with the latest starts, latest first; at most 1000.
    pub failures: Vec<Failure>,
}

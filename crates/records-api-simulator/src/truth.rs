//! The truth about the world, computed without any code of the listing.
//!
//! Statuses and types are the documented constants in every dialect. Records without a pool, user,
//! status or type count under `_none`. Times have the precision of the dialect.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Serialize;

use crate::{
    dialect::TimeFormat,
    mix::{high, mix},
    world::{
        World,
        flows::Flow,
        record::{Kind, Record, Status},
    },
};

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

/// Computes the truth about the records that started at or after `from`.
pub(super) fn compute(world: &World, from: i64, times: TimeFormat) -> Truth {
    let directory = world.directory();
    let pool_of =
        |pool: Option<u32>| pool.map_or("_none", |pool| directory.pool_id(pool)).to_owned();
    let user_of =
        |user: Option<u32>| user.map_or("_none", |user| directory.user_name(user)).to_owned();
    let mut by_pool = BTreeMap::<_, Sums>::new();
    let mut by_user = BTreeMap::<_, Sums>::new();
    let mut oldest = BTreeMap::<_, (i64, i64)>::new();
    let mut newest = None;
    let mut records = 0;
    for record in world.records_from(from) {
        records += 1;
        newest = newest.max(Some(record.start));
        by_pool.entry((record.status, record.kind, record.pool)).or_default().add(record);
        by_user.entry((record.user, record.status)).or_default().add(record);
        if record.status.in_flight() {
            let entry = oldest.entry((record.status, record.pool)).or_insert((i64::MAX, i64::MAX));
            *entry = (entry.0.min(record.start), entry.1.min(record.update));
        }
    }
    // A user may be named `_none`: equal labels are one group.
    let mut named = BTreeMap::<_, Sums>::new();
    for ((user, status), sums) in by_user {
        let entry = named.entry((user_of(user), status.code())).or_default();
        entry.count += sums.count;
        entry.size += sums.size;
        entry.duration += sums.duration;
    }
    let mut flows = BTreeMap::<_, Flow>::new();
    for ((user, status), flow) in &world.flows().users {
        let entry = flows.entry((user_of(*user), status.code())).or_default();
        entry.entered += flow.entered;
        entry.left += flow.left;
    }
    Truth {
        now: world.now(),
        from,
        records,
        by_pool: by_pool
            .into_iter()
            .map(|((status, kind, pool), sums)| PoolSums {
                status: status.code(),
                kind: kind.code(),
                pool: pool_of(pool),
                sums,
            })
            .collect(),
        by_user: named
            .into_iter()
            .map(|((user, status), sums)| UserSums { user, status, sums })
            .collect(),
        oldest: oldest
            .into_iter()
            .map(|((status, pool), (start, update))| Oldest {
                status: status.code(),
                pool: pool_of(pool),
                start: times.as_shown(start),
                update: times.as_shown(update),
            })
            .collect(),
        newest_start: newest.map(|start| times.as_shown(start)),
        pool_flows: pool_flows(world),
        failures: failures(world, from, times),
        user_flows: flows
            .into_iter()
            .map(|((user, status), flow)| UserFlow {
                user,
                status,
                entered: flow.entered,
                left: flow.left,
            })
            .collect(),
    }
}

/// Maximum number of failures in a truth.
const MAX_FAILURES: usize = 1000;

fn failures(world: &World, from: i64, times: TimeFormat) -> Vec<Failure> {
    let failed = world
        .records_from(from)
        .filter(|record| matches!(record.status, Status::RecFailed | Status::UploadFailed));
    let mut failed: Vec<_> = failed.collect();
    failed.reverse();
    failed.truncate(MAX_FAILURES);
    failed.into_iter().map(|record| failure(world, record, times)).collect()
}

fn failure(world: &World, record: &Record, times: TimeFormat) -> Failure {
    let directory = world.directory();
    let desktop = directory.desktop_id(record.desktop);
    // There is no file if the recording itself failed.
    let file = (record.status == Status::UploadFailed).then_some(desktop);
    let shown = |millis| {
        let moment = DateTime::from_timestamp_millis(times.as_shown(millis)).unwrap_or_default();
        moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    };
    Failure {
        id: format!("{:032x}", record.id),
        status: record.status.code(),
        kind: (record.kind != Kind::Missing).then(|| record.kind.code()),
        pool: record.pool.map(|pool| directory.pool_id(pool).to_owned()),
        pool_name: record.pool.map(|pool| directory.pool_name(pool).to_owned()),
        desktop_id: desktop.to_owned(),
        desktop_name: directory.desktop_name(record.desktop).to_owned(),
        user: record.user.map(|user| directory.user_name(user).to_owned()),
        start_time: shown(record.start),
        update_time: shown(record.update),
        size_bytes: record.size,
        bucket: file.map(|_| "wks-screen-records".to_owned()),
        file_directory: file
            .map(|desktop| format!("records/{}/{desktop}", record.start.div_euclid(86_400_000))),
        file_name: file.map(|desktop| format!("video_{desktop}_{:016x}.mp4", mix(high(record.id)))),
    }
}

fn pool_flows(world: &World) -> Vec<PoolFlow> {
    let flows = world.flows().pools.iter().map(|((status, kind, pool), flow)| PoolFlow {
        status: status.code(),
        kind: kind.code(),
        pool: pool.map_or("_none", |pool| world.directory().pool_id(pool)).to_owned(),
        entered: flow.entered,
        left: flow.left,
    });
    flows.collect()
}

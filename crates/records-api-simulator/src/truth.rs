//! What is true of the world now, added up without any of the listing's code.
//!
//! Statuses and types are the documented constants whatever the dialect; a record without a pool,
//! user, status or type counts under `_none`. Times are as precise as the dialect shows them.

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

/// Counts, bytes and seconds of some records; what a record does not have adds 0.
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

/// Sums of a (status, type, pool).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolSums {
    /// The status' constant.
    pub status: &'static str,
    /// The type's constant.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The pool's id.
    pub pool: String,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums of a (user, status).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserSums {
    /// The user's name.
    pub user: String,
    /// The status' constant.
    pub status: &'static str,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// The oldest of the records in flight of a (status, pool). Milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Oldest {
    /// The status' constant.
    pub status: &'static str,
    /// The pool's id.
    pub pool: String,
    /// The earliest `start_time`.
    pub start: i64,
    /// The earliest `update_time`.
    pub update: i64,
}

/// Entries and departures of a (status, type, pool) since the world began, whatever the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolFlow {
    /// The status' constant.
    pub status: &'static str,
    /// The type's constant.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The pool's id.
    pub pool: String,
    /// Times that a record entered.
    pub entered: u64,
    /// Times that a record left.
    pub left: u64,
}

/// Entries and departures of a (user, status) since the world began, whatever the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserFlow {
    /// The user's name.
    pub user: String,
    /// The status' constant.
    pub status: &'static str,
    /// Times that a record entered.
    pub entered: u64,
    /// Times that a record left.
    pub left: u64,
}

/// A failed record as the API shows it; absent values are null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The record's id.
    pub id: String,
    /// The status' constant.
    pub status: &'static str,
    /// The type's constant, if the row has one.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// The pool's id.
    pub pool: Option<String>,
    /// The pool's name.
    pub pool_name: Option<String>,
    /// The desktop's id.
    pub desktop_id: String,
    /// The desktop's name.
    pub desktop_name: String,
    /// The user's name.
    pub user: Option<String>,
    /// `start_time`, RFC 3339 with milliseconds.
    pub start_time: String,
    /// `update_time`, likewise.
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

/// The world at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The moment, in milliseconds since the epoch.
    pub now: i64,
    /// Records that started earlier are left out.
    pub from: i64,
    /// Number of records.
    pub records: u64,
    /// Sums by (status, type, pool), only of those that have records.
    pub by_pool: Vec<PoolSums>,
    /// Sums by (user, status), only of those that have records.
    pub by_user: Vec<UserSums>,
    /// The oldest in flight by (status, pool).
    pub oldest: Vec<Oldest>,
    /// The latest `start_time`, in milliseconds since the epoch.
    pub newest_start: Option<i64>,
    /// Entries by (status, type, pool).
    pub pool_flows: Vec<PoolFlow>,
    /// Entries by (user, status).
    pub user_flows: Vec<UserFlow>,
    /// The failed records that started last, at most a thousand, the latest first.
    pub failures: Vec<Failure>,
}

/// The truth about the records that started at or after `from`.
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
    // A user may be called `_none`: what has the same label is the same group.
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

/// Failures that a truth lists.
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
    // Of a recording that failed there is no file.
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

//! Computes the truth about a world.

mod desktops;
mod labels;

use std::collections::BTreeMap;

use chrono::DateTime;
use labels::{NONE, pool_label, user_label};

use super::{
    BucketSums, Failure, Oldest, PolicySums, PoolFlow, PoolSums, Sums, Truth, UploadFlow, UserFlow,
    UserSums,
};
use crate::{
    dialect::TimeFormat,
    mix::{high, mix},
    world::{
        World,
        flows::Flow,
        record::{Kind, Record, Status},
    },
};

/// Maximum number of failures in a truth.
const MAX_FAILURES: usize = 1000;

/// Computes the truth about the records that started at or after `from`.
pub(crate) fn compute(world: &World, from: i64, day_end: i64, times: TimeFormat) -> Truth {
    let last_day_from = day_end.saturating_sub(24 * 3_600_000);
    let records = || world.records_from(from);
    Truth {
        now: world.now(),
        from,
        last_day_from,
        last_day_until: day_end,
        records: records().count() as u64,
        by_pool: by_pool(world, from),
        by_user: by_user(world, from),
        by_bucket: by_bucket(world, from),
        by_policy: by_policy(world, from),
        pools: desktops::by_pool(world, from, last_day_from..=day_end, times),
        desktops: desktops::all(world, from, times),
        oldest: oldest(world, from, times),
        newest_start: records().map(|record| record.start).max().map(|start| times.as_shown(start)),
        pool_flows: pool_flows(world),
        user_flows: user_flows(world),
        uploads: uploads(world),
        failures: failures(world, from, times),
    }
}

fn by_pool(world: &World, from: i64) -> Vec<PoolSums> {
    let mut cells = BTreeMap::<_, Sums>::new();
    for record in world.records_from(from) {
        cells.entry((record.status, record.kind, record.pool)).or_default().add(record);
    }
    let sums = cells.into_iter().map(|((status, kind, pool), sums)| PoolSums {
        status: status.code(),
        kind: kind.code(),
        pool: pool_label(world, pool),
        sums,
    });
    sums.collect()
}

fn by_user(world: &World, from: i64) -> Vec<UserSums> {
    let sums = by_label(world, from, |record| user_label(world, record.user));
    sums.map(|((user, status), sums)| UserSums { user, status, sums }).collect()
}

fn by_bucket(world: &World, from: i64) -> Vec<BucketSums> {
    let name = |bucket| world.directory().bucket_name(bucket);
    let label = |record: &Record| record.shown_bucket().and_then(name).unwrap_or(NONE).to_owned();
    let sums = by_label(world, from, label);
    sums.map(|((bucket, status), sums)| BucketSums { bucket, status, sums }).collect()
}

fn by_policy(world: &World, from: i64) -> Vec<PolicySums> {
    let id = |policy| world.directory().policy_id(policy);
    let label = |record: &Record| record.policy.and_then(id).unwrap_or(NONE).to_owned();
    let sums = by_label(world, from, label);
    sums.map(|((policy, status), sums)| PolicySums { policy, status, sums }).collect()
}

/// Returns the sums by label and status. Equal labels are one group, such as a missing value and a
/// value `_none`.
fn by_label(
    world: &World,
    from: i64,
    label: impl Fn(&Record) -> String,
) -> impl Iterator<Item = ((String, &'static str), Sums)> {
    let mut cells = BTreeMap::<_, Sums>::new();
    for record in world.records_from(from) {
        cells.entry((label(record), record.status.code())).or_default().add(record);
    }
    cells.into_iter()
}

fn oldest(world: &World, from: i64, times: TimeFormat) -> Vec<Oldest> {
    let mut cells = BTreeMap::new();
    for record in world.records_from(from).filter(|record| record.status.in_flight()) {
        let (start, update) =
            cells.entry((record.status, record.pool)).or_insert((i64::MAX, i64::MAX));
        *start = record.start.min(*start);
        *update = record.update.min(*update);
    }
    let oldest = cells.into_iter().map(|((status, pool), (start, update))| Oldest {
        status: status.code(),
        pool: pool_label(world, pool),
        start: times.as_shown(start),
        update: times.as_shown(update),
    });
    oldest.collect()
}

fn pool_flows(world: &World) -> Vec<PoolFlow> {
    let flows = world.flows().pools.iter().map(|((status, kind, pool), flow)| PoolFlow {
        status: status.code(),
        kind: kind.code(),
        pool: pool_label(world, *pool),
        entered: flow.entered,
        left: flow.left,
    });
    flows.collect()
}

fn user_flows(world: &World) -> Vec<UserFlow> {
    let mut labelled = BTreeMap::<_, Flow>::new();
    for ((user, status), flow) in &world.flows().users {
        let cell = labelled.entry((user_label(world, *user), status.code())).or_default();
        cell.entered += flow.entered;
        cell.left += flow.left;
    }
    let flows = labelled.into_iter().map(|((user, status), flow)| UserFlow {
        user,
        status,
        entered: flow.entered,
        left: flow.left,
    });
    flows.collect()
}

fn uploads(world: &World) -> Vec<UploadFlow> {
    let flows = world.flows().uploaded.iter().map(|((kind, pool), uploaded)| UploadFlow {
        kind: kind.code(),
        pool: pool_label(world, *pool),
        size: uploaded.size,
        duration: uploaded.duration,
    });
    flows.collect()
}

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
    // A recording that failed leaves no file.
    let file = (record.status == Status::UploadFailed).then_some(desktop);
    let formatted = |millis| {
        let time = DateTime::from_timestamp_millis(times.as_shown(millis)).unwrap_or_default();
        time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
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
        start_time: formatted(record.start),
        update_time: formatted(record.update),
        size_bytes: record.size,
        bucket: record
            .shown_bucket()
            .and_then(|bucket| directory.bucket_name(bucket))
            .map(str::to_owned),
        file_directory: file
            .map(|desktop| format!("records/{}/{desktop}", record.start.div_euclid(86_400_000))),
        file_name: file.map(|desktop| format!("video_{desktop}_{:016x}.mp4", mix(high(record.id)))),
    }
}
